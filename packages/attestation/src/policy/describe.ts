/**
 * An explanation for people.
 *
 * @module
 */

import type {
  ConditionExplanation,
  Explanation,
  Miss,
  RuleExplanation,
  ShownClaim,
} from './explain.ts'
import { printValue } from './print.ts'

/** Lines that say what was decided and why; the rules that did not decide come after those that did. */
export function describeExplanation(explanation: Explanation): string {
  const { rules, decidedBy, issued, properties, problem } = explanation
  const deciding = decidedBy.flatMap((index) => rules[index] ?? [])
  const permitting = rules.filter(({ action }) => action === 'permit')
  const told = explanation.verdict === 'not-permitted' ? permitting : deciding
  return [
    `${headlineOf(explanation)}\n`,
    ...(explanation.verdict === 'failed' && problem !== undefined
      ? [`  ${problem.code} (${problem.at}): ${printable(problem.detail)}\n`]
      : []),
    ...told.map(ruleText),
    ...issued.map(({ type, value }) => `Issued    ${printable(type)} = ${printedValue(value)}\n`),
    ...properties.map(
      ({ type, value }) => `Property  ${printable(type)} = ${printedValue(value)}\n`,
    ),
    ...sectionText(
      'Other rules:\n',
      rules.filter((rule) => !told.includes(rule)),
    ),
  ].join('')
}

/** One sentence: what was decided, by which rule, because of what. */
export function headlineOf(explanation: Explanation): string {
  const { verdict, rules, decidedBy, problem } = explanation
  const deciding = decidedBy.flatMap((index) => rules[index] ?? [])
  const places = deciding.map(({ at }) => at).join(', ')
  switch (verdict) {
    case 'permitted':
      return `Permitted by the rule at ${places}.`
    case 'denied':
      return `Denied by the rule at ${places}, because ${reasonsOf(deciding)}.`
    case 'not-permitted': {
      const permitting = rules.filter(({ action }) => action === 'permit')
      return permitting.length === 0
        ? 'Not permitted: the policy has no permit.'
        : `Not permitted, because ${reasonsOf(permitting)}.`
    }
    case 'failed':
      return `Not permitted: evaluation failed at ${problem?.at ?? 'an unknown place'}.`
  }
}

function reasonsOf(rules: readonly RuleExplanation[]): string {
  const reasons = rules.flatMap(({ fired, conditions }) =>
    conditions.filter(({ outcome }) => outcome === (fired > 0 ? 'holds' : 'fails')).map(reasonOf),
  )
  return reasons.length === 0 ? 'it has no conditions' : [...new Set(reasons)].join('; ')
}

/** `x-ms-sgx-svn is 3, which is < 4`, or `x-ms-sgx-svn is 3, not >= 4`. */
function reasonOf(condition: ConditionExplanation): string {
  const { claims, claimCount, nearest, text, negated, values } = condition
  if (claims.length > 0) {
    const more = claimCount > claims.length ? ` and ${claimCount - claims.length} more` : ''
    const found = `${claims.map(claimText).join(', ')}${more}`
    if (negated) return `${found} is there, against ${printable(text)}`
    const limits = values
      .filter(({ operator }) => operator !== '==')
      .map(({ operator, expected }) => `${operator} ${printedValue(expected)}`)
    return limits.length === 0 ? found : `${found}, which is ${limits.join(' and ')}`
  }
  if (nearest !== undefined) return missText(nearest)
  return negated
    ? `no claim satisfies ${printable(text.slice(1))}`
    : `no claim satisfies ${printable(text)}`
}

function missText({ claim, property, operator, expected, actual }: Miss): string {
  const what =
    property === 'value' ? printable(claim.type) : `the ${property} of ${printable(claim.type)}`
  const limit = operator === '==' ? '' : `${operator} `
  return `${what} is ${printedValue(actual)}, not ${limit}${printedValue(expected)}`
}

function sectionText(title: string, rules: readonly RuleExplanation[]): readonly string[] {
  return rules.length === 0 ? [] : [title, ...rules.map(ruleText)]
}

function ruleText({ at, text, fired, conditions, made }: RuleExplanation): string {
  const times = fired > 1 ? `fired ${fired} times` : fired === 1 ? 'fired' : 'did not fire'
  return [
    `  ${at}  ${printable(text)}\n`,
    `    ${times}\n`,
    ...conditions
      .filter(({ outcome }) => outcome !== 'unreached')
      .map((condition) => `    ${marks[condition.outcome]}  ${reasonOf(condition)}\n`),
    ...made.map(({ type, value }) => `    made  ${printable(type)} = ${printedValue(value)}\n`),
  ].join('')
}

const marks = { holds: 'yes', fails: 'no ', unreached: '   ' } as const

function claimText({ type, value, issuer }: ShownClaim): string {
  const by = issuer === 'AttestationService' ? '' : ` (${issuer})`
  return `${printable(type)} is ${printedValue(value)}${by}`
}

function printedValue(value: string | number | boolean): string {
  return printable(printValue(value))
}

/** Claims may be the attester's: none of them may steer a terminal. */
function printable(text: string): string {
  return text.replaceAll(/[^\x20-\x7e…“”’]/g, '?')
}
