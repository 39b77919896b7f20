/**
 * Asks a peer who it is, has its attestation service appraise what it answers, and verifies both.
 *
 * @see docs/spec/platform-api.md, docs/spec/attestation-service.md
 * @module
 */

import {
  base64UrlOf,
  joined,
  jsonOf,
  ok,
  type Problem,
  type Result,
  refuse,
  type UnixSeconds,
} from '../bytes/index.ts'
import { type SigningKeys, tokenLimits } from '../token/index.ts'
import { piecesOf } from './byte-source.ts'
import { channelLimits } from './limits.ts'
import type { PeerProblem, VerifiedPeer } from './peer.ts'
import type { Random } from './random.ts'
import { type PeerTrust, verifyPeer } from './verify-peer.ts'

/** Where a platform is asked, and whose word is taken for it: what a deployment's `/config.json` says of both. */
export interface PlatformConfiguration
  extends Pick<PeerTrust, 'deployment' | 'development' | 'expectation' | 'roots'> {
  /** Its address, without a slash at the end. */
  readonly platform: string
  readonly attestation: Omit<PeerTrust['attestation'], 'jwks' | 'denyList'> & {
    readonly url: string
  }
}

/** What asking takes of the world. */
export interface AskEffects {
  readonly fetch: (url: string, init?: RequestInit) => Promise<Response>
  readonly random: Random
  readonly now: () => UnixSeconds
}

export type AskStep = 'evidence' | 'attestation' | 'appraisal'

export type AnswerCode = 'no-answer' | 'unavailable' | 'declined' | 'answer-malformed'

/** Why a service gave no usable answer. */
export interface AnswerProblem extends Problem<AnswerCode> {
  /** What it said where it declined, as JSON; anybody may have. */
  readonly said?: unknown
}

/** Somebody did not answer: nothing was proven either way. */
export interface NotAnswered extends Problem {
  readonly kind: 'unavailable'
  readonly service: 'platform' | 'attestation-service'
  readonly problem: AnswerProblem
}

/** The other side was reached, and is not believed. */
export interface NotBelieved extends PeerProblem {
  readonly kind: 'refused'
  /** Why the attestation service gave no token, where it declined to. */
  readonly declined?: AnswerProblem
}

/**
 * Verifies a platform twice: has the attestation service appraise its evidence, and appraises the same evidence here.
 * Both must agree. Nothing of anybody's is among what is sent.
 *
 * @param options - `onStep` is told what is going on; `clockSkewSeconds` as {@link verifyPeer} takes it.
 */
export async function askPlatform(
  effects: AskEffects,
  configuration: PlatformConfiguration,
  options: {
    readonly onStep?: (step: AskStep) => void
    readonly clockSkewSeconds?: number
  } = {},
): Promise<Result<VerifiedPeer, NotAnswered | NotBelieved>> {
  const { onStep = () => {}, ...skew } = options
  const { attestation, platform, ...expected } = configuration
  const { url, ...service } = attestation

  onStep('evidence')
  const nonce = effects.random.bytes(channelLimits.nonceBytes)
  const document = await jsonFrom(effects, `${platform}/evidence`, { nonce: base64UrlOf(nonce) })
  if (!document.ok) return notAnswered('platform', document.problem)

  onStep('attestation')
  const [token, jwks, denyList] = await Promise.all([
    tokenFor(effects, url, document.value),
    jsonFrom(effects, `${url}/certs`),
    tokenFrom(effects, `${url}/deny-list`),
  ])
  if (!jwks.ok) return notAnswered('attestation-service', jwks.problem)
  if (!denyList.ok) return notAnswered('attestation-service', denyList.problem)

  onStep('appraisal')
  // Without a token the evidence is verified all the same: what is wrong with it is told by its own name.
  const peer = await verifyPeer({
    deployment: expected.deployment,
    development: expected.development,
    expectation: expected.expectation,
    roots: expected.roots,
    document: document.value,
    token: token.ok ? token.value : undefined,
    nonce,
    attestation: {
      issuer: service.issuer,
      signers: service.signers,
      policyHashes: service.policyHashes,
      jwks: keySetOf(jwks.value),
      denyList: { text: denyList.value, ageSecondsMax: tokenLimits.denyListAgeSeconds },
    },
    at: effects.now(),
    ...skew,
  })
  if (peer.ok) return peer
  if (token.ok) return { ok: false, problem: { ...peer.problem, kind: 'refused' } }
  // That there is no token is the platform's fault only where the attestation service declined to give one.
  return peer.problem.code === 'token-missing' && token.problem.code !== 'declined'
    ? notAnswered('attestation-service', token.problem)
    : { ok: false, problem: { ...peer.problem, kind: 'refused', declined: token.problem } }
}

/** Hands the evidence to the attestation service as it came, whatever it is: the service judges. */
function tokenFor(
  effects: AskEffects,
  attestationUrl: string,
  document: unknown,
): Promise<Result<string, AnswerProblem>> {
  const { quote, runtimeData, initTimeData } = Object(document) as Readonly<Record<string, unknown>>
  return tokenFrom(effects, `${attestationUrl}/attest/SgxEnclave?api-version=2025-06-01`, {
    quote,
    runtimeData: { data: runtimeData, dataType: 'JSON' },
    initTimeData: { data: initTimeData, dataType: 'JSON' },
  })
}

async function tokenFrom(
  effects: AskEffects,
  url: string,
  body?: object,
): Promise<Result<string, AnswerProblem>> {
  const answer = await jsonFrom(effects, url, body)
  if (!answer.ok) return answer
  const { token } = Object(answer.value) as { readonly token?: unknown }
  return typeof token === 'string' ? ok(token) : refuse('answer-malformed', url, 'no token')
}

function keySetOf(json: unknown): SigningKeys {
  const { keys } = Object(json) as Partial<SigningKeys>
  return { keys: Array.isArray(keys) ? keys.filter((key) => Object(key) === key) : [] }
}

/**
 * Fetches JSON of limited size.
 *
 * @returns the value; `no-answer`, `unavailable` (5xx, 429) or `answer-malformed` where the service cannot be reached
 *   as it should be; `declined` where it answered that it will not.
 */
async function jsonFrom(
  effects: Pick<AskEffects, 'fetch'>,
  url: string,
  body?: object,
): Promise<Result<unknown, AnswerProblem>> {
  const posted = {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  }
  const init: RequestInit = {
    ...(body === undefined ? {} : posted),
    cache: 'no-store',
    credentials: 'omit',
    redirect: 'error',
    signal: AbortSignal.timeout(channelLimits.askMsMax),
  }
  const answer = await fetched(effects, url, init).catch(() => undefined)
  if (answer === undefined) return refuse('no-answer', url, 'the service did not answer')
  const { status, bytes } = answer
  if (status >= 500 || status === 429) {
    return refuse('unavailable', url, `the service answered ${status}`)
  }
  if (bytes === undefined) {
    return refuse('answer-malformed', url, 'the answer is longer than it may be')
  }
  const json = jsonOf(bytes, { bytesMax: channelLimits.answerBytesMax, depthMax: 64 })
  if (status < 200 || status > 299) {
    const said = json.ok ? json.value : undefined
    return { ok: false, problem: { code: 'declined', at: url, detail: codeIn(said, status), said } }
  }
  return json.ok ? json : refuse('answer-malformed', url, json.problem.code)
}

async function fetched(
  effects: Pick<AskEffects, 'fetch'>,
  url: string,
  init: RequestInit,
): Promise<{ readonly status: number; readonly bytes: Uint8Array | undefined }> {
  const response = await effects.fetch(url, init)
  const pieces: Uint8Array[] = []
  let length = 0
  for await (const piece of piecesOf(response.body ?? [])) {
    pieces.push(piece)
    length += piece.length
    if (length > channelLimits.answerBytesMax) return { status: response.status, bytes: undefined }
  }
  return { status: response.status, bytes: joined(pieces) }
}

/** The service's own code: Azure's `error.code`, or the last part of a problem's `type`. */
function codeIn(said: unknown, status: number): string {
  const body = said as { error?: { code?: unknown }; type?: unknown } | null | undefined
  const code = body?.error?.code ?? body?.type
  return typeof code === 'string' ? code.slice(0, 200) : `http-${status}`
}

function notAnswered(
  service: NotAnswered['service'],
  problem: AnswerProblem,
): { readonly ok: false; readonly problem: NotAnswered } {
  return { ok: false, problem: { ...problem, kind: 'unavailable', service, problem } }
}
