/**
 * What every JWS of the attestation service has to pass: a pinned key signed it, and issuer and time are right.
 *
 * @see RFC 7515; RFC 8725; docs/spec/tokens.md
 * @module
 */

import { compactVerify, errors } from 'jose'
import {
  bytesOfBase64Url,
  type Fields,
  jsonOf,
  ok,
  type Problem,
  type Result,
  refuse,
  type UnixSeconds,
} from '../bytes/index.ts'
import { tokenLimits } from './limits.ts'
import {
  pinnedSigner,
  type TokenAlgorithm,
  tokenAlgorithms,
  verificationKeyOf,
} from './signing-key.ts'
import type { SigningKeys, TokenProblem } from './token.ts'

/** Whose signature is believed, and when. */
export interface SignatureTrust {
  /** The issuer, compared character by character. */
  readonly issuer: string
  /** What the issuer published. Which of these keys is believed, `signers` says. */
  readonly jwks: SigningKeys
  /** Base64url SHA-256 of the SPKI of each key whose signature is believed. */
  readonly signers: readonly string[]
  readonly at: UnixSeconds
  /** Seconds by which the two clocks may differ, in both directions; at most 300. */
  readonly clockSkewSeconds: number
}

export type Refusal = { readonly ok: false; readonly problem: TokenProblem }

export interface SignedPayload {
  readonly payload: Readonly<Record<string, unknown>>
  /** `typ`, one of those that were asked for. */
  readonly type: string
  readonly signer: string
}

/**
 * Verifies the signature of a compact JWS. No address in it is ever followed, `jku` least of all.
 *
 * @param types - values of `typ` that are taken.
 * @returns the payload and the pin of the key that signed it.
 */
export async function verifySignature(
  token: string,
  types: readonly string[],
  trust: Omit<SignatureTrust, 'issuer'>,
  { charactersMax }: { readonly charactersMax: number } = tokenLimits,
): Promise<Result<SignedPayload, TokenProblem>> {
  const { clockSkewSeconds } = trust
  if (clockSkewSeconds < 0 || clockSkewSeconds > tokenLimits.clockSkewSecondsMax) {
    throw new RangeError(`clockSkewSeconds: 0 to ${tokenLimits.clockSkewSecondsMax}`)
  }
  if (token.length > charactersMax) {
    return refuse('token-too-large', '', `more than ${charactersMax} characters`)
  }
  const [encodedHeader = '', encodedPayload = '', signature, ...more] = token.split('.')
  if (signature === undefined || more.length > 0) {
    return refuse('token-malformed', '', 'three parts expected')
  }
  const header = jsonPartOf(encodedHeader)
  if (header === undefined) return refuse('token-malformed', 'header', 'not a JSON object')
  // The library takes white space, padding and bits that mean nothing: one signature would have many texts.
  if (bytesOfBase64Url(signature) === undefined) {
    return refuse('token-malformed', 'signature', 'not base64url')
  }
  const { alg, kid, typ, crit } = header
  if (typeof alg === 'string' && alg.toLowerCase() === 'none') {
    return refuse('unsecured', 'header.alg', 'a token without a signature proves nothing')
  }
  if (crit !== undefined) {
    return refuse('unknown-extension', 'header.crit', 'something has to be understood that is not')
  }
  const algorithm = tokenAlgorithms.find((one) => one === alg)
  if (algorithm === undefined) {
    return refuse('wrong-algorithm', 'header.alg', 'known: RS256 and ES256')
  }
  if (typeof typ !== 'string' || !types.includes(typ)) {
    return refuse('wrong-type', 'header.typ', `${types[0]} expected`)
  }
  if (typeof kid !== 'string') return refuse('unknown-signer', 'header.kid', 'no key is named')
  const signer = await pinnedSigner(trust.jwks, kid, trust.signers)
  if (signer === undefined) {
    return refuse('unknown-signer', 'header.kid', 'the key is not published or not pinned')
  }
  const key = await verificationKeyOf(signer, algorithm)
  if (key === undefined) {
    return refuse('wrong-algorithm', 'header.alg', 'the key is not one for this algorithm')
  }
  if (!(await isSignedBy(token, key, algorithm))) {
    return refuse('bad-signature', 'signature', 'not made by this key over these bytes')
  }
  const payload = jsonPartOf(encodedPayload, charactersMax)
  if (payload === undefined) return refuse('token-malformed', 'payload', 'not a JSON object')
  return ok({ payload, type: typ, signer: signer.pin })
}

async function isSignedBy(
  token: string,
  key: CryptoKey,
  algorithm: TokenAlgorithm,
): Promise<boolean> {
  try {
    await compactVerify(token, key, { algorithms: [algorithm] })
    return true
  } catch (error) {
    if (error instanceof errors.JOSEError) return false
    throw error
  }
}

/** The JSON object in a part of a compact JWS; `undefined` where there is none. */
export function jsonPartOf(
  encoded: string,
  bytesMax: number = tokenLimits.charactersMax,
): Readonly<Record<string, unknown>> | undefined {
  const bytes = bytesOfBase64Url(encoded)
  const limits = { bytesMax, depthMax: tokenLimits.depthMax }
  const json = bytes && jsonOf(bytes, limits)
  if (!json?.ok) return undefined
  const { value } = json
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
  return isObject ? (value as Record<string, unknown>) : undefined
}

/** A payload of another shape, as a refusal of the token. */
export function misshapen({ code, at, detail }: Problem): Refusal {
  return refuse(code === 'field-missing' ? 'claim-missing' : 'token-malformed', at, detail)
}

/** Who issued something, and when it counts. */
export interface Dated {
  readonly issuer: string
  readonly issuedAt: UnixSeconds
  readonly notBefore: UnixSeconds
  readonly expiresAt: UnixSeconds
}

/** The four claims of {@link Dated}. */
export function readDated({ required }: Fields): Dated {
  const instant = (name: string): UnixSeconds => required(name).integer(0, instantMax)
  return {
    issuer: required('iss').string(tokenLimits.textMax),
    issuedAt: instant('iat'),
    notBefore: instant('nbf'),
    expiresAt: instant('exp'),
  }
}

/** The last second of the year 9999. */
const instantMax = 253_402_300_799

export function issuerAndTimeProblem(
  token: Dated,
  { issuer, at, clockSkewSeconds }: SignatureTrust,
): Refusal | undefined {
  if (token.issuer !== issuer) return refuse('wrong-issuer', 'iss', 'another issuer')
  if (at >= token.expiresAt + clockSkewSeconds) return refuse('expired', 'exp', 'its time is over')
  if (at < token.notBefore - clockSkewSeconds || at < token.issuedAt - clockSkewSeconds) {
    return refuse('not-yet-valid', 'nbf', 'its time has not come')
  }
  return undefined
}
