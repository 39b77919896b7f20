/**
 * The Azure Attestation policy language, versions 1.0, 1.1 and 1.2.
 *
 * @see docs/spec/policy-language.md
 * @module
 */

export { azureMessageOf } from './azure-message.ts'
export { configurationOf, type PolicyConfiguration } from './configuration.ts'
export { type AttestationType, attestationTypes, defaultPolicyFor } from './defaults.ts'
export { describeExplanation, headlineOf } from './describe.ts'
export {
  type DecisionDiff,
  type DiffedRule,
  diffPolicies,
  isSamePolicy,
  type NamedClaims,
  type PolicyDiff,
  type SectionDiff,
} from './diff.ts'
export { evaluatePolicy } from './evaluate.ts'
export {
  type ConditionExplanation,
  type Explanation,
  explainPolicy,
  type Miss,
  type RuleExplanation,
  type ShownClaim,
  type Verdict,
} from './explain.ts'
export { policyHashOf } from './hash.ts'
export { incomingClaims } from './incoming-claims.ts'
export { policyLimits } from './limits.ts'
export { type LintCode, type LintWarning, lintPolicy } from './lint.ts'
export { parsePolicy } from './parse.ts'
export type {
  Action,
  Call,
  ClaimIssuer,
  ClaimProperty,
  ClaimTemplate,
  Comparison,
  Condition,
  Deviation,
  FunctionName,
  Operand,
  Operator,
  Policy,
  PolicyClaim,
  PolicyCode,
  PolicyComments,
  PolicyEvaluationCode,
  PolicyParseCode,
  PolicyProblem,
  PolicyValue,
  PolicyVersion,
  Reference,
  Rule,
  SectionComments,
  SectionName,
} from './policy.ts'
export { printPolicy, printRule } from './print.ts'
export type { EvaluationLimits } from './run.ts'
