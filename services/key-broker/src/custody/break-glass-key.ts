import type { KeyObject } from 'node:crypto'
import { utf8Of } from '@sealward/attestation/bytes'
import { CompactEncrypt, compactDecrypt, errors } from 'jose'
import type { StoredVersion } from '../keys/key-store.ts'

/**
 * A key as a JWK, encrypted to the recipient alone: a JWE in compact form.
 *
 * @see RFC 7516; RFC 7517, section 7
 */
export function sealBreakGlassKey(
  { key, entry, version }: StoredVersion,
  recipient: KeyObject,
): Promise<string> {
  const jwk = { ...version.material, kid: `${key.name}/${entry.id}` }
  return new CompactEncrypt(utf8Of(JSON.stringify(jwk)))
    .setProtectedHeader({ alg: 'RSA-OAEP-256', enc: 'A256GCM', cty: 'jwk+json' })
    .encrypt(recipient)
}

/** The JWK in it, as text; `undefined` where it is for somebody else, or was changed. */
export async function openBreakGlassKey(
  jwe: string,
  privateKey: KeyObject,
): Promise<Uint8Array | undefined> {
  try {
    const { plaintext } = await compactDecrypt(jwe, privateKey, {
      keyManagementAlgorithms: ['RSA-OAEP-256'],
      contentEncryptionAlgorithms: ['A256GCM'],
    })
    return plaintext
  } catch (error) {
    if (error instanceof errors.JOSEError) return undefined
    throw error
  }
}
