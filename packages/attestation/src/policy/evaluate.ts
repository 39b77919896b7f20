/**
 * Evaluation of a policy over claims: the only place that decides what permits and what denies.
 *
 * @module
 */

import type { Problem, Result } from '../bytes/index.ts'
import type { Claim } from '../claims/index.ts'
import { policyLimits } from './limits.ts'
import type { Meter } from './meter.ts'
import type { Action, Policy, PolicyClaim, PolicyEvaluationCode, Rule } from './policy.ts'
import { type EvaluationLimits, type Fired, running } from './run.ts'

/**
 * Evaluates a policy.
 *
 * All authorization rules run, in order. One `deny` defeats every `permit`; without a `permit` the answer is
 * a refusal. Only then do the issuance rules run. What `add` and `issue` make is seen by the rules that
 * follow, with issuer `AttestationPolicy`. A rule whose action names a bound claim fires once for each
 * claim that the name can stand for; inside a function, the name stands for all of them.
 *
 * @param claims - what is known of the evidence; a claim without an issuer is `AttestationService`'s.
 * @returns the issued claims in order, or `denied`, `not-permitted`, `policy-steps`,
 *   `policy-type-mismatch` (a claim of the right type whose value is of another kind than the policy
 *   compares with), `policy-too-many-claims`, `policy-argument`, `policy-query`, `policy-value-too-long`.
 * @see Azure Attestation, "Claim and claim rules"
 */
export function evaluatePolicy(
  policy: Policy,
  claims: readonly PolicyClaim[],
  limits: EvaluationLimits,
): Result<readonly Claim[], Problem<PolicyEvaluationCode>> {
  return running(claims, limits, ({ fire }, meter) => evaluated(policy, fire, meter))
}

/**
 * Fires the rules of a policy in order.
 *
 * @returns the issued claims; fails by `meter` with `denied` or `not-permitted`.
 */
export function evaluated(
  policy: Policy,
  fire: (rule: Rule) => Fired,
  meter: Meter,
): readonly Claim[] {
  const verdicts = policy.authorization.flatMap((rule) =>
    fire(rule).count > 0 ? [{ kind: rule.action.kind, at: rule.at }] : [],
  )
  const denial = verdicts.find(({ kind }) => kind === 'deny')
  if (denial !== undefined) {
    meter.at = denial.at
    meter.fail('denied', 'a rule of authorizationrules denies')
  }
  if (!verdicts.some(({ kind }) => kind === 'permit')) {
    meter.at = 'authorizationrules'
    meter.fail('not-permitted', 'no rule of authorizationrules permits')
  }
  let characters = 0
  return policy.issuance.flatMap((rule) => {
    const { made } = fire(rule)
    if (verbOf(rule.action) !== 'issue') return []
    for (const { type, value } of made) {
      characters += type.length + (typeof value === 'string' ? value.length : 0)
    }
    if (characters > policyLimits.issuedCharactersMax) {
      const detail = `more than ${policyLimits.issuedCharactersMax} characters in issued claims`
      meter.fail('policy-value-too-long', detail)
    }
    return made
  })
}

/** The verb that an action is written with. */
export function verbOf(action: Action): string {
  return action.kind === 'copy' ? action.verb : action.kind
}
