import { bufferSourceOf } from '../bytes/index.ts'
import type { IdentityKeyJwk } from '../evidence/index.ts'

/**
 * Verifies an ES256 signature by an identity key.
 *
 * @param signature - r ‖ s, 64 bytes.
 * @returns whether `key` made it over `bytes`; `false` also when the key is not a point of P-256.
 * @see RFC 7518, section 3.4
 */
export async function isSignedWithEs256(
  { kty, crv, x, y }: IdentityKeyJwk,
  bytes: Uint8Array,
  signature: Uint8Array,
): Promise<boolean> {
  if (signature.length !== 64) return false
  const parameters = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' }
  const key = await imported({ kty, crv, x, y }, parameters)
  if (key === undefined) return false
  return crypto.subtle.verify(parameters, key, bufferSourceOf(signature), bufferSourceOf(bytes))
}

async function imported(
  jwk: JsonWebKey,
  parameters: EcKeyImportParams,
): Promise<CryptoKey | undefined> {
  try {
    return await crypto.subtle.importKey('jwk', jwk, parameters, false, ['verify'])
  } catch (error) {
    if (error instanceof DOMException) return undefined
    throw error
  }
}
