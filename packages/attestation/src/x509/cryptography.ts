/**
 * The one door to a cryptographic library: digests, and whether a key signed a message.
 *
 * @module
 */

import { type Bytes, bufferSourceOf, concat, hexOf } from '../bytes/index.ts'

/** How something is signed. RSASSA-PSS has MGF1 and a salt of the digest's own hash and length. */
export type SignatureAlgorithm =
  | 'ecdsa-p256-sha256'
  | 'ecdsa-p384-sha256'
  | 'ecdsa-p384-sha384'
  | 'rsa-pss-sha256'
  | 'rsa-pss-sha384'
  | 'rsa-pss-sha512'
  | 'rsa-pkcs1-sha256'
  | 'rsa-pkcs1-sha384'
  | 'rsa-pkcs1-sha512'

/** A key that can have signed something. */
export type PublicKey =
  /** Uncompressed point. */
  | { readonly kind: 'p256'; readonly point: Bytes<65> }
  /** Uncompressed point. */
  | { readonly kind: 'p384'; readonly point: Bytes<97> }
  /** DER of SubjectPublicKeyInfo; 2048 to 4096 bits, exponent 65537. */
  | { readonly kind: 'rsa'; readonly spki: Uint8Array }

/** A signature and how it was made. */
export interface Signature {
  readonly algorithm: SignatureAlgorithm
  /** Of ECDSA `r ‖ s`, each as long as the curve's order. */
  readonly bytes: Uint8Array
}

/** One question: did the holder of this key sign this message? */
export interface SignatureQuestion {
  readonly publicKey: PublicKey
  readonly signature: Signature
  readonly message: Uint8Array
}

export type DigestAlgorithm = 'SHA-256' | 'SHA-384' | 'SHA-512'

/**
 * What verification asks of a cryptographic library. Answers may come at once or later: Web Crypto's come later,
 * and one that answers at once saves a quote several turns of the event loop.
 */
export interface Cryptography {
  /** `false` also when the key is none, or is of another kind than the algorithm. */
  verify(question: SignatureQuestion): boolean | Promise<boolean>
  digest(algorithm: DigestAlgorithm, bytes: Uint8Array): Uint8Array | Promise<Uint8Array>
}

/**
 * {@link Cryptography} by Web Crypto.
 *
 * @param keysMax - how many imported keys are kept; importing costs about as much as verifying.
 */
export function createWebCryptography(keysMax: number): Cryptography {
  const keys = new Map<string, Promise<CryptoKey | undefined>>()
  const keyOf = (
    algorithm: SignatureAlgorithm,
    publicKey: PublicKey,
  ): Promise<CryptoKey | undefined> => {
    const name = `${algorithm} ${hexOf(bytesOfKey(publicKey))}`
    const key = keys.get(name) ?? importKey(algorithm, publicKey)
    // Last used is last in order, so the first is the one to forget.
    keys.delete(name)
    keys.set(name, key)
    for (const oldest of keys.keys()) {
      if (keys.size <= keysMax) break
      keys.delete(oldest)
    }
    return key
  }
  return {
    async verify({ publicKey, signature, message }) {
      if (!isOfKind(signature.algorithm, publicKey)) return false
      const key = await keyOf(signature.algorithm, publicKey)
      if (key === undefined) return false
      return crypto.subtle.verify(
        webAlgorithms[signature.algorithm],
        key,
        bufferSourceOf(signature.bytes),
        bufferSourceOf(message),
      )
    },
    async digest(algorithm, bytes) {
      return new Uint8Array(await crypto.subtle.digest(algorithm, bufferSourceOf(bytes)))
    },
  }
}

/** The one that is used when nobody says otherwise. */
export const webCryptography: Cryptography = createWebCryptography(128)

/** Whether a key of this kind can have made a signature of this algorithm. */
export function isOfKind(algorithm: SignatureAlgorithm, { kind }: PublicKey): boolean {
  switch (kind) {
    case 'p256':
      return algorithm === 'ecdsa-p256-sha256'
    case 'p384':
      return algorithm.startsWith('ecdsa-p384-')
    case 'rsa':
      return algorithm.startsWith('rsa-')
  }
}

/** Something that was signed: a certificate or a revocation list. */
export interface Signed {
  /** The bytes that the issuer signed. */
  readonly tbs: Uint8Array
  readonly signature: Signature | undefined
}

/** Whether `issuer`'s key signed the certificate or revocation list. Nothing else is looked at. */
export async function isSignedBy(
  { tbs, signature }: Signed,
  { publicKey }: { readonly publicKey: PublicKey | undefined },
  cryptography: Cryptography = webCryptography,
): Promise<boolean> {
  if (signature === undefined || publicKey === undefined) return false
  return cryptography.verify({ publicKey, signature, message: tbs })
}

/** A P-256 key by its coordinates `x ‖ y`. Whether the point is on the curve shows when it is used. */
export function p256KeyOf(coordinates: Uint8Array): PublicKey {
  return { kind: 'p256', point: concat(Uint8Array.of(0x04), coordinates) as Bytes<65> }
}

/** What a key is told apart by: its point, or its SubjectPublicKeyInfo. */
function bytesOfKey(key: PublicKey): Uint8Array {
  return key.kind === 'rsa' ? key.spki : key.point
}

async function importKey(
  algorithm: SignatureAlgorithm,
  publicKey: PublicKey,
): Promise<CryptoKey | undefined> {
  const format = publicKey.kind === 'rsa' ? 'spki' : 'raw'
  const bytes = bufferSourceOf(bytesOfKey(publicKey))
  try {
    return await crypto.subtle.importKey(format, bytes, webAlgorithms[algorithm], false, ['verify'])
  } catch {
    return undefined
  }
}

type WebAlgorithm = EcKeyImportParams & RsaHashedImportParams & EcdsaParams & RsaPssParams

function ecdsa(namedCurve: string, hash: string): WebAlgorithm {
  return { name: 'ECDSA', namedCurve, hash, saltLength: 0 }
}

function pss(hash: string, saltLength: number): WebAlgorithm {
  return { name: 'RSA-PSS', hash, saltLength, namedCurve: '' }
}

function pkcs1(hash: string): WebAlgorithm {
  return { name: 'RSASSA-PKCS1-v1_5', hash, saltLength: 0, namedCurve: '' }
}

const webAlgorithms: Readonly<Record<SignatureAlgorithm, WebAlgorithm>> = {
  'ecdsa-p256-sha256': ecdsa('P-256', 'SHA-256'),
  'ecdsa-p384-sha256': ecdsa('P-384', 'SHA-256'),
  'ecdsa-p384-sha384': ecdsa('P-384', 'SHA-384'),
  'rsa-pss-sha256': pss('SHA-256', 32),
  'rsa-pss-sha384': pss('SHA-384', 48),
  'rsa-pss-sha512': pss('SHA-512', 64),
  'rsa-pkcs1-sha256': pkcs1('SHA-256'),
  'rsa-pkcs1-sha384': pkcs1('SHA-384'),
  'rsa-pkcs1-sha512': pkcs1('SHA-512'),
}
