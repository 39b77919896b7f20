import type { UnixSeconds } from '@sealward/attestation/bytes'
import { tokenLimits } from '@sealward/attestation/token'
import type { ReadToken } from './read-token.ts'
import { kindOf } from './token-kind.ts'

/** Something that whoever reads a token should know before they believe it. */
export interface TokenWarning {
  readonly code:
    | 'unsecured'
    | 'wrong-algorithm'
    | 'unknown-extension'
    | 'key-in-header'
    | 'jku-elsewhere'
    | 'without-kid'
    | 'without-end'
    | 'expired'
    | 'not-yet-valid'
    | 'lives-too-long'
    | 'unknown-kind'
    | 'simulated'
    | 'debug'
  readonly detail: string
}

/** What stands out in a token, at an instant. None of it needs a key to be seen. */
export function warningsAbout(token: ReadToken, at: UnixSeconds): readonly TokenWarning[] {
  const found: readonly (readonly [boolean, TokenWarning['code'], string])[] = [
    ...headerFindings(token),
    ...timeFindings(token, at),
    [
      kindOf(token) === 'other',
      'unknown-kind',
      'nothing of Sealward or of Azure Attestation has this form',
    ],
    [
      token.claims['x-sealward-simulated'] === true || sealwardIn(token)['simulated'] === true,
      'simulated',
      'it is about a simulated TEE, which protects nothing',
    ],
    [
      debugClaims.some((name) => token.claims[name] === true) ||
        sealwardIn(token)['debug'] === true,
      'debug',
      'it is about an enclave or a guest whose memory can be read from outside',
    ],
  ]
  return found.flatMap(([is, code, detail]) => (is ? [{ code, detail }] : []))
}

type Finding = readonly [boolean, TokenWarning['code'], string]

function headerFindings({ header, claims, signatureLength }: ReadToken): readonly Finding[] {
  const { alg, kid, jku } = header
  const isUnsecured = (typeof alg === 'string' && alg.toLowerCase() === 'none') || alg === undefined
  return [
    [
      isUnsecured || signatureLength === 0,
      'unsecured',
      'nobody signed it: it is what somebody would like to be so',
    ],
    [
      !isUnsecured && alg !== 'RS256' && alg !== 'ES256',
      'wrong-algorithm',
      'its algorithm is not one that the attestation service signs with',
    ],
    [
      'crit' in header,
      'unknown-extension',
      'crit asks for something that nothing here understands',
    ],
    [
      ['jwk', 'x5u'].some((name) => name in header),
      'key-in-header',
      'it brings a key along; whoever believes that one believes anybody',
    ],
    [
      typeof jku === 'string' && hostOf(jku) !== hostOf(claims['iss']),
      'jku-elsewhere',
      'its jku leads to another host than its issuer; nobody should go there',
    ],
    [kid === undefined && !isUnsecured, 'without-kid', 'it names no key'],
  ]
}

function timeFindings(token: ReadToken, at: UnixSeconds): readonly Finding[] {
  const { exp, nbf, iat } = token.claims
  const life = typeof exp === 'number' && typeof iat === 'number' ? exp - iat : 0
  return [
    [typeof exp !== 'number', 'without-end', 'it does not say when it ends'],
    [typeof exp === 'number' && at >= exp, 'expired', 'its time is over'],
    [
      [nbf, iat].some((one) => typeof one === 'number' && at < one),
      'not-yet-valid',
      'its time has not come',
    ],
    [
      kindOf(token) === 'access-token' && life > tokenLimits.accessLifetimeSecondsMax,
      'lives-too-long',
      `an access token lives ${tokenLimits.accessLifetimeSecondsMax} seconds at most`,
    ],
  ]
}

const debugClaims = [
  'x-ms-sgx-is-debuggable',
  'x-ms-sevsnpvm-is-debuggable',
  'tdx_td_attributes_debug',
]

function sealwardIn({ claims }: ReadToken): Readonly<Record<string, unknown>> {
  return Object(claims['sealward']) as Readonly<Record<string, unknown>>
}

function hostOf(url: unknown): string | undefined {
  return typeof url === 'string' && URL.canParse(url) ? new URL(url).host : undefined
}
