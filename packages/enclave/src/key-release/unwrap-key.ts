/**
 * Opening what a key broker wrapped: `RSA-OAEP(AES-256 key) ‖ AES-KWP(key)`.
 *
 * @see PKCS #11, CKM_RSA_AES_KEY_WRAP; RFC 5649; Key Vault, "Release"
 * @module
 */

import { createDecipheriv } from 'node:crypto'
import { concat } from '@sealward/attestation/bytes'
import { type EncryptionKey, encryptedBytes, type OaepHash } from '../identity/index.ts'

/** How a released key may be wrapped. */
export type ReleaseEncryption =
  | 'CKM_RSA_AES_KEY_WRAP'
  | 'RSA_AES_KEY_WRAP_256'
  | 'RSA_AES_KEY_WRAP_384'

/** The hash that OAEP has. */
export const releaseEncryptions: Readonly<Record<ReleaseEncryption, OaepHash>> = {
  CKM_RSA_AES_KEY_WRAP: 'sha1',
  RSA_AES_KEY_WRAP_256: 'sha256',
  RSA_AES_KEY_WRAP_384: 'sha384',
}

/** @returns what was wrapped; `undefined` where it was not wrapped for `key`, or was changed since. */
export function unwrapKey(
  wrapped: Uint8Array,
  key: Pick<EncryptionKey, 'decrypt'>,
  encryption: ReleaseEncryption,
): Uint8Array | undefined {
  const ephemeral = key.decrypt(wrapped.subarray(0, encryptedBytes), releaseEncryptions[encryption])
  if (ephemeral?.length !== 32) return undefined
  try {
    const decipher = createDecipheriv('id-aes256-wrap-pad', ephemeral, kwpInitialValue)
    return concat(decipher.update(wrapped.subarray(encryptedBytes)), decipher.final())
  } catch {
    return undefined
  } finally {
    ephemeral.fill(0)
  }
}

/** RFC 5649, section 3. */
const kwpInitialValue: Uint8Array = Uint8Array.of(0xa6, 0x59, 0x59, 0xa6)
