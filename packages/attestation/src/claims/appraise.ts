import type { Problem, UnixSeconds } from '../bytes/index.ts'
import type { TcbStatus } from '../endorsements/index.ts'
import type { SgxEvidence, SnpEvidence, TdxEvidence, Verified } from '../verification/index.ts'
import {
  type AppraisalCode,
  type AppraisalField,
  dcapFields,
  sgxFields,
  snpFields,
  snpTcbComponents,
  snpTcbNames,
  tdxFields,
} from './appraisal-fields.ts'
import { claimListOf } from './claims-of.ts'
import { type Expectation, meets, wordsOf } from './expectation.ts'
import type {
  DcapReferenceValues,
  ReferenceValues,
  SnpReferenceValues,
} from './reference-values.ts'
import type { Verdict } from './verdict.ts'
import { warningsOf } from './verdict-of.ts'

/** Evidence of any TEE. */
export type AnyEvidence = SgxEvidence | TdxEvidence | SnpEvidence

/** What is known beside the evidence. */
export interface AppraisalContext {
  /** For tolerations, which end. */
  readonly at: UnixSeconds
  /** The deployment that was found bound to the evidence, where one was. */
  readonly deployment: string | undefined
}

/**
 * Compares verified evidence with Reference Values.
 *
 * @returns `affirming` when all is met and the vendor has nothing against the platform; `warning` when all is met and it
 *   has; `contraindicated` with every expectation that is not met, each an {@link AppraisalCode}. Measurements are
 *   nobody's secret: problems say what was expected and what was found.
 */
export function appraise(
  evidence: Verified<AnyEvidence>,
  referenceValues: ReferenceValues,
  context: AppraisalContext,
): Verdict {
  const [first, ...others] = problemsOf(evidence, referenceValues, context)
  if (first !== undefined) return { kind: 'contraindicated', problems: [first, ...others] }
  const claims = claimListOf(evidence)
  // What was asked for and found needs no warning: a debug enclave that was allowed was allowed.
  const { advisoryIds, ...warned } = warningsOf(evidence)
  return warned.tcb || warned.revocation
    ? { kind: 'warning', claims, advisoryIds }
    : { kind: 'affirming', claims }
}

function problemsOf(
  evidence: AnyEvidence,
  referenceValues: ReferenceValues,
  { at, deployment }: AppraisalContext,
): readonly Problem<AppraisalCode>[] {
  if (evidence.kind !== referenceValues.kind) {
    const detail = `expected evidence of ${referenceValues.kind}, found ${evidence.kind}`
    return [{ code: 'wrong-kind', at: 'kind', detail }]
  }
  return [
    ...differencesOf(evidence, referenceValues),
    ...difference('wrong-deployment', 'deployment', referenceValues.deployment, deployment ?? ''),
    ...platformProblemsOf(evidence, referenceValues, at),
    // A decision of its own: no list of accepted values can let a debug enclave in by accident.
    ...(evidence.debug && referenceValues.debug !== 'dangerously-allowed'
      ? [{ code: 'debug', at: 'debug', detail: 'expected no debugging, found it allowed' } as const]
      : []),
  ]
}

function differencesOf(
  evidence: AnyEvidence,
  referenceValues: ReferenceValues,
): readonly Problem<AppraisalCode>[] {
  switch (evidence.kind) {
    case 'sgx':
      return [
        ...inTable(sgxFields, evidence, referenceValues),
        ...inTable(dcapFields, evidence, referenceValues),
      ]
    case 'tdx':
      return [
        ...inTable(tdxFields, evidence, referenceValues),
        ...inTable(dcapFields, evidence, referenceValues),
      ]
    case 'snp':
      return inTable(snpFields, evidence, referenceValues)
  }
}

function inTable<E>(
  table: Readonly<Record<string, AppraisalField<E>>>,
  evidence: E,
  referenceValues: ReferenceValues,
): readonly Problem<AppraisalCode>[] {
  const expectations = referenceValues as unknown as Readonly<
    Record<string, Expectation<string | number> | undefined>
  >
  return Object.entries(table).flatMap(([name, [code, actualOf]]) => {
    const expectation = expectations[name]
    // Reference Values that lack a field accept nothing: absence is not an answer.
    return expectation === undefined
      ? [{ code, at: name, detail: 'nothing was said of it' }]
      : difference(code, name, expectation, actualOf(evidence))
  })
}

function difference<T extends string | number>(
  code: AppraisalCode,
  at: string,
  expectation: Expectation<T>,
  actual: T,
): readonly Problem<AppraisalCode>[] {
  if (meets(expectation, actual)) return []
  const expected = wordsOf(expectation as Expectation<string> | Expectation<number>)
  return [{ code, at, detail: `expected ${expected}, found ${actual === '' ? 'none' : actual}` }]
}

function platformProblemsOf(
  evidence: AnyEvidence,
  referenceValues: ReferenceValues,
  at: UnixSeconds,
): readonly Problem<AppraisalCode>[] {
  if (evidence.kind === 'snp') {
    return referenceValues.kind === 'snp' ? snpTcbProblemsOf(evidence, referenceValues) : []
  }
  return referenceValues.kind === 'snp' ? [] : dcapTcbProblemsOf(evidence, referenceValues, at)
}

function dcapTcbProblemsOf(
  evidence: SgxEvidence | TdxEvidence,
  { tcbStatus, tcbBaselineDate, advisories }: DcapReferenceValues,
  at: UnixSeconds,
): readonly Problem<AppraisalCode>[] {
  const status = effectiveTcbStatus(
    evidence,
    tcbBaselineDate.kind === 'at-least' ? tcbBaselineDate.value : undefined,
  )
  const tolerated = advisories.kind === 'tolerated' ? advisories.tolerated : undefined
  const intolerable = evidence.advisoryIds.filter(
    (id) => tolerated?.some((one) => one.id === id && at <= one.until) === false,
  )
  return [
    ...difference('wrong-tcb-status', 'tcbStatus', tcbStatus, status),
    ...intolerable.map((id) => ({
      code: 'advisory-not-tolerated' as const,
      at: 'advisories',
      detail: `expected no ${id}, or a toleration of it that lasts`,
    })),
  ]
}

/** Each component that is older than accepted. */
function snpTcbProblemsOf(
  evidence: SnpEvidence,
  referenceValues: SnpReferenceValues,
): readonly Problem<AppraisalCode>[] {
  return snpTcbNames.flatMap((name) => {
    const expectation = referenceValues[name]
    if (expectation.kind === 'unchecked') return []
    return snpTcbComponents.flatMap((component) =>
      difference(
        'wrong-tcb',
        `${name}.${component}`,
        { kind: 'at-least', value: expectation.value[component] },
        evidence[name][component] ?? 0,
      ),
    )
  })
}

/**
 * The platform's status, where levels that are new enough count as up to date.
 *
 * @param baselineDate - levels that Intel set at this instant or later; `undefined`: none.
 */
export function effectiveTcbStatus(
  { tcbStatus, tcbDate }: Pick<SgxEvidence, 'tcbStatus' | 'tcbDate'>,
  baselineDate: UnixSeconds | undefined,
): TcbStatus {
  return baselineDate !== undefined && tcbDate >= baselineDate ? 'UpToDate' : tcbStatus
}
