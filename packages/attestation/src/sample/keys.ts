import { type Bytes, bufferSourceOf } from '../bytes/index.ts'

/** A P-256 key that signs, and its public half in the forms that are written down. */
export interface SampleKey {
  sign(message: Uint8Array): Promise<Bytes<64>>
  /** DER of SubjectPublicKeyInfo. */
  readonly spki: Uint8Array
  /** `x ‖ y`. */
  readonly coordinates: Bytes<64>
  /** Private key. */
  readonly jwk: JsonWebKey
}

export async function generateSampleKey(): Promise<SampleKey> {
  const { privateKey } = await crypto.subtle.generateKey(p256, true, ['sign', 'verify'])
  return importSampleKey(await crypto.subtle.exportKey('jwk', privateKey))
}

export async function importSampleKey(jwk: JsonWebKey): Promise<SampleKey> {
  const { d: _private, key_ops: _operations, ...publicJwk } = jwk
  const privateKey = await crypto.subtle.importKey('jwk', jwk, p256, false, ['sign'])
  const publicKey = await crypto.subtle.importKey('jwk', publicJwk, p256, true, ['verify'])
  const spki = new Uint8Array(await crypto.subtle.exportKey('spki', publicKey))
  return {
    sign: async (message) =>
      new Uint8Array(
        await crypto.subtle.sign(ecdsaWithSha256, privateKey, bufferSourceOf(message)),
      ) as Bytes<64>,
    spki,
    coordinates: spki.slice(-64) as Bytes<64>,
    jwk,
  }
}

const p256 = { name: 'ECDSA', namedCurve: 'P-256' } as const
const ecdsaWithSha256 = { name: 'ECDSA', hash: 'SHA-256' } as const
