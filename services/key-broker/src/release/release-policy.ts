/**
 * Release policies: who may have a key, in terms of what an attestation token says.
 *
 * @see Key Vault, "Azure Key Vault secure key release policy grammar"; docs/spec/release-policy.md
 * @module
 */

import {
  type Fields,
  jsonOf,
  ok,
  type Problem,
  type Result,
  reading,
  type Shape,
  utf8Of,
} from '@sealward/attestation/bytes'
import { limits } from './limits.ts'

/** Any of its authorities, whose own conditions are met, is enough. */
export interface ReleasePolicy {
  readonly anyOf: readonly [AuthorityRule, ...AuthorityRule[]]
}

/** An attestation service, and what its tokens must say. */
export interface AuthorityRule {
  /** As tokens name their issuer; without a slash at the end. */
  readonly authority: string
  readonly condition: ConditionGroup
}

export type Condition = ConditionGroup | ClaimCondition

export interface ConditionGroup {
  readonly kind: 'allOf' | 'anyOf'
  readonly conditions: readonly [Condition, ...Condition[]]
}

/** What one claim must be. */
export interface ClaimCondition {
  readonly kind: 'claim'
  /** A dot leads into an object. */
  readonly claim: string
  readonly operator: Operator
  readonly value: Comparand
}

export type Comparand = string | number | boolean

export const operators = [
  'equals',
  'notEquals',
  'less',
  'lessOrEquals',
  'greater',
  'greaterOrEquals',
  'exists',
] as const

export type Operator = (typeof operators)[number]

/**
 * Reads a release policy. What it does not know is refused: a condition that is passed over is one that is not asked.
 *
 * @param json - as it comes, decoded from base64url.
 * @returns the policy, or `release-policy-malformed`; `at` and the detail say where and how.
 */
export function parseReleasePolicy(
  json: Uint8Array,
): Result<ReleasePolicy, Problem<'release-policy-malformed'>> {
  const parsed = jsonOf(json, { bytesMax: limits.policyBytesMax, depthMax: limits.policyDepthMax })
  const policy = parsed.ok ? reading(parsed.value, 'release_policy', readPolicy) : parsed
  if (policy.ok) return ok(policy.value)
  const { code, at, detail } = policy.problem
  return {
    ok: false,
    problem: {
      code: 'release-policy-malformed',
      at,
      detail: `The release policy cannot be read at ${at}: ${code} (${detail}).`,
    },
  }
}

/** The one text of a policy: of version 1.0.0, whatever it was read from. */
export function printReleasePolicy({ anyOf }: ReleasePolicy): Uint8Array {
  const rules = anyOf.map(({ authority, condition }) => ({ authority, ...printed(condition) }))
  return utf8Of(JSON.stringify({ version: '1.0.0', anyOf: rules }))
}

function printed(condition: Condition): object {
  return condition.kind === 'claim'
    ? { claim: condition.claim, [condition.operator]: condition.value }
    : { [condition.kind]: condition.conditions.map(printed) }
}

function readPolicy(shape: Shape): ReleasePolicy {
  const left = { conditions: limits.conditionsMax }
  return shape.object('refused', ({ required, optional }) => {
    // Samples in use write 0.2 or nothing.
    optional('version')?.oneOf(['1.0.0', '0.2'])
    const anyOf = required('anyOf').list(limits.authoritiesMax, (rule) => readRule(rule, left), 1)
    return { anyOf: anyOf as unknown as ReleasePolicy['anyOf'] }
  })
}

/** How many conditions there may still be. */
interface Left {
  conditions: number
}

function readRule(shape: Shape, left: Left): AuthorityRule {
  return shape.object('refused', (fields) => {
    const authority = fields.required('authority')
    const text = authority.string(limits.authorityCharactersMax, /^https?:\/\/[^\s?#]+$/)
    return {
      authority: text.replace(/\/$/, ''),
      condition: readGroup(shape, fields, left, 1) ?? noGroup(shape),
    }
  })
}

function noGroup(shape: Shape): never {
  return shape.fail('field-missing', 'allOf or anyOf expected')
}

/** `allOf` or `anyOf`, and not both; `undefined` where there is neither. */
function readGroup(
  shape: Shape,
  { optional }: Fields,
  left: Left,
  depth: number,
): ConditionGroup | undefined {
  const [allOf, anyOf] = [optional('allOf'), optional('anyOf')]
  const list = allOf ?? anyOf
  if (list === undefined) return undefined
  if (allOf !== undefined && anyOf !== undefined) {
    return shape.fail('wrong-value', 'allOf and anyOf in one place')
  }
  if (depth > limits.conditionDepthMax) {
    return shape.fail('too-many', `conditions more than ${limits.conditionDepthMax} deep`)
  }
  const conditions = list.list(
    limits.conditionsMax,
    (item) => readCondition(item, left, depth),
    1,
  ) as unknown as ConditionGroup['conditions']
  return { kind: allOf === undefined ? 'anyOf' : 'allOf', conditions }
}

function readCondition(shape: Shape, left: Left, depth: number): Condition {
  left.conditions -= 1
  if (left.conditions < 0) {
    return shape.fail('too-many', `more than ${limits.conditionsMax} conditions`)
  }
  return shape.object('refused', (fields) => {
    const group = readGroup(shape, fields, left, depth + 1)
    return group ?? readClaim(shape, fields)
  })
}

/** Names of printable ASCII with dots between them. */
const claimForm = /^[!-\-/-~]+(?:\.[!-\-/-~]+)*$/

function readClaim(shape: Shape, { required, optional }: Fields): ClaimCondition {
  const claim = required('claim').string(limits.claimCharactersMax, claimForm)
  const asked = operators.flatMap((operator) => {
    const value = optional(operator)
    return value === undefined ? [] : [{ operator, value }]
  })
  const [only, ...more] = asked
  if (only === undefined) return shape.fail('field-missing', 'an operator expected')
  if (more.length > 0) return shape.fail('wrong-value', 'two operators in one condition')
  return {
    kind: 'claim',
    claim,
    operator: only.operator,
    value: readComparand(only.operator, only.value),
  }
}

function readComparand(operator: Operator, value: Shape): Comparand {
  switch (operator) {
    case 'equals':
    case 'notEquals':
      if (value.kind === 'boolean') return value.boolean()
      return value.kind === 'number'
        ? value.integer(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
        : value.string(limits.valueCharactersMax, /^[ -~]*$/)
    case 'exists':
      return value.kind === 'boolean' ? value.boolean() : value.oneOf(['true', 'false']) === 'true'
    default:
      return value.integer(Number.MIN_SAFE_INTEGER, Number.MAX_SAFE_INTEGER)
  }
}
