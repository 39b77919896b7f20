import { unreachable } from '@sealward/attestation/bytes'
import type {
  ClaimCondition,
  Comparand,
  Condition,
  ConditionGroup,
  Operator,
  ReleasePolicy,
} from './release-policy.ts'

/** Whether a key may be released, and why: one explanation for each authority that the token is not from, too. */
export interface PolicyVerdict {
  readonly met: boolean
  readonly authorities: readonly {
    readonly authority: string
    /** `undefined` where the token is from somebody else. */
    readonly condition?: Explanation
  }[]
}

/** A condition, and how it ended. What a claim was is not repeated: only what was asked of it. */
export type Explanation =
  | {
      readonly met: boolean
      readonly kind: 'allOf' | 'anyOf'
      readonly conditions: readonly Explanation[]
    }
  | {
      readonly met: boolean
      readonly kind: 'claim'
      readonly claim: string
      readonly operator: Operator
      readonly expected: Comparand
      /** Why it is not met. */
      readonly because?: 'missing' | 'not-comparable' | 'differs'
    }

type Claims = Readonly<Record<string, unknown>>

/**
 * Holds the claims of a verified token against a policy. Every condition is looked at, so that the explanation is whole.
 *
 * @param issuer - of the token.
 */
export function evaluatePolicy(
  { anyOf }: ReleasePolicy,
  { issuer, claims }: { readonly issuer: string; readonly claims: Claims },
): PolicyVerdict {
  const authorities = anyOf.map(({ authority, condition }) =>
    authority === issuer.replace(/\/$/, '')
      ? { authority, condition: explainGroup(condition, claims) }
      : { authority },
  )
  return { met: authorities.some(({ condition }) => condition?.met === true), authorities }
}

/** The claims that were asked for and are not as they should be, in the order of the policy. */
export function unmetClaims({ authorities }: PolicyVerdict): readonly string[] {
  const names = (explanation: Explanation | undefined): readonly string[] => {
    if (explanation === undefined || explanation.met) return []
    return explanation.kind === 'claim'
      ? [explanation.claim]
      : explanation.conditions.flatMap(names)
  }
  return [...new Set(authorities.flatMap(({ condition }) => names(condition)))]
}

function explain(condition: Condition, claims: Claims): Explanation {
  return condition.kind === 'claim'
    ? explainClaim(condition, claims)
    : explainGroup(condition, claims)
}

function explainGroup({ kind, conditions }: ConditionGroup, claims: Claims): Explanation {
  const explained = conditions.map((condition) => explain(condition, claims))
  const met =
    kind === 'allOf' ? explained.every((one) => one.met) : explained.some((one) => one.met)
  return { met, kind, conditions: explained }
}

function explainClaim({ claim, operator, value }: ClaimCondition, claims: Claims): Explanation {
  const because = problemOf(operator, value, claimAt(claims, claim))
  const asked = { kind: 'claim', claim, operator, expected: value } as const
  return because === undefined ? { met: true, ...asked } : { met: false, ...asked, because }
}

type Because = 'missing' | 'not-comparable' | 'differs'

/** @param actual - `undefined` where there is no such claim. */
function problemOf(operator: Operator, expected: Comparand, actual: unknown): Because | undefined {
  // Neither lists nor objects nor null: nobody says when two of them are equal, or whether there is one.
  if (actual !== undefined && !isComparable(actual)) return 'not-comparable'
  if (operator === 'exists') return differs((actual !== undefined) === expected)
  if (actual === undefined) return 'missing'
  if (operator === 'equals') return differs(areEqual(actual, expected))
  if (operator === 'notEquals') return differs(!areEqual(actual, expected))
  if (typeof actual !== 'number' || typeof expected !== 'number') return 'not-comparable'
  switch (operator) {
    case 'less':
      return differs(actual < expected)
    case 'lessOrEquals':
      return differs(actual <= expected)
    case 'greater':
      return differs(actual > expected)
    case 'greaterOrEquals':
      return differs(actual >= expected)
    default:
      return unreachable(operator)
  }
}

function differs(isMet: boolean): 'differs' | undefined {
  return isMet ? undefined : 'differs'
}

/** A number beyond what a double holds exactly may be another one. */
function isComparable(value: unknown): value is Comparand {
  return typeof value === 'number'
    ? Number.isSafeInteger(value)
    : typeof value === 'string' || typeof value === 'boolean'
}

/** Some tokens, and some policies, write booleans as text. */
function areEqual(actual: Comparand, expected: Comparand): boolean {
  if (typeof actual === 'boolean' || typeof expected === 'boolean') {
    return typeof actual !== 'number' && typeof expected !== 'number'
      ? String(actual) === String(expected)
      : false
  }
  return actual === expected
}

/** The claim of this name; otherwise a dot leads into an object. Names have dots, too: the longest one that is there counts. */
function claimAt(claims: Claims, path: string): unknown {
  if (Object.hasOwn(claims, path)) return claims[path]
  for (let dot = path.lastIndexOf('.'); dot > 0; dot = path.lastIndexOf('.', dot - 1)) {
    const name = path.slice(0, dot)
    if (!Object.hasOwn(claims, name)) continue
    const value = claims[name]
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    return isObject ? claimAt(value as Claims, path.slice(dot + 1)) : undefined
  }
  return undefined
}
