/**
 * Evaluation of a policy over claims: the only place that decides what permits and what denies.
 *
 * @module
 */

import { ok, type Problem, type Result, unreachable } from '../bytes/index.ts'
import type { Claim } from '../claims/index.ts'
import { policyLimits } from './limits.ts'
import type {
  Action,
  ClaimIssuer,
  ClaimProperty,
  Comparison,
  Condition,
  Operand,
  Operator,
  Policy,
  PolicyClaim,
  PolicyEvaluationCode,
  PolicyValue,
  Rule,
} from './policy.ts'

/** How much work one evaluation may be. */
export interface EvaluationLimits {
  /** Comparisons made, at most. */
  readonly stepsMax: number
}

/**
 * Evaluates a policy.
 *
 * All authorization rules run, in order. One `deny` defeats every `permit`; without a `permit` the answer is
 * a refusal. Only then do the issuance rules run. What `add` and `issue` make is seen by the rules that
 * follow, with issuer `AttestationPolicy`. A rule whose action names a bound claim fires once for each
 * claim that the name can stand for.
 *
 * @param claims - what is known of the evidence; a claim without an issuer is `AttestationService`'s.
 * @returns the issued claims in order, or `denied`, `not-permitted`, `policy-steps`,
 *   `policy-type-mismatch` (a claim of the right type whose value is of another kind than the policy
 *   compares with), `policy-too-many-claims`.
 * @see Azure Attestation, "Claim and claim rules"
 */
export function evaluatePolicy(
  policy: Policy,
  claims: readonly PolicyClaim[],
  limits: EvaluationLimits,
): Result<readonly Claim[], Problem<PolicyEvaluationCode>> {
  return evaluating(claims, limits, (run) => {
    const authorized = policy.authorization.flatMap((rule) => run(rule).map(() => rule.action.kind))
    if (authorized.includes('deny')) fail('denied', 'authorizationrules', 'a rule denies')
    if (!authorized.includes('permit')) {
      fail('not-permitted', 'authorizationrules', 'no rule permits')
    }
    return policy.issuance.flatMap((rule) => {
      const made = run(rule)
      return verbOf(rule.action) === 'issue' ? made : []
    })
  })
}

/**
 * The properties that a policy's configuration rules set, such as `x-ms-sgx-tcbidentifier`.
 *
 * @returns the properties in order, or a {@link PolicyEvaluationCode}.
 */
export function configurationOf(
  policy: Policy,
  limits: EvaluationLimits,
): Result<readonly Claim[], Problem<PolicyEvaluationCode>> {
  return evaluating([], limits, (run) => policy.configuration.flatMap(run))
}

/** A claim in play. */
interface Seen {
  readonly type: string
  readonly value: PolicyValue
  readonly issuer: ClaimIssuer
}

/** Fires a rule; answers one claim for each firing (`permit` and `deny` fire with a claim that is nobody's). */
type Run = (rule: Rule) => readonly Claim[]

function evaluating(
  claims: readonly PolicyClaim[],
  limits: EvaluationLimits,
  evaluate: (run: Run) => readonly Claim[],
): Result<readonly Claim[], Problem<PolicyEvaluationCode>> {
  const seen: Seen[] = claims.map(({ type, value, issuer }) => ({
    type,
    value,
    issuer: issuer ?? 'AttestationService',
  }))
  let steps = 0
  const step = (rule: Rule): void => {
    steps++
    if (steps > limits.stepsMax) fail('policy-steps', rule.at, `more than ${limits.stepsMax} steps`)
  }
  const run: Run = (rule) =>
    firingsOf(rule, seen, () => step(rule)).map((bound) => {
      const claim = resultOf(rule.action, bound)
      if (claim === undefined) return { type: rule.action.kind, value: true }
      if (seen.length >= policyLimits.claimsMax) {
        fail('policy-too-many-claims', rule.at, `more than ${policyLimits.claimsMax} claims`)
      }
      seen.push({ ...claim, issuer: 'AttestationPolicy' })
      return claim
    })
  try {
    if (seen.length > policyLimits.claimsMax) {
      fail('policy-too-many-claims', 'claims', `more than ${policyLimits.claimsMax} claims`)
    }
    return ok(evaluate(run))
  } catch (error) {
    if (error instanceof Refused) return { ok: false, problem: error.problem }
    throw error
  }
}

type Bound = ReadonlyMap<string, Seen>

/** Each distinct way to bind the names that the action uses, so that all conditions hold. */
function firingsOf(rule: Rule, seen: readonly Seen[], step: () => void): readonly Bound[] {
  const used = namesOf(rule.action)
  const firings = new Map<string, Bound>()
  const claims = [...seen]
  const descend = (index: number, bound: Bound, key: string): void => {
    const condition = rule.conditions[index]
    if (condition === undefined) {
      firings.set(key, bound)
      return
    }
    claims.forEach((claim, position) => {
      // Nothing that is still unbound can change what the action makes: one way is enough.
      if (used.size === 0 && firings.size > 0) return
      if (!satisfies(claim, condition, bound, rule, step)) return
      const { name } = condition
      if (name === undefined) descend(index + 1, bound, key)
      else {
        const part = used.has(name) ? `${name}=${position};` : ''
        descend(index + 1, new Map([...bound, [name, claim]]), key + part)
      }
    })
  }
  descend(0, new Map(), '')
  return [...firings.values()]
}

function namesOf(action: Action): ReadonlySet<string> {
  if (action.kind === 'permit' || action.kind === 'deny') return new Set()
  if (action.kind === 'copy') return new Set([action.name])
  const operands = [action.claim.type, action.claim.value]
  return new Set(
    operands.flatMap((operand) => (operand.kind === 'reference' ? [operand.claim] : [])),
  )
}

function satisfies(
  claim: Seen,
  condition: Condition,
  bound: Bound,
  rule: Rule,
  step: () => void,
): boolean {
  const pinsType = condition.comparisons.some(({ property }) => property === 'type')
  let mismatched = false
  for (const comparison of condition.comparisons) {
    step()
    const outcome = compare(claim, comparison, bound)
    if (outcome === false) return false
    if (outcome === 'mismatched') mismatched = true
  }
  // A claim that is not of the kind its policy's author thought must not slip past a rule unseen.
  if (mismatched && pinsType) {
    return fail('policy-type-mismatch', rule.at, 'a claim is not of the kind it is compared with')
  }
  return !mismatched
}

function compare(
  claim: Seen,
  { property, operator, operand }: Comparison,
  bound: Bound,
): boolean | 'mismatched' {
  const left = propertyOf(claim, property)
  const right = operandOf(operand, bound)
  if (typeof left !== typeof right) return 'mismatched'
  if (operator === '==') return left === right
  if (operator === '!=') return left !== right
  if (typeof left !== 'number' || typeof right !== 'number') return 'mismatched'
  return ordered(operator, left, right)
}

function ordered(operator: Exclude<Operator, '==' | '!='>, left: number, right: number): boolean {
  switch (operator) {
    case '<':
      return left < right
    case '<=':
      return left <= right
    case '>':
      return left > right
    case '>=':
      return left >= right
    default:
      return unreachable(operator)
  }
}

function propertyOf(claim: Seen, property: ClaimProperty): PolicyValue {
  switch (property) {
    case 'type':
      return claim.type
    case 'value':
      return claim.value
    case 'issuer':
      return claim.issuer
    case 'valueType':
      return valueTypeOf(claim.value)
    default:
      return unreachable(property)
  }
}

function valueTypeOf(value: PolicyValue): 'String' | 'Integer' | 'Boolean' {
  if (typeof value === 'string') return 'String'
  return typeof value === 'number' ? 'Integer' : 'Boolean'
}

function operandOf(operand: Operand, bound: Bound): PolicyValue {
  if (operand.kind === 'literal') return operand.value
  const claim = bound.get(operand.claim)
  if (claim === undefined) throw new Error('unreachable: the parser refuses unbound names')
  return propertyOf(claim, operand.property)
}

function verbOf(action: Action): string {
  return action.kind === 'copy' ? action.verb : action.kind
}

function resultOf(action: Action, bound: Bound): Claim | undefined {
  switch (action.kind) {
    case 'permit':
    case 'deny':
      return undefined
    case 'copy': {
      const claim = bound.get(action.name)
      if (claim === undefined) throw new Error('unreachable: the parser refuses unbound names')
      return { type: claim.type, value: claim.value }
    }
    case 'add':
    case 'issue':
    case 'issueproperty':
      return {
        type: String(operandOf(action.claim.type, bound)),
        value: operandOf(action.claim.value, bound),
      }
    default:
      return unreachable(action)
  }
}

function fail(code: PolicyEvaluationCode, at: string, detail: string): never {
  throw new Refused({ code, at, detail })
}

/** Leaves {@link fail}, is caught in {@link evaluating}, and is seen by nobody else. */
class Refused extends Error {
  readonly problem: Problem<PolicyEvaluationCode>
  constructor(problem: Problem<PolicyEvaluationCode>) {
    super(problem.detail)
    this.problem = problem
  }
}
