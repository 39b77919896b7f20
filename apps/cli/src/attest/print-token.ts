/**
 * What people read of a token: what was verified of it first, then what it says.
 *
 * @module
 */

import { tierOf } from '@sealward/attestation/token'
import { rfc3339 } from '../evidence/instant.ts'
import { table } from '../evidence/print.ts'

export interface TokenSummary {
  readonly type: string
  readonly format: 'azure' | 'ear'
  /** How its signature was judged. */
  readonly signature: 'pinned' | 'published' | 'unsecured'
  readonly issuer: string | null
  readonly policyHash: string | null
  /** Unix seconds. */
  readonly expiresAt: number | null
  /** Of an EAT Attestation Result. */
  readonly status: string | null
  readonly claims: Readonly<Record<string, unknown>>
}

/** Of claims that nobody has judged yet. */
export function summaryOf(
  claims: Readonly<Record<string, unknown>>,
  about: Pick<TokenSummary, 'type' | 'format' | 'signature'>,
): TokenSummary {
  const appraisal = appraisalIn(claims)
  const policyHash = claims['x-ms-policy-hash'] ?? appraisal['ear.appraisal-policy-id']
  const { iss, exp } = claims
  return {
    ...about,
    issuer: textOr(iss),
    policyHash: textOr(policyHash),
    expiresAt: typeof exp === 'number' ? exp : null,
    status: textOr(appraisal['ear.status']),
    claims,
  }
}

export function textOfToken(summary: TokenSummary): string {
  const { type, issuer, policyHash, expiresAt, status, claims } = summary
  return [
    `${signatureWords[summary.signature]}\n`,
    table([
      ['Type', type],
      ...(status === null ? [] : [['Status', status] as const]),
      ['Issuer', issuer ?? 'not said'],
      ['Policy hash', policyHash ?? 'not said'],
      ['Good until', expiresAt === null ? 'not said' : rfc3339(expiresAt)],
    ]),
    '\n',
    table(rowsOf(summary.format === 'ear' ? earRows(claims) : claims)),
  ].join('')
}

const signatureWords: Readonly<Record<TokenSummary['signature'], string>> = {
  pinned: 'VERIFIED: signed by a key that you named with --signer.',
  published:
    'SIGNED: by a key that the service publishes at /certs. That is no pinning: whoever answers there could have signed it. Name the key with --signer.',
  unsecured: 'UNSECURED: a draft policy made it. Nobody signed it, and nobody may accept it.',
}

/** Of a token of Azure's form what stands in the summary; of an EAT the trust vector and what is about the evidence. */
function earRows(claims: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const appraisal = appraisalIn(claims)
  const vector = Object(appraisal['ear.trustworthiness-vector'])
  const evidence = Object(appraisal['ear.veraison.annotated-evidence'])
  return {
    ...Object.fromEntries(
      Object.entries(vector).map(([aspect, value]) => [
        `trust ${aspect}`,
        typeof value === 'number' ? `${value}, ${tierOf(value)}` : value,
      ]),
    ),
    ...evidence,
    ...Object(appraisal['ear.veraison.policy-claims']),
  }
}

function appraisalIn(claims: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const submods = Object(claims['submods']) as Readonly<Record<string, unknown>>
  return Object(submods['cpu0']) as Readonly<Record<string, unknown>>
}

const inSummary: ReadonlySet<string> = new Set(['iss', 'exp', 'x-ms-policy-hash'])

function rowsOf(claims: Readonly<Record<string, unknown>>): readonly (readonly [string, string])[] {
  return Object.entries(claims)
    .filter(([name]) => !inSummary.has(name))
    .map(([name, value]) => [plain(name), plain(shown(value))] as const)
}

function shown(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** What somebody else wrote must not move the cursor of a terminal. */
export function plain(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]+/gu, ' ')
}

function textOr(value: unknown): string | null {
  return typeof value === 'string' ? plain(value) : null
}
