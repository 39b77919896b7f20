/**
 * Why a policy decided as it did: each rule, what it bound or what kept it from firing, and what came of it.
 *
 * @module
 */

import type { Problem } from '../bytes/index.ts'
import type { Claim } from '../claims/index.ts'
import { evaluated, verbOf } from './evaluate.ts'
import { policyLimits } from './limits.ts'
import { createMeter, type Meter, Refused } from './meter.ts'
import type {
  ClaimIssuer,
  ClaimProperty,
  Comparison,
  Condition,
  Operator,
  Policy,
  PolicyClaim,
  PolicyEvaluationCode,
  PolicyValue,
  Rule,
  SectionName,
} from './policy.ts'
import { printCondition, printRule } from './print.ts'
import {
  type Bound,
  type EvaluationLimits,
  holds,
  namesIn,
  propertyOf,
  type Run,
  running,
  runOver,
  type Seen,
} from './run.ts'

/** A claim as it is shown: long text is cut. */
export interface ShownClaim {
  readonly type: string
  readonly value: PolicyValue
  readonly issuer: ClaimIssuer
}

/** The comparison that kept a claim from satisfying a condition: `svn 3 < 4` as `{…, operator: '>=', expected: 4, actual: 3}`. */
export interface Miss {
  /** `line:col` of the comparison. */
  readonly at: string
  readonly claim: ShownClaim
  readonly property: ClaimProperty
  readonly operator: Operator
  readonly expected: PolicyValue
  readonly actual: PolicyValue
}

export interface ConditionExplanation {
  /** As it is printed. */
  readonly text: string
  readonly negated: boolean
  /** `unreached`: a condition before it does not hold, so that what it refers to is not bound. */
  readonly outcome: 'holds' | 'fails' | 'unreached'
  /** The claims that satisfy what stands in its brackets: the reason why it holds, or, negated, why it fails. */
  readonly claims: readonly ShownClaim[]
  /** How many there are: {@link claims} is cut. */
  readonly claimCount: number
  /** What the condition compares a claim's value with. */
  readonly values: readonly { readonly operator: Operator; readonly expected: PolicyValue }[]
  /** Of a condition that no claim satisfies: the claim that comes nearest. None: no claim has its type, or there is no claim. */
  readonly nearest?: Miss
}

export interface RuleExplanation {
  readonly section: SectionName
  /** `line:col`. */
  readonly at: string
  readonly offset: number
  /** As it is printed, on one line. */
  readonly text: string
  readonly action: string
  /** How often it fired. */
  readonly fired: number
  readonly conditions: readonly ConditionExplanation[]
  readonly made: readonly Claim[]
}

/** `failed`: evaluation was stopped, which is a refusal, too. */
export type Verdict = 'permitted' | 'denied' | 'not-permitted' | 'failed'

export interface Explanation {
  readonly verdict: Verdict
  /** Why it was not permitted. */
  readonly problem?: Problem<PolicyEvaluationCode>
  /** The rules that decided: those that deny; where none does, those that permit. Places in {@link rules}. */
  readonly decidedBy: readonly number[]
  /** Those that were run, in order. */
  readonly rules: readonly RuleExplanation[]
  readonly issued: readonly Claim[]
  /** What `issueproperty` set in issuance rules. */
  readonly properties: readonly Claim[]
}

/**
 * Evaluates a policy as `evaluatePolicy` does, and tells of every rule that ran.
 *
 * @param limits - for the evaluation, and once more for the telling; rules for which the latter does not suffice have
 *   no conditions told.
 */
export function explainPolicy(
  policy: Policy,
  claims: readonly PolicyClaim[],
  limits: EvaluationLimits,
): Explanation {
  const rules: RuleExplanation[] = []
  const sections = new Map<Rule, SectionName>([
    ...policy.authorization.map((rule) => [rule, 'authorizationrules'] as const),
    ...policy.issuance.map((rule) => [rule, 'issuancerules'] as const),
  ])
  const telling = createMeter(limits.stepsMax)
  const result = running(claims, limits, (run, meter) =>
    evaluated(
      policy,
      (rule) => {
        const conditions = conditionsOf(rule, run.seen, telling)
        const told = {
          section: sections.get(rule) ?? 'issuancerules',
          at: rule.at,
          offset: rule.offset,
          text: printRule(rule),
          action: verbOf(rule.action),
          conditions,
        }
        // A rule over which evaluation fails is told, too.
        rules.push({ ...told, fired: 0, made: [] })
        const { count, made } = run.fire(rule)
        rules[rules.length - 1] = { ...told, fired: count, made: made.map(shownClaim) }
        return { count, made }
      },
      meter,
    ),
  )
  const decided = (action: string): readonly number[] =>
    rules.flatMap((rule, index) => (rule.action === action && rule.fired > 0 ? [index] : []))
  const denying = decided('deny')
  return {
    verdict: verdictOf(result.ok ? undefined : result.problem.code),
    ...(result.ok ? {} : { problem: result.problem }),
    decidedBy: denying.length > 0 ? denying : decided('permit'),
    rules,
    issued: result.ok ? result.value.map(shownClaim) : [],
    properties: result.ok
      ? rules.filter(({ action }) => action === 'issueproperty').flatMap(({ made }) => made)
      : [],
  }
}

/** What a problem of evaluation, or none, comes to. */
export function verdictOf(code: PolicyEvaluationCode | undefined): Verdict {
  if (code === undefined) return 'permitted'
  return code === 'denied' || code === 'not-permitted' ? code : 'failed'
}

/** What can be told of a rule's conditions; nothing where that is too much work, or a claim is of the wrong kind. */
function conditionsOf(
  rule: Rule,
  seen: readonly Seen[],
  telling: Meter,
): readonly ConditionExplanation[] {
  try {
    return conditionsTold(rule, runOver(seen, telling))
  } catch (error) {
    if (error instanceof Refused) return []
    throw error
  }
}

function conditionsTold({ conditions }: Rule, run: Run): readonly ConditionExplanation[] {
  const joined = new Set(
    conditions.flatMap(({ comparisons }) => comparisons.flatMap(({ operand }) => namesIn(operand))),
  )
  let deepest: readonly ConditionExplanation[] = []
  /** Whether all conditions from `index` on hold; keeps the telling that comes furthest. */
  const descend = (
    index: number,
    bound: Bound,
    before: readonly ConditionExplanation[],
  ): boolean => {
    const condition = conditions[index]
    if (condition === undefined) {
      deepest = before
      return true
    }
    const found = run.candidates(condition, bound)
    const outcome = found.length > 0 === condition.negated ? 'fails' : 'holds'
    const here = [...before, conditionTold(condition, outcome, found, bound, run)]
    if (here.length > deepest.length) deepest = here
    if (outcome === 'fails') return false
    if (condition.negated) return descend(index + 1, bound, here)
    const { name } = condition
    if (name === undefined) return descend(index + 1, bound, here)
    const others = joined.has(name) ? found : found.slice(0, 1)
    return others.some((claim) => descend(index + 1, new Map([...bound, [name, claim]]), here))
  }
  descend(0, new Map(), [])
  const unreached = conditions.slice(deepest.length).map(
    (condition): ConditionExplanation => ({
      text: printCondition(condition),
      negated: condition.negated,
      outcome: 'unreached',
      claims: [],
      claimCount: 0,
      values: [],
    }),
  )
  return [...deepest, ...unreached]
}

function conditionTold(
  condition: Condition,
  outcome: 'holds' | 'fails',
  found: readonly Seen[],
  bound: Bound,
  run: Run,
): ConditionExplanation {
  const nearest = found.length === 0 ? nearestOf(condition, bound, run) : undefined
  return {
    text: printCondition(condition),
    negated: condition.negated,
    outcome,
    claims: found.slice(0, policyLimits.shownClaimsMax).map(shownSeen),
    claimCount: found.length,
    values: condition.comparisons
      .filter(({ property }) => property === 'value')
      .map(({ operator, operand }) => ({ operator, expected: shown(run.operand(operand, bound)) })),
    ...(nearest === undefined ? {} : { nearest }),
  }
}

/** Of the claims that have the type, if the condition names one, the one that most comparisons hold for, and the first that does not. */
function nearestOf({ comparisons }: Condition, bound: Bound, run: Run): Miss | undefined {
  const expectations = comparisons.map((comparison) => ({
    comparison,
    expected: run.operand(comparison.operand, bound),
  }))
  const meets = (claim: Seen, comparison: Comparison, expected: PolicyValue): boolean =>
    holds(propertyOf(claim, comparison.property), comparison.operator, expected) === true
  let best: { readonly claim: Seen; readonly met: number } | undefined
  for (const claim of run.seen) {
    const met = expectations.filter(({ comparison, expected }) =>
      meets(claim, comparison, expected),
    )
    const isOfType = expectations.every(
      ({ comparison, expected }) =>
        comparison.property !== 'type' || meets(claim, comparison, expected),
    )
    if (isOfType && (best === undefined || met.length > best.met)) {
      best = { claim, met: met.length }
    }
  }
  if (best === undefined) return undefined
  const { claim } = best
  const missed = expectations.find(
    ({ comparison, expected }) => !meets(claim, comparison, expected),
  )
  if (missed === undefined) return undefined
  const { property, operator, at } = missed.comparison
  return {
    at,
    claim: shownSeen(claim),
    property,
    operator,
    expected: shown(missed.expected),
    actual: shown(propertyOf(claim, property)),
  }
}

function shownSeen({ type, value, issuer }: Seen): ShownClaim {
  return { type: String(shown(type)), value: shown(value), issuer }
}

function shownClaim({ type, value }: Claim): Claim {
  return { type: String(shown(type)), value: shown(value) }
}

function shown(value: PolicyValue): PolicyValue {
  return typeof value === 'string' && value.length > policyLimits.shownCharactersMax
    ? `${value.slice(0, policyLimits.shownCharactersMax)}…`
    : value
}
