export type { AppraisalCode } from './appraisal-fields.ts'
export {
  type AnyEvidence,
  type AppraisalContext,
  appraise,
  effectiveTcbStatus,
} from './appraise.ts'
export {
  type ClaimSet,
  type ClaimValue,
  claimsOf,
  quoteClaimsOf,
  reportClaimsOf,
} from './claims-of.ts'
export { type Expectation, meets } from './expectation.ts'
export {
  type ForecastExpectations,
  type ForecastSide,
  forecastTcb,
  type TcbForecast,
} from './forecast.ts'
export { referenceValuesBytesMax, referenceValuesDepthMax } from './limits.ts'
export { parseReferenceValues } from './parse-reference-values.ts'
export {
  type DcapReferenceValues,
  type ReferenceValues,
  referenceValuesOf,
  type SgxReferenceValues,
  type SnpReferenceValues,
  type SnpTcbExpectation,
  type SnpTcbFloor,
  type TdxReferenceValues,
  type ToleratedAdvisory,
  type Unchecked,
} from './reference-values.ts'
export { skeletonOf } from './skeleton-of.ts'
export type { Claim, Verdict } from './verdict.ts'
export { verdictOf, type Warnings, warningsOf } from './verdict-of.ts'
