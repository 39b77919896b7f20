/**
 * A key, wrapped for an RSA key in a TEE: `RSA-OAEP(AES-256 key) ‖ AES-KWP(key)`.
 *
 * @see PKCS #11, CKM_RSA_AES_KEY_WRAP; RFC 5649; Key Vault, "Release"
 * @module
 */

import { constants, createCipheriv, type KeyObject, publicEncrypt } from 'node:crypto'
import { concat } from '@sealward/attestation/bytes'
import type { Random } from '@sealward/enclave/server'

export const releaseEncryptions = [
  'CKM_RSA_AES_KEY_WRAP',
  'RSA_AES_KEY_WRAP_256',
  'RSA_AES_KEY_WRAP_384',
] as const

/** Which hash OAEP has; what is encrypted with AES is the same. */
export type ReleaseEncryption = (typeof releaseEncryptions)[number]

const oaepHashes: Readonly<Record<ReleaseEncryption, string>> = {
  CKM_RSA_AES_KEY_WRAP: 'sha1',
  RSA_AES_KEY_WRAP_256: 'sha256',
  RSA_AES_KEY_WRAP_384: 'sha384',
}

/** @param key - PKCS#8 of an asymmetric key, or the bytes of a symmetric one. */
export function wrapKey(
  key: Uint8Array,
  target: KeyObject,
  encryption: ReleaseEncryption,
  random: Random,
): Uint8Array {
  const ephemeral = random.bytes(32)
  const encrypted = publicEncrypt(
    {
      key: target,
      padding: constants.RSA_PKCS1_OAEP_PADDING,
      oaepHash: oaepHashes[encryption],
    },
    ephemeral,
  )
  const cipher = createCipheriv('id-aes256-wrap-pad', ephemeral, kwpInitialValue)
  const wrapped = concat(cipher.update(key), cipher.final())
  ephemeral.fill(0)
  return concat(encrypted, wrapped)
}

/** RFC 5649, section 3. */
const kwpInitialValue: Uint8Array = Uint8Array.of(0xa6, 0x59, 0x59, 0xa6)
