import {
  base64UrlOf,
  jsonOf,
  ok,
  type Problem,
  type Result,
  reading,
  type Shape,
} from '@sealward/attestation/bytes'
import type { VerifiedPeer } from '@sealward/attestation/channel'
import {
  type AttestedClient,
  type AttestedTls,
  createAttestedClient,
} from '../attested-tls/index.ts'
import type { EncryptionKey, Passport, PassportCode } from '../identity/index.ts'
import { failure, failureOf, type PeerFailure } from '../peers/index.ts'
import { keyReleaseLimits as limits } from './limits.ts'
import { openRelease, type ReleasedKey, type WantedKey } from './open-release.ts'
import type { ReleaseEncryption } from './unwrap-key.ts'

export interface KeyBrokerOptions {
  /** Of the broker's attested listener: `https://host:port`. Not trusted. */
  readonly url: string
  /** With a peer of role `key-broker` in its init-time data. */
  readonly attested: AttestedTls
  /** The one that the identity's evidence names. */
  readonly encryptionKey: EncryptionKey
  /** Its attestation token is what keys are released for. */
  readonly passport: Pick<Passport, 'token'>
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
  /** Who the broker is, verified now if need be. */
  peer(): Promise<Result<VerifiedPeer, KeyReleaseFailure>>
  close(): Promise<void>
}

export function createKeyBroker(options: KeyBrokerOptions): KeyBroker {
  const { attested, encryption = 'RSA_AES_KEY_WRAP_256', encryptionKey, passport, url } = options
  const { random } = attested.trust
  const client = createAttestedClient<PassportCode>({
    attested,
    origin: url,
    role: 'key-broker',
    connectionsMax: 1,
    requestSecondsMax: limits.requestSecondsMax,
    responseBytesMax: limits.answerBytesMax,
  })

  const ask = (
    { name, version }: WantedKey,
    nonce: string,
  ): ReturnType<AttestedClient<PassportCode>['request']> =>
    client.request(async (own) => {
      // A broker takes it from the connection whose certificate it names.
      const target = await passport.token(own)
      if (!target.ok) return target
      const path =
        version === undefined ? `/keys/${name}/release` : `/keys/${name}/${version}/release`
      return ok({
        method: 'POST',
        path: `${path}?api-version=2025-07-01`,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ target: target.value, nonce, enc: encryption }),
        // A release changes nothing: it may be asked for again.
        idempotent: true,
      })
    })

  return {
    async release(wanted) {
      const { peers } = attested.trust.initTimeData
      const expected = peers.find(({ role }) => role === 'key-broker')
      // The same code whose officers and attestation service somebody else named gives keys that somebody else knows.
      if (expected !== undefined && expected.configId === undefined) {
        return failure(
          'refused',
          'key-broker-configuration-open',
          'peers.configId',
          'The measured configuration accepts a key broker whatever its configuration: name it, as configId.',
        )
      }
      const nonce = base64UrlOf(random.bytes(32))
      const answer = await ask(wanted, nonce)
      if (!answer.ok) return failureOfAsking(answer.problem)
      const jws = releasedIn(answer.value, wanted)
      if (!jws.ok) return jws
      const { certificateSha256 } = answer.value.session
      const opened = await openRelease(jws.value, {
        wanted,
        nonce,
        encryption,
        key: encryptionKey,
        certificateSha256,
      })
      return opened.ok ? opened : failureOf('refused', opened.problem)
    },
    async peer() {
      const answer = await client.request({ method: 'GET', path: '/healthz' })
      return answer.ok ? ok(answer.value.session.peer) : failureOfAsking(answer.problem)
    },
    close: () => client.close(),
  }
}

function failureOfAsking(
  problem: PeerFailure | Problem<PassportCode>,
): Result<never, KeyReleaseFailure> {
  if (!('kind' in problem)) {
    const isWorldly = problem.code === 'attestation-unavailable'
    return failureOf(isWorldly ? 'unavailable' : 'refused', problem)
  }
  return unreachableCodes.has(problem.code) ? unreachable(problem.detail) : { ok: false, problem }
}

const unreachableCodes: ReadonlySet<string> = new Set(['peer-unreachable', 'timed-out', 'busy'])

interface Answer {
  readonly status: number
  readonly body: Uint8Array
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
