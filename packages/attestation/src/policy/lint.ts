/**
 * What is likely not meant, in a policy that is valid.
 *
 * @see docs/spec/policy-language.md, "Lint"
 * @module
 */

import { propertyProblem } from './configuration.ts'
import { queryProblem } from './json-query.ts'
import {
  type Comparison,
  type Condition,
  type Operand,
  type Policy,
  type PolicyValue,
  type Rule,
  rulesOf,
  type SectionName,
  sectionNames,
} from './policy.ts'
import { printCondition, printRule, printValue } from './print.ts'
import { holds, namesIn, valueTypeOf } from './run.ts'
import { type KnownClaim, knownClaim } from './vocabulary.ts'

/** Stable; each is explained in docs/spec/policy-language.md. */
export type LintCode =
  | 'sloppy-spelling'
  | 'no-permit'
  | 'unconditional-permit'
  | 'always-denies'
  | 'debug-not-refused'
  | 'never-fires'
  | 'always-holds'
  | 'unknown-claim'
  | 'deprecated-claim'
  | 'forgeable-claim'
  | 'shadowed-claim'
  | 'reserved-claim'
  | 'measurement-form'
  | 'kind-mismatch'
  | 'exact-svn'
  | 'unused-name'
  | 'duplicate-rule'
  | 'unknown-property'
  | 'property-value'
  | 'query-malformed'

export interface LintWarning {
  readonly code: LintCode
  /** `line:col`. */
  readonly at: string
  /** One sentence for a person. Free to change in any release. */
  readonly detail: string
}

/** Everything that is likely not meant, in the order of the text. */
export function lintPolicy(policy: Policy): readonly LintWarning[] {
  const warnings: LintWarning[] = []
  const warn: Warn = (code, at, detail) => {
    warnings.push({ code, at, detail })
  }
  for (const { at, detail } of policy.deviations) warn('sloppy-spelling', at, detail)
  lintDecision(policy, warn)
  const made: Made = { types: new Set(), any: false }
  for (const section of sectionNames) {
    const before = new Set<string>()
    for (const rule of rulesOf(policy, section)) {
      const text = printRule(rule)
      if (before.has(text)) warn('duplicate-rule', rule.at, `the rule is in ${section} already`)
      before.add(text)
      lintRule(rule, section, made, warn)
      note(rule, made)
    }
  }
  return warnings.toSorted((a, b) => order(a.at) - order(b.at))
}

type Warn = (code: LintCode, at: string, detail: string) => void

/** Types of claims that rules have made so far. */
interface Made {
  readonly types: Set<string>
  /** Some rule makes claims of a type that is not written down. */
  any: boolean
}

function order(at: string): number {
  const [line = 0, column = 0] = at.split(':').map(Number)
  return line * 1_000_000 + column
}

function lintDecision(policy: Policy, warn: Warn): void {
  const { authorization } = policy
  const permits = authorization.filter(({ action }) => action.kind === 'permit')
  if (permits.length === 0) {
    warn('no-permit', authorization[0]?.at ?? '1:1', 'no rule permits: everything is refused')
  }
  for (const { action, conditions, at } of authorization) {
    if (action.kind === 'deny' && conditions.length === 0) {
      warn('always-denies', at, 'a deny without conditions: everything is refused')
    }
  }
  const deniesDebug = authorization.some(
    ({ action, conditions }) =>
      action.kind === 'deny' && conditions.length === 1 && conditions.some(isDebuggable),
  )
  const isOfTpm = [...policy.authorization, ...policy.issuance].some(({ conditions }) =>
    conditions.some((condition) => claimOf(condition)?.tpm === true),
  )
  for (const { at, conditions } of permits) {
    if (conditions.length === 0) {
      const debug = deniesDebug || isOfTpm ? '' : ', what can be debugged included'
      warn('unconditional-permit', at, `a permit without conditions: everything is let in${debug}`)
    } else if (!deniesDebug && !isOfTpm && !conditions.some(isNotDebuggable)) {
      warn('debug-not-refused', at, 'what can be debugged is let in: its owner reads its memory')
    }
  }
}

function isDebuggable(condition: Condition): boolean {
  return !condition.negated && debugCondition(condition, true)
}

function isNotDebuggable(condition: Condition): boolean {
  return condition.negated ? debugCondition(condition, true) : debugCondition(condition, false)
}

/** Whether a condition holds for a debug claim of this value, and not for one of the other. */
function debugCondition(condition: Condition, value: boolean): boolean {
  const type = typeOf(condition)
  if (type === undefined) return false
  if (type === 'dbgstat') return valuesHold(condition, 'disabled') !== value
  return (
    knownClaim(type)?.debug === true &&
    valuesHold(condition, value) &&
    !valuesHold(condition, !value)
  )
}

function valuesHold({ comparisons }: Condition, value: PolicyValue): boolean {
  return comparisons.every(
    ({ property, operator, operand }) =>
      property !== 'value' ||
      (operand.kind === 'literal' && holds(value, operator, operand.value) === true),
  )
}

function lintRule(rule: Rule, section: SectionName, made: Made, warn: Warn): void {
  for (const condition of rule.conditions) {
    lintCondition(condition, made, warn)
    const decides = section === 'authorizationrules' && rule.action.kind !== 'deny'
    if (decides) lintIssuer(condition, warn)
  }
  const used = usedNames(rule)
  for (const { name, at } of rule.conditions) {
    if (name !== undefined && !used.has(name)) warn('unused-name', at, `${name} is used nowhere`)
  }
  lintAction(rule, section, warn)
}

function usedNames({ conditions, action }: Rule): ReadonlySet<string> {
  const operands = conditions.flatMap(({ comparisons }) =>
    comparisons.map(({ operand }) => operand),
  )
  const made = 'claim' in action ? [action.claim.type, action.claim.value] : []
  const copied = action.kind === 'copy' ? [action.name] : []
  return new Set([...[...operands, ...made].flatMap(namesIn), ...copied])
}

function lintCondition(condition: Condition, made: Made, warn: Warn): void {
  const { negated, at, comparisons } = condition
  const type = typeOf(condition)
  const issuer = literalOf(condition, 'issuer')
  const is = (why: string): void => {
    if (negated) warn('always-holds', at, `${printCondition(condition)} holds always: ${why}`)
    else warn('never-fires', at, `the rule never fires: ${why}`)
  }
  const why = contradictionIn(comparisons)
  if (why !== undefined) is(why)
  else if (
    issuer === 'AttestationPolicy' &&
    type !== undefined &&
    !made.any &&
    !made.types.has(type)
  ) {
    is(`no rule before it makes ${type}`)
  }
  if (type === undefined) return
  const known = knownClaim(type)
  if (known === undefined) {
    const isMade = made.any || made.types.has(type) || issuer === 'AttestationPolicy'
    if (!isMade && issuer !== 'CustomClaim') {
      warn('unknown-claim', at, `${type} is no claim of the service, and no rule before makes it`)
    }
    return
  }
  if (known.deprecatedFor !== undefined) {
    warn('deprecated-claim', at, `${type} is called ${known.deprecatedFor} today`)
  }
  if (made.types.has(type) && issuer === undefined) {
    warn('shadowed-claim', at, `a rule before makes ${type}, too: say which issuer’s is meant`)
  }
  for (const comparison of comparisons) {
    if (comparison.property === 'value' && comparison.operand.kind === 'literal') {
      lintValue(type, known, comparison, comparison.operand.value, warn)
    }
  }
}

function lintValue(
  type: string,
  known: KnownClaim,
  { at, operator }: Comparison,
  value: PolicyValue,
  warn: Warn,
): void {
  const kind = known.kind === 'json' ? 'text' : known.kind
  const valueKind = { String: 'text', Integer: 'integer', Boolean: 'boolean' }[valueTypeOf(value)]
  if (kind !== valueKind) {
    warn('kind-mismatch', at, `${type} is ${kinds[kind]}, and ${printValue(value)} is not`)
    return
  }
  if (known.hexDigits !== undefined && typeof value === 'string') {
    const problem = hexProblem(value, known.hexDigits)
    if (problem !== undefined) warn('measurement-form', at, `${type} has ${problem}`)
  }
  if (typeof value !== 'number') return
  if (operator === '==' && /svn$/i.test(type)) {
    warn('exact-svn', at, 'after the next security update the rule holds no more: >= is meant?')
  }
  if ((operator === '>=' && value <= 0) || (operator === '>' && value < 0)) {
    warn('always-holds', at, `${type} is never less than 0`)
  }
}

const kinds = { boolean: 'true or false', integer: 'an integer', text: 'text' } as const

function hexProblem(value: string, digits: number): string | undefined {
  if (value.length !== digits) return `${digits} digits, and here ${value.length}`
  if (/^[0-9a-f]*$/.test(value)) return undefined
  return /^[0-9a-fA-F]*$/.test(value) ? 'small letters only' : 'hexadecimal digits only'
}

/** What a client says of itself must not pass for what the evidence says. */
function lintIssuer(condition: Condition, warn: Warn): void {
  const type = typeOf(condition)
  const hasIssuer = condition.comparisons.some(({ property }) => property === 'issuer')
  if (condition.negated || hasIssuer) return
  if (type === undefined || knownClaim(type) !== undefined) {
    const detail =
      'a claim that the client made satisfies it, too: issuer=="AttestationService" is meant?'
    warn('forgeable-claim', condition.at, detail)
  }
}

function lintAction({ action, at }: Rule, section: SectionName, warn: Warn): void {
  if (!('claim' in action)) return
  const { type, value } = action.claim
  lintCalls(value, at, warn)
  if (type.kind !== 'literal') return
  const name = String(type.value)
  if (action.kind === 'issueproperty') {
    const problem =
      value.kind === 'literal' ? propertyProblem(name, value.value) : propertyProblem(name, '')
    if (problem === 'unknown-property') {
      warn('unknown-property', at, `${name} is no property that anything reads`)
    } else if (problem !== undefined && value.kind === 'literal') {
      warn('property-value', at, problem)
    }
    return
  }
  if (action.kind === 'issue' && isReserved(name)) {
    warn('reserved-claim', at, `${name} is the service’s: a token has it in x-ms-policy only`)
  }
  if (action.kind === 'add' && section === 'authorizationrules' && knownClaim(name) !== undefined) {
    warn(
      'shadowed-claim',
      at,
      `${name} is a claim of the service, and rules without an issuer see both`,
    )
  }
}

/** Names that a token keeps for itself and for the service. */
function isReserved(name: string): boolean {
  return (
    /^x-(?:ms|sealward)-/.test(name) ||
    ['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti', 'cnf', 'nonce'].includes(name)
  )
}

function lintCalls(operand: Operand, at: string, warn: Warn): void {
  if (operand.kind !== 'call') return
  const [, query] = operand.parameters
  if (operand.name === 'JmesPath' && query?.kind === 'literal' && typeof query.value === 'string') {
    const problem = queryProblem(query.value)
    if (typeof problem === 'string') warn('query-malformed', at, problem)
  }
  for (const parameter of operand.parameters) lintCalls(parameter, at, warn)
}

/** Notes what a rule makes. */
function note({ action }: Rule, made: Made): void {
  if (action.kind === 'copy') made.any = true
  else if ('claim' in action) {
    if (action.claim.type.kind === 'literal') made.types.add(String(action.claim.type.value))
    else made.any = true
  }
}

function typeOf(condition: Condition): string | undefined {
  const type = literalOf(condition, 'type')
  return type === undefined ? undefined : String(type)
}

function claimOf(condition: Condition): KnownClaim | undefined {
  const type = typeOf(condition)
  return type === undefined ? undefined : knownClaim(type)
}

/** What a property must equal. */
function literalOf(
  { comparisons }: Condition,
  property: Comparison['property'],
): PolicyValue | undefined {
  for (const comparison of comparisons) {
    const { operand, operator } = comparison
    if (comparison.property === property && operator === '==' && operand.kind === 'literal') {
      return operand.value
    }
  }
  return undefined
}

const issuers: readonly PolicyValue[] = ['AttestationService', 'AttestationPolicy', 'CustomClaim']
const valueTypes: readonly PolicyValue[] = ['String', 'Integer', 'Boolean']

/** Why no claim can satisfy all comparisons. */
function contradictionIn(comparisons: readonly Comparison[]): string | undefined {
  for (const property of ['type', 'issuer', 'valueType', 'value'] as const) {
    const limits = comparisons.flatMap(({ property: of, operator, operand }) =>
      of === property && operand.kind === 'literal' ? [{ operator, value: operand.value }] : [],
    )
    const candidates = candidatesFor(
      property,
      limits.map(({ value }) => value),
    )
    if (limits.length === 0) continue
    const isPossible = candidates.some((candidate) =>
      limits.every(({ operator, value }) => holds(candidate, operator, value) === true),
    )
    if (!isPossible)
      return `no ${property} meets ${limits.map(({ operator, value }) => `${operator} ${printValue(value)}`).join(' and ')}`
  }
  const value = comparisons.find(
    ({ property, operand }) => property === 'value' && operand.kind === 'literal',
  )
  const valueType = literalOf({ comparisons, negated: false, name: undefined, at: '' }, 'valueType')
  if (value?.operand.kind !== 'literal' || valueType === undefined) return undefined
  return valueTypeOf(value.operand.value) === valueType
    ? undefined
    : `a value of type ${valueType} is never ${printValue(value.operand.value)}`
}

/** Values one of which meets all comparisons with literals, if any value does. */
function candidatesFor(
  property: Comparison['property'],
  literals: readonly PolicyValue[],
): readonly PolicyValue[] {
  if (property === 'issuer') return issuers
  if (property === 'valueType') return valueTypes
  return [
    true,
    false,
    ...literals.flatMap((value): readonly PolicyValue[] =>
      typeof value === 'number' ? [value - 1, value, value + 1] : [value, `${value} or another`],
    ),
  ]
}
