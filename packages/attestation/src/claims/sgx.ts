import { type Problem, unreachable } from '../bytes/index.ts'
import { type TcbStatus, tcbStatuses } from '../endorsements/index.ts'
import type { PeerExpectation } from '../evidence/index.ts'
import type { SgxEvidence, Verified } from '../verification/index.ts'
import { type Expectation, meets } from './expectation.ts'
import type { Claim, Verdict } from './verdict.ts'

/** Reference Values for an SGX enclave. Every field is required. */
export interface SgxReferenceValues {
  /** Hex. */
  readonly mrEnclave: Expectation<string>
  /** Hex. */
  readonly mrSigner: Expectation<string>
  readonly isvProdId: Expectation<number>
  readonly isvSvn: Expectation<number>
  /** Hex, 128 digits. */
  readonly configId: Expectation<string>
  /** Hex, 128 digits. */
  readonly reportData: Expectation<string>
  readonly tcbStatus: Expectation<TcbStatus>
  readonly tcbEvaluationDataNumber: Expectation<number>
  readonly debug: 'refused' | 'dangerously-allowed'
}

/** Why verified evidence was not what was asked for. */
export type AppraisalCode =
  | 'wrong-mr-enclave'
  | 'wrong-mr-signer'
  | 'wrong-isv-prod-id'
  | 'wrong-isv-svn'
  | 'wrong-config-id'
  | 'wrong-report-data'
  | 'wrong-tcb-status'
  | 'wrong-tcb-evaluation-data-number'
  | 'debug'

/**
 * Compares verified evidence with Reference Values.
 *
 * @returns `affirming` when all is met and Intel has nothing against the platform; `warning` when all is met and Intel
 *   has; `contraindicated` with every expectation that is not met, each an {@link AppraisalCode}. Measurements
 *   are nobody's secret: problems say what was expected and what was found.
 */
export function appraiseSgx(
  evidence: Verified<SgxEvidence>,
  referenceValues: SgxReferenceValues,
): Verdict {
  const problems: Problem<AppraisalCode>[] = []
  const ask = <T extends string | number>(
    code: AppraisalCode,
    field: string,
    expectation: Expectation<T>,
    actual: T,
  ): void => {
    if (meets(expectation, actual)) return
    const detail = `expected ${describeExpectation(expectation)}, found ${actual}`
    problems.push({ code, at: field, detail })
  }
  ask('wrong-mr-enclave', 'mrEnclave', referenceValues.mrEnclave, evidence.mrEnclave)
  ask('wrong-mr-signer', 'mrSigner', referenceValues.mrSigner, evidence.mrSigner)
  ask('wrong-isv-prod-id', 'isvProdId', referenceValues.isvProdId, evidence.isvProdId)
  ask('wrong-isv-svn', 'isvSvn', referenceValues.isvSvn, evidence.isvSvn)
  ask('wrong-config-id', 'configId', referenceValues.configId, evidence.configId)
  ask('wrong-report-data', 'reportData', referenceValues.reportData, evidence.reportData)
  ask('wrong-tcb-status', 'tcbStatus', referenceValues.tcbStatus, evidence.tcbStatus)
  ask(
    'wrong-tcb-evaluation-data-number',
    'tcbEvaluationDataNumber',
    referenceValues.tcbEvaluationDataNumber,
    evidence.tcbEvaluationDataNumber,
  )
  // A decision of its own: no list of accepted values can let a debug enclave in by accident.
  if (evidence.debug && referenceValues.debug !== 'dangerously-allowed') {
    problems.push({
      code: 'debug',
      at: 'debug',
      detail: 'expected no debugging, found a debug enclave',
    })
  }

  const [first, ...others] = problems
  if (first !== undefined) return { kind: 'contraindicated', problems: [first, ...others] }
  const claims = claimsOf(evidence)
  const { tcbStatus, advisoryIds } = evidence
  return tcbStatus === 'UpToDate' && advisoryIds.length === 0
    ? { kind: 'affirming', claims }
    : { kind: 'warning', claims, advisoryIds }
}

/**
 * The Reference Values that `peer` has to meet.
 *
 * @param deployment - `urn:uuid:…`. The quote does not name it; runtime and init-time data do, and are compared there.
 */
export function referenceValuesOf(peer: PeerExpectation, deployment: string): SgxReferenceValues {
  const statuses = tcbStatuses.filter((status) => peer.tcbStatuses.includes(status))
  return {
    mrEnclave: oneOf(peer.mrEnclave),
    mrSigner: oneOf(peer.mrSigner),
    isvProdId: { kind: 'equals', value: peer.isvProdId },
    isvSvn: { kind: 'at-least', value: peer.isvSvnMin },
    configId:
      peer.configId === undefined
        ? { kind: 'unchecked', reason: `any init-time data that names ${deployment} and the role` }
        : oneOf(peer.configId.map((sha256) => sha256 + '0'.repeat(64))),
    reportData: { kind: 'unchecked', reason: 'compared with the runtime data that it binds' },
    tcbStatus: oneOf(statuses),
    tcbEvaluationDataNumber: { kind: 'unchecked', reason: 'the dates of TCB info bound its age' },
    debug: peer.debug,
  }
}

/** An empty list asks for what nothing is: it must not come to mean "anything". */
function oneOf<T extends string>(values: readonly T[]): Expectation<T> {
  const [first, ...others] = values
  return first === undefined
    ? { kind: 'equals', value: 'nothing is accepted' as T }
    : { kind: 'one-of', values: [first, ...others] }
}

function describeExpectation<T extends string | number>(expectation: Expectation<T>): string {
  switch (expectation.kind) {
    case 'equals':
      return String(expectation.value)
    case 'one-of':
      return `one of ${expectation.values.join(', ')}`
    case 'at-least':
      return `at least ${expectation.value}`
    case 'unchecked':
      return 'anything'
    default:
      return unreachable(expectation)
  }
}

function claimsOf(evidence: SgxEvidence): readonly Claim[] {
  return [
    { type: 'mrEnclave', value: evidence.mrEnclave },
    { type: 'mrSigner', value: evidence.mrSigner },
    { type: 'isvProdId', value: evidence.isvProdId },
    { type: 'isvSvn', value: evidence.isvSvn },
    { type: 'configId', value: evidence.configId },
    { type: 'debug', value: evidence.debug },
    { type: 'tcbStatus', value: evidence.tcbStatus },
    ...evidence.advisoryIds.map((value) => ({ type: 'advisoryId', value })),
  ]
}
