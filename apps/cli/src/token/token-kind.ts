import { challengeType, denyListType } from '@sealward/attestation/token'
import type { ReadToken } from './read-token.ts'

/** What a token says that it is. */
export type TokenKind =
  | 'attestation-token'
  | 'ear'
  | 'access-token'
  | 'deny-list'
  | 'challenge'
  | 'policy-result'
  | 'other'

/** Tells by `typ`, and where several things have the same one, by what only one of them says. */
export function kindOf({ header, claims }: Pick<ReadToken, 'header' | 'claims'>): TokenKind {
  switch (header['typ']) {
    case 'at+jwt':
    case 'application/at+jwt':
      return 'access-token'
    case 'eat+jwt':
      return 'ear'
    case denyListType:
      return 'deny-list'
    case challengeType:
      return 'challenge'
    case 'JWT':
    case undefined:
      if ('x-ms-attestation-type' in claims) return 'attestation-token'
      return policyClaims.some((name) => name in claims) ? 'policy-result' : 'other'
    default:
      return 'other'
  }
}

const policyClaims = [
  'x-ms-policy-result',
  'x-ms-policy',
  'x-ms-policy-certificates',
  'x-ms-certificate-result',
]

export const kindWords: Readonly<Record<TokenKind, string>> = {
  'attestation-token': 'attestation token',
  ear: 'EAT Attestation Result',
  'access-token': 'access token',
  'deny-list': 'deny list',
  challenge: 'challenge',
  'policy-result': 'answer about a policy',
  other: 'a JWT of no kind that is known here',
}
