export { type Expectation, meets } from './expectation.ts'
export { appraiseSgx, referenceValuesOf, type SgxReferenceValues } from './sgx.ts'
export type { Claim, Verdict } from './verdict.ts'
