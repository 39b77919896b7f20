export { type Expectation, meets } from './expectation.ts'
export {
  type AppraisalCode,
  appraiseSgx,
  referenceValuesOf,
  type SgxReferenceValues,
} from './sgx.ts'
export type { Claim, Verdict } from './verdict.ts'
