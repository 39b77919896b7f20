/**
 * Policies as text, one way only.
 *
 * @module
 */

import { unreachable } from '../bytes/index.ts'
import {
  type Action,
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

/**
 * Prints a policy in its canonical form: a line for the version, sections in their order, a line for each condition.
 *
 * Comments are kept, each on a line of its own before what it belongs to. Parsing what was printed gives the same
 * policy again, places and text aside.
 */
export function printPolicy(policy: Policy): string {
  const { head, foot } = policy.comments
  const sections = sectionNames
    .filter((name) => isPrinted(policy, name))
    .map((name) => printSection(policy, name))
  const end = foot.length === 0 ? [] : [`${commentLines(foot, '').join('\n')}\n`]
  const first = [...commentLines(head, ''), `version=${policy.version};\n`].join('\n')
  return [first, ...sections, ...end].join('\n')
}

/** An empty section says nothing, but for the one that every policy must have. */
function isPrinted(policy: Policy, name: SectionName): boolean {
  const { before, end } = policy.comments.sections[name]
  return (
    name === 'authorizationrules' || rulesOf(policy, name).length + before.length + end.length > 0
  )
}

function printSection(policy: Policy, name: SectionName): string {
  const { before, end } = policy.comments.sections[name]
  const rules = rulesOf(policy, name).flatMap((rule, index) => [
    ...(index > 0 && rule.comments.length > 0 ? [''] : []),
    ...commentLines(rule.comments, '  '),
    `  ${printRule(rule, ' &&\n  ')};`,
  ])
  return [
    ...commentLines(before, ''),
    `${name} {`,
    ...rules,
    ...commentLines(end, '  '),
    '};\n',
  ].join('\n')
}

function commentLines(comments: readonly string[], indent: string): readonly string[] {
  return comments.map((text) => `${indent}//${text === '' ? '' : ` ${text}`}`)
}

/** A rule without its comments and without the semicolon after it; by default on one line. */
export function printRule({ conditions, action }: Rule, and: string = ' && '): string {
  const left = conditions.map(printCondition).join(and)
  return `${left}${left === '' ? '' : ' '}=> ${printAction(action)}`
}

export function printCondition({ negated, name, comparisons }: Condition): string {
  const start = `${negated ? '!' : ''}${name === undefined ? '' : `${name}:`}`
  return `${start}[${comparisons.map(printComparison).join(', ')}]`
}

function printComparison({ property, operator, operand }: Comparison): string {
  return `${property}${operator}${printOperand(operand)}`
}

function printAction(action: Action): string {
  switch (action.kind) {
    case 'permit':
    case 'deny':
      return `${action.kind}()`
    case 'copy':
      return `${action.verb}(claim=${action.name})`
    case 'add':
    case 'issue':
    case 'issueproperty': {
      const { type, value } = action.claim
      return `${action.kind}(type=${printOperand(type)}, value=${printOperand(value)})`
    }
    default:
      return unreachable(action)
  }
}

export function printOperand(operand: Operand): string {
  switch (operand.kind) {
    case 'literal':
      return printValue(operand.value)
    case 'reference':
      return `${operand.claim}.${operand.property}`
    case 'call':
      return `${operand.name}(${operand.parameters.map(printOperand).join(', ')})`
    default:
      return unreachable(operand)
  }
}

/** A value as a policy writes it. */
export function printValue(value: PolicyValue): string {
  return typeof value === 'string' ? `"${value.replaceAll(/[\\"]/g, '\\$&')}"` : String(value)
}
