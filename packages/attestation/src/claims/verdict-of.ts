import type { SgxEvidence, SnpEvidence, TdxEvidence, Verified } from '../verification/index.ts'
import { claimListOf } from './claims-of.ts'
import type { Verdict } from './verdict.ts'

/**
 * What the vendor says of evidence, when nobody said what to expect. It is not said whether it is the right workload.
 *
 * @returns `affirming` for a platform that the vendor has nothing against, in which nobody can debug and of which nothing
 *   is revoked; `warning` otherwise: nothing was asked for, so nothing is contraindicated.
 */
export function verdictOf(evidence: Verified<SgxEvidence | TdxEvidence | SnpEvidence>): Verdict {
  const { tcb, debug, revocation, advisoryIds } = warningsOf(evidence)
  const claims = claimListOf(evidence)
  return tcb || debug || revocation
    ? { kind: 'warning', claims, advisoryIds }
    : { kind: 'affirming', claims }
}

/** What there is to be said against verified evidence. */
export interface Warnings {
  /** The vendor has something against the platform. */
  readonly tcb: boolean
  readonly debug: boolean
  /** Nobody looked whether a certificate is revoked. */
  readonly revocation: boolean
  readonly advisoryIds: readonly string[]
}

export function warningsOf(evidence: SgxEvidence | TdxEvidence | SnpEvidence): Warnings {
  const { debug } = evidence
  if (evidence.kind === 'snp') {
    return { tcb: false, debug, revocation: evidence.revocation !== 'good', advisoryIds: [] }
  }
  const { tcbStatus, advisoryIds } = evidence
  const tcb = tcbStatus !== 'UpToDate' || advisoryIds.length > 0
  return { tcb, debug, revocation: false, advisoryIds }
}
