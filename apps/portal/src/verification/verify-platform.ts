import { base64UrlOf, ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import {
  type Check,
  type PeerProblem,
  type VerifiedPeer,
  verifyPeer,
} from '@sealward/attestation/channel'
import { type SigningKeys, tokenLimits } from '@sealward/attestation/token'
import type { Configuration } from '../app/configuration.ts'
import type { Effects } from '../app/effects.ts'
import {
  attestationTokenBytesMax,
  denyListBytesMax,
  evidenceBytesMax,
  jwksBytesMax,
} from '../limits.ts'
import { type FetchProblem, fetchJson } from './fetch-json.ts'

export type VerificationStep = 'evidence' | 'attestation' | 'appraisal'

/** The other side was reached, and is not believed. */
export interface Refused {
  readonly kind: 'refused'
  readonly code: PeerProblem['code']
  readonly at: string
  readonly detail: string
  readonly check: string
  readonly passed: readonly Check[]
  /** What the attestation service answered in place of a token. */
  readonly attestationCode?: string
}

/** Nothing was proven either way: somebody did not answer. */
export interface Unavailable {
  readonly kind: 'unavailable'
  readonly service: 'platform' | 'attestation-service'
  readonly problem: Problem
}

const apiVersion = '2025-06-01'
const nonceBytes = 32

/**
 * Verifies the platform twice: has the attestation service appraise its evidence, and appraises the
 * same evidence in this browser. Both must agree.
 *
 * @param onStep is told what is going on.
 * @returns the peer to which a channel can be opened, or why there is none.
 */
export async function verifyPlatform(
  configuration: Configuration,
  effects: Effects,
  onStep: (step: VerificationStep) => void,
): Promise<Result<VerifiedPeer, Problem & (Refused | Unavailable)>> {
  const { attestation, platform } = configuration

  onStep('evidence')
  const nonce = effects.random(nonceBytes)
  const document = await fetchJson(effects, `${platform}/evidence`, evidenceBytesMax, {
    nonce: base64UrlOf(nonce),
  })
  if (!document.ok) return unavailable('platform', document.problem)

  onStep('attestation')
  const [token, jwks, denyList] = await Promise.all([
    fetchToken(effects, attestation.url, document.value),
    fetchJson(effects, `${attestation.url}/certs`, jwksBytesMax),
    fetchDenyList(effects, attestation.url),
  ])
  if (!jwks.ok) return unavailable('attestation-service', jwks.problem)
  if (!denyList.ok) return unavailable('attestation-service', denyList.problem)

  onStep('appraisal')
  const keys = Array.isArray((jwks.value as Partial<SigningKeys> | null)?.keys)
    ? (jwks.value as SigningKeys)
    : { keys: [] }
  const peer = await verifyPeer({
    document: document.value,
    token: token.ok ? token.value : undefined,
    nonce,
    deployment: configuration.deployment,
    expectation: configuration.expectation,
    roots: configuration.roots,
    attestation: {
      issuer: attestation.issuer,
      signers: attestation.signers,
      policyHashes: attestation.policyHashes,
      jwks: keys,
      denyList: { text: denyList.value, ageSecondsMax: tokenLimits.denyListAgeSeconds },
    },
    at: effects.now(),
    development: configuration.development,
  })
  if (peer.ok) return ok(peer.value)

  // A missing token is the platform's fault only where the attestation service declined to give one.
  if (peer.problem.code === 'token-missing' && !token.ok && token.problem.code !== 'declined') {
    return unavailable('attestation-service', token.problem)
  }
  const refused = { ...peer.problem, kind: 'refused' } as const
  return {
    ok: false,
    problem: token.ok ? refused : { ...refused, attestationCode: token.problem.detail },
  }
}

/** Hands the evidence to the attestation service as it came, whatever it is: the service judges. */
async function fetchToken(
  effects: Effects,
  url: string,
  document: unknown,
): Promise<Result<string, FetchProblem>> {
  const { quote, runtimeData, initTimeData } = Object(document) as Readonly<Record<string, unknown>>
  const answer = await fetchJson(
    effects,
    `${url}/attest/SgxEnclave?api-version=${apiVersion}`,
    attestationTokenBytesMax,
    {
      quote,
      runtimeData: { data: runtimeData, dataType: 'JSON' },
      initTimeData: { data: initTimeData, dataType: 'JSON' },
    },
  )
  return answer.ok ? tokenIn(answer.value, url) : answer
}

/** Who has been denied since tokens were made. */
async function fetchDenyList(
  effects: Effects,
  attestationUrl: string,
): Promise<Result<string, FetchProblem>> {
  const url = `${attestationUrl}/deny-list`
  const answer = await fetchJson(effects, url, denyListBytesMax)
  return answer.ok ? tokenIn(answer.value, url) : answer
}

function tokenIn(value: unknown, url: string): Result<string, FetchProblem> {
  const token = (value as { token?: unknown } | null)?.token
  return typeof token === 'string' ? ok(token) : refuse('answer-malformed', url, 'no token')
}

function unavailable(
  service: Unavailable['service'],
  problem: FetchProblem,
): Result<never, Problem & Unavailable> {
  return { ok: false, problem: { ...problem, kind: 'unavailable', service, problem } }
}
