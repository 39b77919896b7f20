/**
 * Reading what a key broker answered to a release: who signed it, that it answers this very question, and the
 * key in it.
 *
 * @see Key Vault, "Release"; docs/spec/key-release.md
 * @module
 */

import { createHash, createPrivateKey, type KeyObject, X509Certificate } from 'node:crypto'
import {
  base64Of,
  base64UrlOf,
  bytesOfBase64Url,
  jsonOf,
  ok,
  type Problem,
  type Result,
  reading,
  refuse,
  type Shape,
} from '@sealward/attestation/bytes'
import { compactVerify, decodeProtectedHeader, type ProtectedHeaderParameters } from 'jose'
import type { EncryptionKey } from '../identity/index.ts'
import { keyReleaseLimits as limits } from './limits.ts'
import { type ReleaseEncryption, unwrapKey } from './unwrap-key.ts'

/** Which key is wanted. */
export interface WantedKey {
  readonly name: string
  /** The current one unless said. */
  readonly version?: string
  /** A symmetric one of this many bytes, or a private key. */
  readonly type: { readonly kty: 'oct'; readonly bytes: number } | { readonly kty: 'RSA' | 'EC' }
}

/** A key that was released to this workload. */
export interface ReleasedKey {
  /** `<broker>/keys/<name>/<version>` */
  readonly kid: string
  readonly name: string
  readonly version: string
  /** When this version was made. Unix seconds. */
  readonly createdAt: number
  /** A symmetric key's bytes. */
  readonly secret: Uint8Array
  /** Of RSA or EC; `secret` is its PKCS#8 then. */
  readonly privateKey?: KeyObject
}

/**
 * `release-malformed`: not such an answer. `release-signature`: not signed by the broker that was verified.
 * `release-nonce`: the answer to another question. `release-mismatch`: another key than was asked for.
 * `release-not-ours`: not wrapped for this workload, or changed.
 */
export type OpenReleaseCode =
  | 'release-malformed'
  | 'release-signature'
  | 'release-nonce'
  | 'release-mismatch'
  | 'release-not-ours'

/** What was asked, of whom, and what opens the answer. */
export interface ReleaseQuestion {
  readonly wanted: WantedKey
  readonly nonce: string
  readonly encryption: ReleaseEncryption
  readonly key: EncryptionKey
  /** Base64url SHA-256 of the certificate of the broker that was verified. */
  readonly certificateSha256: string
}

/**
 * @param jws - compact.
 * @returns the key, or one of {@link OpenReleaseCode}.
 */
export async function openRelease(
  jws: string,
  question: ReleaseQuestion,
): Promise<Result<ReleasedKey, Problem<OpenReleaseCode>>> {
  const payload = await verifiedPayload(jws, question.certificateSha256)
  if (!payload.ok) return payload
  const json = jsonOf(payload.value, {
    bytesMax: limits.answerBytesMax,
    depthMax: limits.jsonDepthMax,
  })
  const answer = json.ok ? reading(json.value, 'value', readAnswer) : json
  if (!answer.ok) return malformed(answer.problem.at, answer.problem.detail)
  const { request, key } = answer.value
  if (request.nonce !== question.nonce || request.enc !== question.encryption) {
    return refuse('release-nonce', 'value.request', 'The answer is to another question.')
  }
  const named = namedIn(key.kid)
  const { name, version, type } = question.wanted
  if (
    named?.name.toLowerCase() !== name.toLowerCase() ||
    (version !== undefined && named.version !== version) ||
    key.kty.replace('-HSM', '') !== type.kty
  ) {
    return refuse('release-mismatch', 'value.response.key.key.kid', 'Another key was released.')
  }
  const secret = unwrapped(key.wrapped, question)
  if (!secret.ok) return secret
  const common = { kid: key.kid, ...named, createdAt: key.createdAt, secret: secret.value }
  if (type.kty === 'oct') {
    return secret.value.length === type.bytes
      ? ok(common)
      : refuse('release-mismatch', 'key_hsm', `A key of ${type.bytes} bytes is expected.`)
  }
  const privateKey = privateKeyOf(secret.value, type.kty)
  return privateKey === undefined
    ? refuse('release-mismatch', 'key_hsm', `A private key of ${type.kty} is expected.`)
    : ok({ ...common, privateKey })
}

/** What is signed, if by the certificate of the broker that was verified. */
async function verifiedPayload(
  jws: string,
  certificateSha256: string,
): Promise<Result<Uint8Array, Problem<'release-malformed' | 'release-signature'>>> {
  const header = headerOf(jws)
  const [encoded] = header?.x5c ?? []
  if (header === undefined || encoded === undefined) {
    return malformed('value', 'A signed answer with its certificate is expected.')
  }
  const der = Buffer.from(encoded, 'base64')
  const digest = base64UrlOf(createHash('sha256').update(der).digest())
  if (digest !== certificateSha256) {
    return refuse('release-signature', 'value', 'Signed by another than the verified key broker.')
  }
  try {
    // As PEM: of DER, Node takes the first PEM that it finds inside, and evidence has some.
    const { publicKey } = new X509Certificate(pemOf(der))
    const { payload } = await compactVerify(jws, publicKey, { algorithms: signatures })
    return ok(payload)
  } catch {
    return refuse('release-signature', 'value', 'The signature does not hold.')
  }
}

function pemOf(der: Uint8Array): string {
  return `-----BEGIN CERTIFICATE-----\n${base64Of(der)}\n-----END CERTIFICATE-----\n`
}

const signatures = ['ES256', 'ES384', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512']

function headerOf(jws: string): ProtectedHeaderParameters | undefined {
  try {
    const header = decodeProtectedHeader(jws)
    return Array.isArray(header.x5c) && header.x5c.every((one) => typeof one === 'string')
      ? header
      : undefined
  } catch {
    return undefined
  }
}

/** Fields that others may add are passed over: the format is Key Vault's. */
function readAnswer(shape: Shape) {
  return shape.object('ignored', ({ required }) => ({
    request: required('request').object('ignored', (request) => ({
      nonce: request.required('nonce').string(limits.textMax),
      enc: request.required('enc').string(limits.textMax),
    })),
    key: required('response').object('ignored', (response) =>
      response.required('key').object('ignored', (released) => ({
        createdAt: released
          .required('attributes')
          .object('ignored', (attributes) =>
            attributes.required('created').integer(0, Number.MAX_SAFE_INTEGER),
          ),
        ...released.required('key').object('ignored', (key) => ({
          kid: key.required('kid').string(limits.textMax),
          kty: key.required('kty').string(16),
          wrapped: key.required('key_hsm').string(2 * limits.wrappedBytesMax),
        })),
      })),
    ),
  }))
}

function readWrapped(shape: Shape) {
  return shape.object('ignored', ({ required }) => ({
    ...required('header').object('ignored', (header) => ({
      kid: header.required('kid').string(limits.textMax),
      enc: header.required('enc').string(limits.textMax),
    })),
    ciphertext: required('ciphertext').string(2 * limits.wrappedBytesMax),
  }))
}

function unwrapped(
  keyHsm: string,
  { encryption, key }: ReleaseQuestion,
): Result<Uint8Array, Problem<OpenReleaseCode>> {
  const bytes = bytesOfBase64Url(keyHsm)
  const json = bytes && jsonOf(bytes, { bytesMax: bytes.length, depthMax: limits.jsonDepthMax })
  const read = json?.ok === true ? reading(json.value, 'key_hsm', readWrapped) : undefined
  const ciphertext = read?.ok === true ? bytesOfBase64Url(read.value.ciphertext) : undefined
  if (read?.ok !== true || ciphertext === undefined) {
    return malformed('key_hsm', 'A wrapped key is expected.')
  }
  if (read.value.kid !== key.publicJwk.kid) {
    return refuse('release-not-ours', 'key_hsm', 'The key is wrapped for another workload.')
  }
  const secret = read.value.enc === encryption ? unwrapKey(ciphertext, key, encryption) : undefined
  return secret === undefined
    ? refuse('release-not-ours', 'key_hsm', 'The key cannot be unwrapped here.')
    : ok(secret)
}

/** The last two parts of `<broker>/keys/<name>/<version>`. */
function namedIn(kid: string): { readonly name: string; readonly version: string } | undefined {
  const [, name, version] = /\/keys\/([0-9A-Za-z-]{1,127})\/([0-9A-Za-z]{1,64})$/.exec(kid) ?? []
  return name === undefined || version === undefined ? undefined : { name, version }
}

function privateKeyOf(pkcs8: Uint8Array, kty: 'RSA' | 'EC'): KeyObject | undefined {
  try {
    const key = createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' })
    return key.asymmetricKeyType === kty.toLowerCase() ? key : undefined
  } catch {
    return undefined
  }
}

function malformed(at: string, detail: string): Result<never, Problem<'release-malformed'>> {
  return refuse('release-malformed', at, detail)
}
