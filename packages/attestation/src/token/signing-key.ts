/**
 * Signing keys of the attestation service: found by `kid`, believed by their pin and by nothing else.
 *
 * @module
 */

import {
  base64UrlOf,
  bufferSourceOf,
  bytesOfBase64,
  bytesOfBase64Url,
  equalBytes,
  sha256,
} from '../bytes/index.ts'
import { parseCertificate } from '../x509/index.ts'
import { tokenLimits } from './limits.ts'
import type { SigningJwk, SigningKeys } from './token.ts'

export type TokenAlgorithm = 'RS256' | 'ES256'

export const tokenAlgorithms: readonly TokenAlgorithm[] = ['RS256', 'ES256']

/** A public key and its pin. */
export interface Signer {
  /** Base64url SHA-256 of the SPKI. */
  readonly pin: string
  /** DER of SubjectPublicKeyInfo. */
  readonly spki: Uint8Array
}

/**
 * The pin of a key: base64url SHA-256 of its SPKI.
 *
 * @param jwk - a public JWK; with `x5c`, the key is the first certificate's.
 * @returns `undefined` when there is no key, or when `x5c` and the JWK's own numbers name two.
 */
export async function signerOf(jwk: SigningJwk): Promise<string | undefined> {
  return (await signerFrom(jwk))?.pin
}

/** The one key of a set that has this `kid` and is pinned. */
export async function pinnedSigner(
  jwks: SigningKeys,
  kid: string,
  pins: readonly string[],
): Promise<Signer | undefined> {
  // What was published came over a network: nothing says that it has these types.
  const named = jwks.keys.slice(0, tokenLimits.keysMax).filter((jwk) => Object(jwk).kid === kid)
  const [jwk, ...others] = named
  if (jwk === undefined || others.length > 0) return undefined
  const signer = await signerFrom(jwk)
  return signer !== undefined && pins.includes(signer.pin) ? signer : undefined
}

/** The key for Web Crypto, or `undefined` when it is not one for `algorithm`, or too weak. */
export async function verificationKeyOf(
  signer: Signer,
  algorithm: TokenAlgorithm,
): Promise<CryptoKey | undefined> {
  const parameters = algorithm === 'RS256' ? rs256 : es256
  try {
    const spki = bufferSourceOf(signer.spki)
    const key = await crypto.subtle.importKey('spki', spki, parameters, false, ['verify'])
    const { modulusLength = rsaBitsMin } = key.algorithm as Partial<RsaKeyAlgorithm>
    return modulusLength >= rsaBitsMin ? key : undefined
  } catch (error) {
    return refusedByWebCrypto(error)
  }
}

const rsaBitsMin = 2048

async function signerFrom(jwk: SigningJwk): Promise<Signer | undefined> {
  if (!isWellTyped(jwk)) return undefined
  const certified = jwk.x5c === undefined ? undefined : spkiOfCertificate(jwk.x5c[0])
  if (jwk.x5c !== undefined && certified === undefined) return undefined
  const hasNumbers = jwk.n !== undefined || jwk.x !== undefined
  const own = hasNumbers ? await spkiOfNumbers(jwk) : undefined
  if (hasNumbers && own === undefined) return undefined
  if (certified !== undefined && own !== undefined && !equalBytes(certified, own)) return undefined
  const spki = certified ?? own
  return spki && { spki, pin: base64UrlOf(await sha256(spki)) }
}

/** Other types than text in a key's place would throw later on, where nobody expects it. */
function isWellTyped({ kty, n, e, crv, x, y, x5c }: SigningJwk): boolean {
  const isText = (value: unknown): boolean => value === undefined || typeof value === 'string'
  return [kty, n, e, crv, x, y].every(isText) && (x5c === undefined || isTexts(x5c))
}

function isTexts(value: unknown): boolean {
  return Array.isArray(value) && value.every((item) => typeof item === 'string')
}

function spkiOfCertificate(x5c: string | undefined): Uint8Array | undefined {
  const der = bytesOfBase64(x5c ?? '')
  const certificate = der && parseCertificate(der)
  return certificate?.ok ? certificate.value.spki : undefined
}

async function spkiOfNumbers({
  kty,
  n,
  e,
  crv,
  x,
  y,
}: SigningJwk): Promise<Uint8Array | undefined> {
  const isRsa = kty === 'RSA'
  // Engines differ in what they take for a number that is not base64url.
  const areNumbers = (isRsa ? [n, e] : [x, y]).every((text) => text && bytesOfBase64Url(text))
  if (!areNumbers) return undefined
  const jwk = (isRsa ? { kty, n, e } : { kty, crv, x, y }) as JsonWebKey
  const parameters = isRsa ? rs256 : es256
  try {
    const key = await crypto.subtle.importKey('jwk', jwk, parameters, true, ['verify'])
    return new Uint8Array(await crypto.subtle.exportKey('spki', key))
  } catch (error) {
    return refusedByWebCrypto(error)
  }
}

const rs256 = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' } as const
const es256 = { name: 'ECDSA', namedCurve: 'P-256' } as const

/** Bytes that Web Crypto does not take for a key are somebody's input, not a broken program. */
function refusedByWebCrypto(error: unknown): undefined {
  if (error instanceof DOMException || error instanceof TypeError) return undefined
  throw error
}
