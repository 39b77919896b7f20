/**
 * A resource encrypted to a TEE's key, as a flattened JWE.
 *
 * The protected header is written in the order that Trustee's clients write it again: they authenticate what they read, and
 * not what came.
 *
 * @see RFC 7516, section 7.2.2; RFC 7518, sections 4.3, 4.6 and 5.3; RFC 3394; kbs-types, `ProtectedHeader`
 * @module
 */

import {
  constants,
  createCipheriv,
  diffieHellman,
  generateKeyPairSync,
  hash,
  type KeyObject,
  publicEncrypt,
} from 'node:crypto'
import {
  base64UrlOf,
  concat,
  ok,
  type Problem,
  type Result,
  utf8Of,
} from '@sealward/attestation/bytes'
import type { Random } from '@sealward/enclave/server'
import { keyObjectOf, type TeePublicKey } from './tee-public-key.ts'

export interface FlattenedJwe {
  readonly protected: string
  readonly encrypted_key: string
  readonly iv: string
  readonly ciphertext: string
  readonly tag: string
}

/** @returns the JWE, or `kbs-key-refused`. */
export function encryptTo(
  recipient: TeePublicKey,
  plaintext: Uint8Array,
  random: Random,
): Result<FlattenedJwe, Problem<'kbs-key-refused'>> {
  const key = keyObjectOf(recipient)
  if (!key.ok) return key
  const contentKey = random.bytes(32)
  const { encryptedKey, epk } =
    recipient.kty === 'RSA'
      ? { encryptedKey: oaep(key.value, contentKey), epk: undefined }
      : agreed(key.value, recipient, contentKey)
  const header = { alg: recipient.alg, enc: 'A256GCM', ...(epk === undefined ? {} : { epk }) }
  const protectedHeader = base64UrlOf(utf8Of(JSON.stringify(header)))
  const iv = random.bytes(12)
  const cipher = createCipheriv('aes-256-gcm', contentKey, iv)
  cipher.setAAD(utf8Of(protectedHeader))
  const ciphertext = concat(cipher.update(plaintext), cipher.final())
  contentKey.fill(0)
  return ok({
    protected: protectedHeader,
    encrypted_key: base64UrlOf(encryptedKey),
    iv: base64UrlOf(iv),
    ciphertext: base64UrlOf(ciphertext),
    tag: base64UrlOf(cipher.getAuthTag()),
  })
}

function oaep(key: KeyObject, contentKey: Uint8Array): Uint8Array {
  const padding = constants.RSA_PKCS1_OAEP_PADDING
  return publicEncrypt({ key, padding, oaepHash: 'sha256' }, contentKey)
}

/** A key agreed on with an ephemeral one wraps the content key. */
function agreed(
  publicKey: KeyObject,
  { alg, crv }: TeePublicKey & { readonly kty: 'EC' },
  contentKey: Uint8Array,
): { readonly encryptedKey: Uint8Array; readonly epk: object } {
  const ephemeral = generateKeyPairSync('ec', { namedCurve: crv })
  const secret = diffieHellman({ privateKey: ephemeral.privateKey, publicKey })
  const wrapping = concatKdf(secret, alg)
  const cipher = createCipheriv('id-aes256-wrap', wrapping, new Uint8Array(8).fill(0xa6))
  const encryptedKey = concat(cipher.update(contentKey), cipher.final())
  secret.fill(0)
  wrapping.fill(0)
  const { kty, x, y } = ephemeral.publicKey.export({ format: 'jwk' })
  return { encryptedKey, epk: { crv, kty, x, y } }
}

/** 256 bits in one round, with no party named. */
function concatKdf(secret: Uint8Array, algorithm: string): Uint8Array {
  const id = utf8Of(algorithm)
  const none = u32(0)
  return new Uint8Array(
    hash('sha256', concat(u32(1), secret, u32(id.length), id, none, none, u32(256)), 'buffer'),
  )
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, value)
  return bytes
}
