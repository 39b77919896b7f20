/**
 * What people read of evidence: the verdict first, then why, then what to do next, then what it says.
 *
 * @module
 */

import type { ClaimSet } from '@sealward/attestation/claims'
import { nextStepsOf } from './next-steps.ts'
import type { EvidenceVerdict } from './verify.ts'

export function textOf(verdict: EvidenceVerdict, notes: readonly string[]): string {
  const { kind, tcbStatus, advisoryIds, problems, expires, claims } = verdict
  return [
    `${verdictWords[verdict.verdict]}\n`,
    ...problems.map(
      ({ code, at, detail }) => `  ${code}${at === '' ? '' : ` (${at})`}: ${detail}\n`,
    ),
    ...notes.map((note) => `  ${note}\n`),
    ...nextStepsOf(verdict).map((step) => `  Next: ${step}\n`),
    table([
      ...(kind === null ? [] : [['Kind', kindNames[kind]] as const]),
      ...(tcbStatus === null ? [] : [['TCB', tcbStatus] as const]),
      ...(advisoryIds.length === 0 ? [] : [['Advisories', advisoryIds.join(', ')] as const]),
      ...(expires === null ? [] : [['Good until', expires] as const]),
      ...rowsOf(claims),
    ]),
    // Only what was verified runs out.
    expires !== null
      ? ''
      : 'What is listed is what the evidence says of itself; none of it is believed.\n',
  ].join('')
}

const verdictWords: Readonly<Record<EvidenceVerdict['verdict'], string>> = {
  affirming: 'AFFIRMING: verified, and nothing speaks against it.',
  warning: 'WARNING: verified, and something has to be known about it.',
  contraindicated: 'CONTRAINDICATED: do not trust it.',
  none: 'NONE: something is missing, so nothing can be said.',
}

export const kindNames: Readonly<Record<'sgx' | 'tdx' | 'snp', string>> = {
  sgx: 'SGX enclave',
  tdx: 'TDX trust domain',
  snp: 'SEV-SNP guest',
}

/** One row for each claim, and for each value of one that has several. */
export function rowsOf(claims: ClaimSet): readonly (readonly [string, string])[] {
  return Object.entries(claims).flatMap(([name, value]) =>
    typeof value === 'object'
      ? value.map((one, index) => [`${name}${index}`, one] as const)
      : [[name, String(value)] as const],
  )
}

/** Two columns, each row a line. */
export function table(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([name]) => name.length)) + 2
  return rows.map(([name, value]) => `${name.padEnd(width)}${value}\n`).join('')
}
