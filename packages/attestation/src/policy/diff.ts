/**
 * What another version of a policy changes: its rules, and what it decides over given claims.
 *
 * @module
 */

import type { Claim } from '../claims/index.ts'
import { evaluatePolicy } from './evaluate.ts'
import { type Verdict, verdictOf } from './explain.ts'
import {
  type Policy,
  type PolicyClaim,
  type PolicyVersion,
  type Rule,
  rulesOf,
  type SectionName,
  sectionNames,
} from './policy.ts'
import { printCondition, printRule } from './print.ts'
import type { EvaluationLimits } from './run.ts'

/** A rule of one of the two policies. */
export interface DiffedRule {
  readonly at: string
  /** As it is printed, on one line, without comments. */
  readonly text: string
}

export interface SectionDiff {
  readonly section: SectionName
  readonly added: readonly DiffedRule[]
  readonly removed: readonly DiffedRule[]
  /** Of the same action, and over the same claims or with the same conditions in part. */
  readonly changed: readonly { readonly before: DiffedRule; readonly after: DiffedRule }[]
  /** The rules that both have are in another order, which may matter where rules add claims. */
  readonly reordered: boolean
}

/** Claims to compare decisions over. */
export interface NamedClaims {
  readonly name: string
  readonly claims: readonly PolicyClaim[]
}

export interface DecisionDiff {
  readonly name: string
  readonly before: Verdict
  readonly after: Verdict
  /** Issued by one of them only. */
  readonly issuedAdded: readonly Claim[]
  readonly issuedRemoved: readonly Claim[]
}

export interface PolicyDiff {
  /** Where it changes. */
  readonly version?: { readonly before: PolicyVersion; readonly after: PolicyVersion }
  /** Those that change. */
  readonly sections: readonly SectionDiff[]
  /** Those that change. */
  readonly decisions: readonly DecisionDiff[]
}

/**
 * Compares two policies by what their rules say: spelling, comments and places make no difference.
 *
 * @param claimSets - over each, both are evaluated.
 */
export function diffPolicies(
  before: Policy,
  after: Policy,
  claimSets: readonly NamedClaims[],
  limits: EvaluationLimits,
): PolicyDiff {
  return {
    ...(before.version === after.version
      ? {}
      : { version: { before: before.version, after: after.version } }),
    sections: sectionNames
      .map((section) => sectionDiff(section, rulesOf(before, section), rulesOf(after, section)))
      .filter(
        ({ added, removed, changed, reordered }) =>
          reordered || added.length + removed.length + changed.length > 0,
      ),
    decisions: claimSets.flatMap((set) => decisionDiff(before, after, set, limits)),
  }
}

/** Whether two policies differ in nothing that was compared. */
export function isSamePolicy({ version, sections, decisions }: PolicyDiff): boolean {
  return version === undefined && sections.length === 0 && decisions.length === 0
}

interface Printed extends DiffedRule {
  readonly rule: Rule
}

function sectionDiff(
  section: SectionName,
  before: readonly Rule[],
  after: readonly Rule[],
): SectionDiff {
  const [old, now] = [before.map(printed), after.map(printed)]
  const added = without(now, old)
  const removed = without(old, now)
  const kept = (all: readonly Printed[], gone: readonly Printed[]): string =>
    all
      .filter((one) => !gone.includes(one))
      .map(({ text }) => text)
      .join('\n')
  const changed: { readonly before: Printed; readonly after: Printed }[] = []
  const rest = [...added]
  for (const one of removed) {
    const index = rest.findIndex((other) => isLike(one.rule, other.rule))
    if (index >= 0)
      changed.push(...rest.splice(index, 1).map((other) => ({ before: one, after: other })))
  }
  const gone = new Set(changed.map((change) => change.before))
  return {
    section,
    added: rest.map(shown),
    removed: removed.filter((one) => !gone.has(one)).map(shown),
    changed: changed.map((change) => ({
      before: shown(change.before),
      after: shown(change.after),
    })),
    reordered: kept(old, removed) !== kept(now, added),
  }
}

function printed(rule: Rule): Printed {
  return { at: rule.at, text: printRule(rule), rule }
}

function shown({ at, text }: Printed): DiffedRule {
  return { at, text }
}

/** Those of `all` that `others` does not have, as often as it does not. */
function without(all: readonly Printed[], others: readonly Printed[]): readonly Printed[] {
  const counts = new Map<string, number>()
  for (const { text } of others) counts.set(text, (counts.get(text) ?? 0) + 1)
  return all.filter(({ text }) => {
    const count = counts.get(text) ?? 0
    counts.set(text, count - 1)
    return count <= 0
  })
}

function isLike(left: Rule, right: Rule): boolean {
  if (left.action.kind !== right.action.kind) return false
  const [a, b] = [subjectsOf(left), subjectsOf(right)]
  return a.some((subject) => b.includes(subject)) || (a.length === 0 && b.length === 0)
}

/** What a rule is about: the types it names, and its conditions. */
function subjectsOf({ conditions, action }: Rule): readonly string[] {
  const types = conditions.flatMap(({ comparisons }) =>
    comparisons
      .filter(({ property }) => property === 'type')
      .flatMap(({ operand }) => (operand.kind === 'literal' ? [String(operand.value)] : [])),
  )
  const made =
    'claim' in action && action.claim.type.kind === 'literal'
      ? [`makes ${action.claim.type.value}`]
      : []
  return [...types, ...made, ...conditions.map(printCondition)]
}

function decisionDiff(
  before: Policy,
  after: Policy,
  { name, claims }: NamedClaims,
  limits: EvaluationLimits,
): readonly DecisionDiff[] {
  const decision = (policy: Policy): Decision => {
    const result = evaluatePolicy(policy, claims, limits)
    return result.ok
      ? { verdict: verdictOf(undefined), issued: result.value }
      : { verdict: verdictOf(result.problem.code), issued: [] }
  }
  const [old, now] = [decision(before), decision(after)]
  const issuedAdded = claimsWithout(now.issued, old.issued)
  const issuedRemoved = claimsWithout(old.issued, now.issued)
  if (old.verdict === now.verdict && issuedAdded.length + issuedRemoved.length === 0) return []
  return [{ name, before: old.verdict, after: now.verdict, issuedAdded, issuedRemoved }]
}

interface Decision {
  readonly verdict: Verdict
  readonly issued: readonly Claim[]
}

function claimsWithout(all: readonly Claim[], others: readonly Claim[]): readonly Claim[] {
  const rest = others.map((one) => JSON.stringify([one.type, one.value]))
  return all.filter((one) => {
    const index = rest.indexOf(JSON.stringify([one.type, one.value]))
    if (index >= 0) rest.splice(index, 1)
    return index < 0
  })
}
