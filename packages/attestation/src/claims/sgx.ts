import type { TcbStatus } from '../endorsements/index.ts'
import type { PeerExpectation } from '../evidence/index.ts'
import type { SgxEvidence, Verified } from '../verification/index.ts'
import type { Expectation } from './expectation.ts'
import type { Verdict } from './verdict.ts'

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

/** Compares verified evidence with Reference Values. */
export function appraiseSgx(
  _evidence: Verified<SgxEvidence>,
  _referenceValues: SgxReferenceValues,
): Verdict {
  throw new Error('under construction')
}

/** The Reference Values that `peer` of `deployment` has to meet. */
export function referenceValuesOf(_peer: PeerExpectation, _deployment: string): SgxReferenceValues {
  throw new Error('under construction')
}
