import { base64UrlOf, utf8Of } from '@sealward/attestation/bytes'
import type { challengeType, denyListType } from '@sealward/attestation/token'
import type { SigningAlgorithm, SigningKey } from './signing-key.ts'

/** `typ` of everything that is signed here: none can be taken for another. */
export type TokenType = 'JWT' | 'at+jwt' | 'eat+jwt' | typeof denyListType | typeof challengeType

/** A compact JWS, by the key's own algorithm. `jku` is written because Azure's clients expect it; nobody should follow it. */
export async function signToken(
  key: SigningKey,
  issuer: string,
  typ: TokenType,
  claims: Readonly<Record<string, unknown>>,
): Promise<string> {
  const text = `${headerOf(key.algorithm, key, issuer, typ)}.${encoded(claims)}`
  return `${text}.${await key.sign(text)}`
}

/** An unsecured JWS: what a draft policy would say, for its author's eyes. No relying party accepts it. */
export function draftToken(
  key: SigningKey,
  issuer: string,
  typ: 'JWT' | 'eat+jwt',
  claims: Readonly<Record<string, unknown>>,
): string {
  return `${headerOf('none', key, issuer, typ)}.${encoded(claims)}.`
}

function headerOf(
  alg: SigningAlgorithm | 'none',
  key: SigningKey,
  issuer: string,
  typ: string,
): string {
  return encoded({ alg, jku: `${issuer}/certs`, kid: key.kid, typ })
}

function encoded(value: object): string {
  return base64UrlOf(utf8Of(JSON.stringify(value)))
}
