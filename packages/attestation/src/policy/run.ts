/**
 * How rules fire: which claims satisfy a condition, which ways there are to bind names, and what comes of it.
 *
 * @module
 */

import { type Problem, type Result, unreachable } from '../bytes/index.ts'
import type { Claim } from '../claims/index.ts'
import { called, createReaders, type Readers, type ValueSet } from './functions.ts'
import { policyLimits } from './limits.ts'
import { createMeter, type Meter, Refused } from './meter.ts'
import type {
  Action,
  ClaimIssuer,
  ClaimProperty,
  Comparison,
  Condition,
  Operand,
  Operator,
  PolicyClaim,
  PolicyEvaluationCode,
  PolicyValue,
  Rule,
} from './policy.ts'

/** How much work one evaluation may be. */
export interface EvaluationLimits {
  /** Comparisons, calls, nodes of queries, and pieces of text that are read or made, at most. */
  readonly stepsMax: number
}

/** A claim in play. */
export interface Seen {
  readonly type: string
  readonly value: PolicyValue
  readonly issuer: ClaimIssuer
  /** How many came into play before it. */
  readonly index: number
}

/** Which claim each name stands for. */
export type Bound = ReadonlyMap<string, Seen>

/** Claims in play, and the rules that fire over them. */
export interface Run {
  readonly seen: readonly Seen[]
  /** Fires a rule. Answers how often it did, and the claims it made, which are in play from now on. */
  fire(rule: Rule): Fired
  /** The claims that satisfy what a condition says, negated or not. */
  candidates(condition: Condition, bound: Bound): readonly Seen[]
  /** What a comparison has on its right. */
  operand(operand: Operand, bound: Bound): PolicyValue
}

export interface Fired {
  readonly count: number
  readonly made: readonly Claim[]
}

/**
 * Runs `evaluate` over claims, within limits.
 *
 * @returns what `evaluate` answers; or why it was stopped, by a {@link PolicyEvaluationCode}.
 */
export function running<T>(
  claims: readonly PolicyClaim[],
  { stepsMax }: EvaluationLimits,
  evaluate: (run: Run, meter: Meter) => T,
): Result<T, Problem<PolicyEvaluationCode>> {
  const meter = createMeter(stepsMax)
  try {
    if (claims.length > policyLimits.claimsMax) {
      meter.at = 'claims'
      meter.fail('policy-too-many-claims', `more than ${policyLimits.claimsMax} claims`)
    }
    return { ok: true, value: evaluate(runOver(claims, meter), meter) }
  } catch (error) {
    if (error instanceof Refused) return { ok: false, problem: error.problem }
    throw error
  }
}

/** Puts claims into play; what happens to them is counted, and fails, by `meter`. */
export function runOver(claims: readonly PolicyClaim[], meter: Meter): Run {
  const seen: Seen[] = []
  const byType = new Map<string, Seen[]>()
  const put = ({ type, value }: Claim, issuer: ClaimIssuer): void => {
    const claim = { type, value, issuer, index: seen.length }
    seen.push(claim)
    const same = byType.get(type)
    if (same === undefined) byType.set(type, [claim])
    else same.push(claim)
  }
  for (const claim of claims) put(claim, claim.issuer ?? 'AttestationService')
  const tools: Tools = { seen, byType, meter, readers: createReaders() }
  return {
    seen,
    fire: (rule) => {
      meter.at = rule.at
      const firings = firingsOf(rule, tools)
      const made = firings.flatMap((firing) => claimsOf(rule.action, firing, tools))
      for (const claim of made) {
        if (seen.length >= policyLimits.claimsMax) {
          meter.fail('policy-too-many-claims', `more than ${policyLimits.claimsMax} claims`)
        }
        put(claim, 'AttestationPolicy')
      }
      return { count: firings.length, made }
    },
    candidates: (condition, bound) => candidatesOf(condition, bound, tools),
    operand: (operand, bound) => operandOf(operand, bound, tools),
  }
}

interface Tools {
  readonly seen: readonly Seen[]
  readonly byType: ReadonlyMap<string, readonly Seen[]>
  readonly meter: Meter
  readonly readers: Readers
}

/** One way in which all conditions of a rule hold. */
interface Firing {
  /** Where the action names a claim itself: the one. */
  readonly bound: Bound
  /** Where it names one inside a function: all that the name can stand for. */
  readonly sets: ReadonlyMap<string, ReadonlySet<Seen>>
}

/** What a rule's names are needed for. */
interface Needs {
  /** Names that stand for one claim in each firing. */
  readonly ones: ReadonlySet<string>
  /** Names that stand for all their claims. */
  readonly sets: ReadonlySet<string>
  /** Names that later conditions refer to. */
  readonly joined: ReadonlySet<string>
}

/** Each distinct way to bind the names that the action uses, so that all conditions hold. */
function firingsOf(rule: Rule, tools: Tools): readonly Firing[] {
  const needs = needsFor(rule)
  const isAnyEnough = needs.ones.size === 0 && needs.sets.size === 0
  const sets = new Map<string, Set<Seen>>([...needs.sets].map((name) => [name, new Set<Seen>()]))
  const firings = new Map<string, Firing>()
  const independent = new Map<Condition, readonly Seen[]>()
  const candidates = (condition: Condition, bound: Bound): readonly Seen[] => {
    const known = independent.get(condition)
    if (known !== undefined) return known
    const found = candidatesOf(condition, bound, tools)
    if (planOf(condition).independent) independent.set(condition, found)
    return found
  }
  const bound = new Map<string, Seen>()
  const descend = (index: number, key: string): void => {
    tools.meter.step()
    const condition = rule.conditions[index]
    if (condition === undefined) {
      for (const [name, set] of sets) {
        const claim = bound.get(name)
        if (claim !== undefined) set.add(claim)
      }
      if (!firings.has(key)) {
        tools.meter.step(bound.size)
        firings.set(key, { bound: new Map(bound), sets })
      }
      return
    }
    const found = candidates(condition, bound)
    if (condition.negated) {
      if (found.length === 0) descend(index + 1, key)
      return
    }
    const { name } = condition
    const isNeeded =
      name !== undefined && (needs.ones.has(name) || needs.sets.has(name) || needs.joined.has(name))
    // Of what nobody asks for again, one is as good as another.
    for (const claim of isNeeded ? found : found.slice(0, 1)) {
      // Nothing that is still unbound can change what the action makes: one way is enough.
      if (isAnyEnough && firings.size > 0) return
      if (name !== undefined) bound.set(name, claim)
      // In the order of conditions: which name it is need not be said.
      const part = name !== undefined && needs.ones.has(name) ? `${claim.index};` : ''
      descend(index + 1, key + part)
    }
    if (name !== undefined) bound.delete(name)
  }
  descend(0, '')
  return [...firings.values()]
}

/** Rules and conditions do not change: what is known of them is known for the next evaluation, too. */
const knownNeeds = new WeakMap<Rule, Needs>()
const knownPlans = new WeakMap<Condition, Plan>()

function needsFor(rule: Rule): Needs {
  const known = knownNeeds.get(rule)
  if (known !== undefined) return known
  const needs = needsOf(rule)
  knownNeeds.set(rule, needs)
  return needs
}

/** How a condition is asked of a claim: whose it is first, and only then what its value is. */
interface Plan {
  /** The type that a claim must have. */
  readonly type: string | undefined
  /** Whether the condition says, in whatever way, which type a claim must have. */
  readonly pinsType: boolean
  readonly others: readonly Comparison[]
  readonly values: readonly Comparison[]
  /** No name of another condition is in it. */
  readonly independent: boolean
}

function planOf(condition: Condition): Plan {
  const known = knownPlans.get(condition)
  if (known !== undefined) return known
  const { comparisons } = condition
  const types = comparisons.filter(
    ({ property, operator }) => property === 'type' && operator === '==',
  )
  const literal = types.find(({ operand }) => operand.kind === 'literal')
  const plan: Plan = {
    type: literal?.operand.kind === 'literal' ? String(literal.operand.value) : undefined,
    pinsType: types.length > 0,
    others: comparisons.filter((one) => one.property !== 'value' && one !== literal),
    values: comparisons.filter(({ property }) => property === 'value'),
    independent: comparisons.every(({ operand }) => namesIn(operand).length === 0),
  }
  knownPlans.set(condition, plan)
  return plan
}

function needsOf({ conditions, action }: Rule): Needs {
  const joined = new Set(
    conditions.flatMap(({ comparisons }) => comparisons.flatMap(({ operand }) => namesIn(operand))),
  )
  if (action.kind === 'permit' || action.kind === 'deny') {
    return { ones: new Set(), sets: new Set(), joined }
  }
  if (action.kind === 'copy') return { ones: new Set([action.name]), sets: new Set(), joined }
  const operands = [action.claim.type, action.claim.value]
  return {
    ones: new Set(operands.filter(({ kind }) => kind !== 'call').flatMap(namesIn)),
    sets: new Set(operands.filter(({ kind }) => kind === 'call').flatMap(namesIn)),
    joined,
  }
}

/** The names of conditions that an operand refers to. */
export function namesIn(operand: Operand): readonly string[] {
  switch (operand.kind) {
    case 'literal':
      return []
    case 'reference':
      return [operand.claim]
    case 'call':
      return operand.parameters.flatMap(namesIn)
    default:
      return unreachable(operand)
  }
}

function candidatesOf(condition: Condition, bound: Bound, tools: Tools): readonly Seen[] {
  const { meter, seen, byType } = tools
  const plan = planOf(condition)
  meter.step()
  const found: Seen[] = []
  let mismatched = false
  let matchedKind = false
  for (const claim of plan.type === undefined ? seen : (byType.get(plan.type) ?? [])) {
    const outcome = satisfies(claim, plan, bound, tools)
    if (outcome === 'satisfied') found.push(claim)
    if (outcome === 'satisfied' || outcome === 'other-value') matchedKind = true
    if (outcome !== 'mismatched' || !plan.pinsType) continue
    // A claim that is not of the kind its policy's author thought must not slip past a rule unseen.
    if (claim.issuer !== 'AttestationPolicy') failForKind(meter)
    mismatched = true
  }
  // What a policy takes from a list may be of several kinds, as long as one of them is what it compares with.
  if (mismatched && !matchedKind) failForKind(meter)
  return found
}

function failForKind(meter: Meter): never {
  return meter.fail('policy-type-mismatch', 'a claim is not of the kind it is compared with')
}

/** `other-value`: it is the claim that is meant, and its value is of the kind that it is compared with. */
type Outcome = 'satisfied' | 'other-claim' | 'other-value' | 'mismatched'

function satisfies(claim: Seen, { others, values }: Plan, bound: Bound, tools: Tools): Outcome {
  for (const comparison of others) {
    const holds = compare(claim, comparison, bound, tools)
    if (holds === 'mismatched') return failForKind(tools.meter)
    if (!holds) return 'other-claim'
  }
  let outcome: Outcome = 'satisfied'
  for (const comparison of values) {
    const holds = compare(claim, comparison, bound, tools)
    if (holds === 'mismatched') return 'mismatched'
    if (!holds) outcome = 'other-value'
  }
  return outcome
}

function compare(
  claim: Seen,
  { property, operator, operand }: Comparison,
  bound: Bound,
  tools: Tools,
): boolean | 'mismatched' {
  const left = propertyOf(claim, property)
  tools.meter.step()
  const right = operandOf(operand, bound, tools)
  if (typeof left === 'string' && left.length > policyLimits.charactersPerStep) {
    tools.meter.step(Math.floor(left.length / policyLimits.charactersPerStep))
  }
  return holds(left, operator, right)
}

/** Whether a comparison holds; `mismatched`: the two are not of one kind. */
export function holds(
  left: PolicyValue,
  operator: Operator,
  right: PolicyValue,
): boolean | 'mismatched' {
  if (typeof left !== typeof right) return 'mismatched'
  if (operator === '==') return left === right
  if (operator === '!=') return left !== right
  if (typeof left !== 'number' || typeof right !== 'number') return 'mismatched'
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

export function propertyOf(claim: Seen, property: ClaimProperty): PolicyValue {
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

export function valueTypeOf(value: PolicyValue): 'String' | 'Integer' | 'Boolean' {
  if (typeof value === 'string') return 'String'
  return typeof value === 'number' ? 'Integer' : 'Boolean'
}

/** The one value of an operand, where a name stands for one claim. */
function operandOf(operand: Operand, bound: Bound, tools: Tools): PolicyValue {
  const values = valuesOf(operand, (name) => [claimNamed(bound, name)], tools)
  const [value] = values
  if (value === undefined || values.length > 1) {
    return tools.meter.fail(
      'policy-argument',
      `a comparison with one value, and not with ${values.length}, expected`,
    )
  }
  return value
}

function valuesOf(
  operand: Operand,
  claimsNamed: (name: string) => readonly Seen[],
  tools: Tools,
): ValueSet {
  switch (operand.kind) {
    case 'literal':
      return [operand.value]
    case 'reference':
      return claimsNamed(operand.claim).map((claim) => propertyOf(claim, operand.property))
    case 'call':
      return called(
        operand.name,
        operand.parameters.map((parameter) => valuesOf(parameter, claimsNamed, tools)),
        tools.meter,
        tools.readers,
      )
    default:
      return unreachable(operand)
  }
}

/** What one firing makes: nothing for `permit` and `deny`, several claims for a set of values. */
function claimsOf(action: Action, { bound, sets }: Firing, tools: Tools): readonly Claim[] {
  switch (action.kind) {
    case 'permit':
    case 'deny':
      return []
    case 'copy': {
      const { type, value } = claimNamed(bound, action.name)
      return [{ type, value }]
    }
    case 'add':
    case 'issue':
    case 'issueproperty': {
      const type = String(operandOf(action.claim.type, bound, tools))
      const { value } = action.claim
      const values =
        value.kind === 'call'
          ? valuesOf(value, (name) => [...(sets.get(name) ?? [])], tools)
          : [operandOf(value, bound, tools)]
      return values.map((one) => ({ type, value: one }))
    }
    default:
      return unreachable(action)
  }
}

function claimNamed(bound: Bound, name: string): Seen {
  const claim = bound.get(name)
  if (claim === undefined) throw new Error('unreachable: the parser refuses unbound names')
  return claim
}
