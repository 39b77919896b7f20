import {
  base64UrlOf,
  concat,
  jsonOf,
  ok,
  type Problem,
  type Result,
  reading,
  refuse,
  type Shape,
} from '@sealward/attestation/bytes'
import type { VerifiedPeer } from '@sealward/attestation/channel'
import type { Agent } from 'undici'
import { contactPeer, createAttestedDispatcher } from '../attested-tls/index.ts'
import { causeOf } from '../http/http-client.ts'
import type { EncryptionKey, Identity, Passport } from '../identity/index.ts'
import {
  failure,
  failureOf,
  type PeerFailure,
  type PeerTrust,
  standingProblem,
  verifyAttested,
} from '../peers/index.ts'
import { keyReleaseLimits as limits } from './limits.ts'
import { openRelease, type ReleasedKey, type WantedKey } from './open-release.ts'
import type { ReleaseEncryption } from './unwrap-key.ts'

export interface KeyBrokerOptions {
  /** Of the broker's attested listener: `https://host:port`. Not trusted. */
  readonly url: string
  readonly identity: Pick<Identity, 'tls'>
  /** The one that the identity's evidence names. */
  readonly encryptionKey: EncryptionKey
  /** Its attestation token is what keys are released for. */
  readonly passport: Pick<Passport, 'token'>
  /** Its init-time data has a peer of role `key-broker`. */
  readonly trust: PeerTrust
  /** `RSA_AES_KEY_WRAP_256` unless said. */
  readonly encryption?: ReleaseEncryption
}

/**
 * Why a key was not released: `unavailable` may change by itself and is waited for, `refused` does not. Codes
 * are those of verifying the broker, and of `docs/spec/problem-codes.md`, "Key release".
 */
export type KeyReleaseFailure = PeerFailure

/** A key broker: verified before it is asked, for a key from another would be one that another knows. */
export interface KeyBroker {
  release(wanted: WantedKey): Promise<Result<ReleasedKey, KeyReleaseFailure>>
  close(): Promise<void>
}

interface Contacted {
  readonly peer: VerifiedPeer
  readonly certificateSha256: string
  readonly dispatcher: Agent
  readonly until: number
}

export function createKeyBroker(options: KeyBrokerOptions): KeyBroker {
  const { encryption = 'RSA_AES_KEY_WRAP_256', encryptionKey, passport, trust, url } = options
  const { clock, random } = trust
  const { tls } = options.identity
  let contacted: Contacted | undefined
  let contacting: Promise<Result<Contacted, KeyReleaseFailure>> | undefined

  const contact = async (): Promise<Result<Contacted, KeyReleaseFailure>> => {
    const expected = trust.initTimeData.peers.find(({ role }) => role === 'key-broker')
    // The same code whose officers and attestation service somebody else named gives keys that somebody else knows.
    if (expected !== undefined && expected.configId === undefined) {
      return failure(
        'refused',
        'key-broker-configuration-open',
        'peers.configId',
        'The measured configuration accepts a key broker whatever its configuration: name it, as configId.',
      )
    }
    const nonce = random.bytes(32)
    const introduction = await contactPeer({ tls, origin: url, nonce })
    if (!introduction.ok) {
      return introduction.problem.code === 'peer-unreachable'
        ? unreachable(introduction.problem.detail)
        : failureOf('refused', introduction.problem)
    }
    const { document, certificateSha256 } = introduction.value
    const peer = await verifyAttested(trust, {
      role: 'key-broker',
      document,
      nonce,
      certificateSha256,
    })
    if (!peer.ok) return peer
    const until = Math.min(
      clock.now() + limits.verificationLifetimeSeconds,
      peer.value.evidence.earliestExpiry,
    )
    const dispatcher = createAttestedDispatcher({ tls, pinnedCertificateSha256: certificateSha256 })
    return ok({ peer: peer.value, certificateSha256, dispatcher, until })
  }

  const forget = (known: Contacted): void => {
    if (contacted !== known) return
    contacted = undefined
    void known.dispatcher.close()
  }

  const present = async (): Promise<Result<Contacted, KeyReleaseFailure>> => {
    if (contacted !== undefined && clock.now() < contacted.until) {
      const known = contacted
      const fallen = await standingProblem(trust, known.peer)
      if (fallen === undefined) return ok(known)
      if (fallen.problem.kind === 'refused') forget(known)
      return fallen
    }
    contacting ??= contact().finally(() => {
      contacting = undefined
    })
    const fresh = await contacting
    if (fresh.ok && fresh.value !== contacted) {
      if (contacted !== undefined) forget(contacted)
      contacted = fresh.value
    }
    return fresh
  }

  const ask = async (
    { dispatcher }: Contacted,
    { name, version }: WantedKey,
    question: object,
  ): Promise<Result<Answer, Problem<'unanswered'>>> => {
    const path =
      version === undefined ? `/keys/${name}/release` : `/keys/${name}/${version}/release`
    try {
      const response = await dispatcher.request({
        origin: url,
        path: `${path}?api-version=2025-07-01`,
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(question),
        signal: AbortSignal.timeout(limits.requestSecondsMax * 1000),
      })
      const body = await bounded(response.body)
      return ok({ status: response.statusCode, body })
    } catch (error) {
      return refuse('unanswered', '', `no answer (${causeOf(error)})`)
    }
  }

  return {
    async release(wanted) {
      const target = await passport.token()
      if (!target.ok) {
        const { code } = target.problem
        return failureOf(
          code === 'attestation-unavailable' ? 'unavailable' : 'refused',
          target.problem,
        )
      }
      for (let attempt = 0; ; attempt++) {
        const broker = await present()
        if (!broker.ok) return broker
        const nonce = base64UrlOf(random.bytes(32))
        const question = { target: target.value, nonce, enc: encryption }
        const answer = await ask(broker.value, wanted, question)
        if (!answer.ok) {
          // Another process may answer there now: it has to say who it is before it is asked anything.
          forget(broker.value)
          if (attempt === 0) continue
          return unreachable(answer.problem.detail)
        }
        const jws = releasedIn(answer.value, wanted)
        if (!jws.ok) return jws
        const { certificateSha256 } = broker.value
        const key = encryptionKey
        const opened = await openRelease(jws.value, {
          wanted,
          nonce,
          encryption,
          key,
          certificateSha256,
        })
        return opened.ok ? opened : failureOf('refused', opened.problem)
      }
    },
    async close() {
      await contacted?.dispatcher.destroy()
    },
  }
}

interface Answer {
  readonly status: number
  readonly body: Uint8Array
}

async function bounded(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of body) {
    bytes += chunk.length
    if (bytes > limits.answerBytesMax) throw new RangeError('the answer is too large')
    chunks.push(chunk)
  }
  return concat(...chunks)
}

/** The signed answer, or why there is none. */
function releasedIn(
  { status, body }: Answer,
  { name }: WantedKey,
): Result<string, KeyReleaseFailure> {
  const json = jsonOf(body, { bytesMax: body.length, depthMax: limits.jsonDepthMax })
  if (status === 200) {
    const value = json.ok ? reading(json.value, '', readValue) : json
    return value.ok
      ? value
      : failure('refused', 'release-malformed', 'value', 'A signed answer is expected.')
  }
  const said = json.ok ? reading(json.value, '', readRefusal) : json
  const because = said.ok ? said.value : 'without a reason'
  if (status === 429 || status >= 500) {
    const detail = `The key broker cannot release the key ${name} now (${status}, ${because}).`
    return failure('unavailable', 'key-broker-unavailable', `keys/${name}`, detail)
  }
  if (status === 404) {
    return failure('refused', 'key-unknown', `keys/${name}`, `The key broker has no key ${name}.`)
  }
  const detail = `The key broker does not release the key ${name} to this workload (${status}, ${because}).`
  return failure('refused', 'release-refused', `keys/${name}`, detail)
}

function readValue(shape: Shape): string {
  return shape.object('ignored', ({ required }) =>
    required('value').string(limits.answerBytesMax, /^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){2}$/),
  )
}

/** The broker's own code and sentence, which say more than Key Vault's. */
function readRefusal(shape: Shape): string {
  return shape.object('ignored', ({ required }) =>
    required('error').object('ignored', (error) => {
      const inner = error.optional('innererror')
      if (inner === undefined) return error.required('code').string(64, /^[A-Za-z]+$/)
      return inner.object('ignored', (fields) => {
        const code = fields.required('code').string(64, /^[a-z-]+$/)
        const detail = fields.optional('detail')?.string(1024, /^[\p{L}\p{N}\p{P}\p{S} ]*$/u)
        return detail === undefined ? code : `${code}: ${detail}`
      })
    }),
  )
}

function unreachable(detail: string): Result<never, KeyReleaseFailure> {
  return failure(
    'unavailable',
    'key-broker-unreachable',
    'keyBroker',
    `The key broker does not answer: ${detail}.`,
  )
}
