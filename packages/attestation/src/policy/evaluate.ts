import type { Problem, Result } from '../bytes/index.ts'
import type { Claim } from '../claims/index.ts'
import type { Policy, PolicyClaim, PolicyEvaluationCode } from './policy.ts'

export function evaluatePolicy(
  _policy: Policy,
  _claims: readonly PolicyClaim[],
  _limits: { readonly stepsMax: number },
): Result<readonly Claim[], Problem<PolicyEvaluationCode>> {
  throw new Error('in progress')
}

export function configurationOf(
  _policy: Policy,
  _limits: { readonly stepsMax: number },
): Result<readonly Claim[], Problem<PolicyEvaluationCode>> {
  throw new Error('in progress')
}
