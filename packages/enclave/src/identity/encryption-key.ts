/**
 * The RSA key that keys are released to.
 *
 * @module
 */

import { constants, createHash, generateKeyPair, privateDecrypt } from 'node:crypto'
import { promisify } from 'node:util'
import { base64UrlOf } from '@sealward/attestation/bytes'
import type { EncryptionKeyJwk } from '@sealward/attestation/evidence'

/** Which hash OAEP has. */
export type OaepHash = 'sha1' | 'sha256' | 'sha384'

/** An RSA-3072 key of one run of a workload. Its private half never leaves this object. */
export interface EncryptionKey {
  readonly publicJwk: EncryptionKeyJwk
  /** RSA-OAEP; `undefined` for what was not encrypted to this key. */
  decrypt(ciphertext: Uint8Array, hash: OaepHash): Uint8Array | undefined
}

/** What RSA-OAEP makes of anything under the key. */
export const encryptedBytes = 384

/** Draws one. It takes a moment: primes are looked for, off this thread. */
export async function createEncryptionKey(): Promise<EncryptionKey> {
  const { privateKey, publicKey } = await generate('rsa', {
    modulusLength: 8 * encryptedBytes,
    publicExponent: 65_537,
  })
  const { n } = publicKey.export({ format: 'jwk' })
  if (n === undefined) throw new Error('not an RSA key')
  // RFC 7638, section 3.2: required members, in order of name.
  const thumbprint = createHash('sha256')
    .update(JSON.stringify({ e: 'AQAB', kty: 'RSA', n }))
    .digest()
  return {
    publicJwk: {
      kty: 'RSA',
      n,
      e: 'AQAB',
      use: 'enc',
      alg: 'RSA-OAEP-256',
      kid: base64UrlOf(thumbprint),
    },
    decrypt(ciphertext, oaepHash) {
      if (ciphertext.length !== encryptedBytes) return undefined
      const padding = constants.RSA_PKCS1_OAEP_PADDING
      try {
        return new Uint8Array(privateDecrypt({ key: privateKey, padding, oaepHash }, ciphertext))
      } catch {
        return undefined
      }
    },
  }
}

const generate = promisify(generateKeyPair)
