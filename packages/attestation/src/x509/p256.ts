import { type Bytes, bufferSourceOf, concat, hexOf } from '../bytes/index.ts'
import type { Certificate } from './certificate.ts'
import type { Crl } from './crl.ts'

/** One question to a cryptographic library: did the holder of this key sign this message? */
export interface P256Question {
  /** Uncompressed point. */
  readonly publicKey: Bytes<65>
  /** `r ‖ s`. */
  readonly signature: Bytes<64>
  readonly message: Uint8Array
}

/** ECDSA with P-256 and SHA-256. `false` also when the point is not on the curve. */
export type VerifyP256 = (question: P256Question) => Promise<boolean>

/**
 * {@link VerifyP256} by Web Crypto.
 *
 * @param keysMax - how many imported keys are kept; importing costs about as much as verifying.
 */
export function createWebCryptoP256(keysMax: number): VerifyP256 {
  const keys = new Map<string, Promise<CryptoKey | undefined>>()
  const keyOf = (publicKey: Bytes<65>): Promise<CryptoKey | undefined> => {
    const name = hexOf(publicKey)
    const key = keys.get(name) ?? importKey(publicKey)
    // Last used is last in order, so the first is the one to forget.
    keys.delete(name)
    keys.set(name, key)
    for (const oldest of keys.keys()) {
      if (keys.size <= keysMax) break
      keys.delete(oldest)
    }
    return key
  }
  return async ({ publicKey, signature, message }) => {
    const key = await keyOf(publicKey)
    if (key === undefined) return false
    return crypto.subtle.verify(
      ecdsaWithSha256,
      key,
      bufferSourceOf(signature),
      bufferSourceOf(message),
    )
  }
}

/** The one that is used when nobody says otherwise. */
export const webCryptoP256: VerifyP256 = createWebCryptoP256(128)

/** Whether `issuer`'s key signed the certificate. Nothing else is looked at. */
export async function verifyCertificateSignature(
  certificate: Certificate,
  issuer: Certificate,
  verifyP256: VerifyP256 = webCryptoP256,
): Promise<boolean> {
  return verifySigned(certificate, issuer, verifyP256)
}

/** Whether `issuer`'s key signed the revocation list. Nothing else is looked at. */
export async function verifyCrlSignature(
  crl: Crl,
  issuer: Certificate,
  verifyP256: VerifyP256 = webCryptoP256,
): Promise<boolean> {
  return verifySigned(crl, issuer, verifyP256)
}

async function verifySigned(
  { tbs, signature }: Pick<Certificate | Crl, 'tbs' | 'signature'>,
  { p256 }: Certificate,
  verifyP256: VerifyP256,
): Promise<boolean> {
  if (signature === undefined || p256 === undefined) return false
  return verifyP256({ publicKey: p256, signature, message: tbs })
}

/** The uncompressed point of `x ‖ y`. */
export function uncompressedPointOf(coordinates: Bytes<64>): Bytes<65> {
  return concat(Uint8Array.of(0x04), coordinates) as Bytes<65>
}

async function importKey(publicKey: Bytes<65>): Promise<CryptoKey | undefined> {
  try {
    return await crypto.subtle.importKey('raw', bufferSourceOf(publicKey), p256, false, ['verify'])
  } catch {
    return undefined
  }
}

const p256 = { name: 'ECDSA', namedCurve: 'P-256' } as const
const ecdsaWithSha256 = { name: 'ECDSA', hash: 'SHA-256' } as const
