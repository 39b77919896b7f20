/**
 * The Azure Attestation policy language, versions 1.0 and 1.1.
 *
 * @module
 */

export { defaultPolicy, developmentPolicy } from './defaults.ts'
export { configurationOf, evaluatePolicy } from './evaluate.ts'
export { policyHashOf } from './hash.ts'
export { policyLimits } from './limits.ts'
export { parsePolicy } from './parse.ts'
export type {
  Action,
  ClaimIssuer,
  ClaimProperty,
  ClaimTemplate,
  Comparison,
  Condition,
  Operand,
  Operator,
  Policy,
  PolicyClaim,
  PolicyCode,
  PolicyEvaluationCode,
  PolicyParseCode,
  PolicyProblem,
  PolicyValue,
  Rule,
} from './policy.ts'
