/**
 * The policy grammar.
 *
 *     policy    = "version" "=" ("1.0" | "1.1" | "1.2") ";" section*
 *     section   = name "{" [ rule *( ";" rule ) [ ";" ] ] "}" [ ";" ]
 *     rule      = [ condition *( "&&" condition ) ] "=>" action
 *     condition = [ "!" ] [ word ":" ] "[" comparison *( "," comparison ) "]"
 *     action    = ( "permit" | "deny" ) "(" ")" | verb "(" "claim" "=" word ")"
 *               | verb "(" "type" "=" operand "," "value" "=" operand ")"
 *     operand   = string | integer | "true" | "false" | word "." property
 *               | function "(" operand *( "," operand ) ")"
 *
 * Read liberally where published policies are written so: section names in any case, the last semicolon of
 * a section or of the policy left out. A single `=` in a condition is refused, as Azure refuses it.
 *
 * @see docs/spec/policy-language.md
 * @see Azure Attestation, "Claim and claim rules"; "Attestation policy version 1.0", "1.1" and "1.2"
 * @module
 */

import { ok, type Problem, type Result } from '../bytes/index.ts'
import { parameterCounts } from './functions.ts'
import { policyLimits } from './limits.ts'
import {
  type Action,
  type ClaimProperty,
  type Comparison,
  type Condition,
  type Deviation,
  type FunctionName,
  type Operand,
  type Operator,
  type Policy,
  type PolicyParseCode,
  type PolicyValue,
  type PolicyVersion,
  type Rule,
  type SectionComments,
  type SectionName,
  sectionNames,
} from './policy.ts'
import { type Comment, type Token, tokensOf } from './tokens.ts'

/**
 * Parses a policy of version 1.0, 1.1 or 1.2.
 *
 * @param text - the policy as its author wrote it.
 * @returns the policy, or a {@link PolicyParseCode} with `at` = `line:col`.
 */
export function parsePolicy(text: string): Result<Policy, Problem<PolicyParseCode>> {
  const tokens = tokensOf(text)
  if (!tokens.ok) return tokens
  try {
    return ok(readPolicy(createReader(tokens.value), text))
  } catch (error) {
    if (error instanceof Unparsable) return { ok: false, problem: error.problem }
    throw error
  }
}

interface ReadSection {
  readonly rules: readonly Rule[]
  readonly comments: SectionComments
}

const emptySection: ReadSection = { rules: [], comments: { before: [], end: [] } }

function readPolicy(reader: Reader, text: string): Policy {
  const version = readVersion(reader)
  reader.version = version
  const head = textsOf(reader.comments())
  const sections = new Map<SectionName, ReadSection>()
  let ruleCount = 0
  while (reader.peek().kind !== 'end') {
    const token = reader.take('word', 'the name of a section')
    const name = sectionNameOf(reader, token)
    if (sections.has(name)) return fail('policy-section', token, `${name} is there a second time`)
    const section = readSection(reader, name)
    ruleCount += section.rules.length
    if (ruleCount > policyLimits.rulesMax) {
      return fail('policy-too-many-rules', token, `more than ${policyLimits.rulesMax} rules`)
    }
    sections.set(name, section)
    const { at } = reader.peek()
    if (!reader.skip(';')) reader.deviate(at, `no ; after the } of ${name}`)
  }
  const end = reader.next()
  if (!sections.has('authorizationrules')) {
    return fail('policy-section', end, 'authorizationrules expected: without them nothing permits')
  }
  const of = (name: SectionName): ReadSection => sections.get(name) ?? emptySection
  return {
    version,
    configuration: of('configurationrules').rules,
    authorization: of('authorizationrules').rules,
    issuance: of('issuancerules').rules,
    comments: {
      head,
      sections: {
        configurationrules: of('configurationrules').comments,
        authorizationrules: of('authorizationrules').comments,
        issuancerules: of('issuancerules').comments,
      },
      foot: textsOf(reader.comments()),
    },
    deviations: reader.deviations,
    text,
  }
}

function readVersion(reader: Reader): PolicyVersion {
  reader.word('version', 'version=1.0; or a newer one as the first words')
  reader.symbol('=', 'after version')
  const token = reader.take('number', '1.0, 1.1 or 1.2')
  const { text } = token
  if (text !== '1.0' && text !== '1.1' && text !== '1.2') {
    return fail('policy-version', token, '1.0, 1.1 or 1.2 expected')
  }
  reader.symbol(';', 'after the version')
  return text
}

function sectionNameOf(reader: Reader, token: Token): SectionName {
  const name = sectionNames.find((one) => one === token.text.toLowerCase())
  if (name === undefined) {
    return fail('policy-section', token, `${sectionNames.join(', ')} or the end expected`)
  }
  if (name === 'configurationrules' && reader.version === '1.0') {
    return fail('policy-section', token, 'configurationrules came with version 1.1')
  }
  if (token.text !== name) reader.deviate(token.at, `${name} is written in small letters`)
  return name
}

function readSection(reader: Reader, section: SectionName): ReadSection {
  const rules: Rule[] = []
  reader.symbol('{', `after ${section}`)
  const before = textsOf(reader.comments())
  for (;;) {
    const first = reader.peek()
    // What is said on the line of a rule's end is about that rule.
    const trailing = rules.length === 0 ? [] : first.comments.filter((one) => one.trailing)
    const last = rules.pop()
    if (last !== undefined) {
      rules.push({ ...last, comments: [...last.comments, ...textsOf(trailing)] })
    }
    const own = (): readonly string[] =>
      textsOf(reader.comments().filter((one) => !trailing.includes(one)))
    if (reader.skip('}')) return { rules, comments: { before, end: own() } }
    const rule = readRule(reader, section)
    const next = reader.peek()
    if (!reader.skip(';')) {
      if (next.text !== '}' || next.kind !== 'symbol') {
        return fail('policy-syntax', next, '; after the rule, or } after the last one, expected')
      }
      reader.deviate(next.at, `no ; after the last rule of ${section}`)
    }
    rules.push({ ...rule, comments: own() })
    if (rules.length > policyLimits.rulesMax) {
      return fail('policy-too-many-rules', reader.peek(), 'more rules than a policy may have')
    }
  }
}

function readRule(reader: Reader, section: SectionName): Omit<Rule, 'comments'> {
  const { at, offset } = reader.peek()
  const conditions: Condition[] = []
  const bound = new Set<string>()
  if (!reader.skip('=>')) {
    do {
      if (conditions.length === policyLimits.conditionsPerRuleMax) {
        return fail('policy-too-many-conditions', reader.peek(), 'too many conditions in a rule')
      }
      conditions.push(readCondition(reader, bound))
    } while (reader.skip('&&'))
    reader.symbol('=>', 'or && after a condition')
  }
  return { conditions, action: readAction(reader, section, bound), at, offset }
}

function readCondition(reader: Reader, bound: Set<string>): Condition {
  const first = reader.peek()
  const negated = reader.skip('!')
  if (negated) reader.since12(first, 'a negated condition')
  let name: string | undefined
  const token = reader.peek()
  if (token.kind === 'word') {
    reader.next()
    if (negated) return fail('policy-syntax', token, 'what is not there has no name: ![ expected')
    if (token.text === 'true' || token.text === 'false') {
      return fail('policy-syntax', token, `${token.text} is a value, and no name`)
    }
    if (bound.has(token.text)) return fail('policy-syntax', token, 'the name is taken in this rule')
    name = token.text
    reader.symbol(':', 'after the name of a condition')
  }
  reader.symbol('[', 'where a condition or => begins')
  const comparisons: Comparison[] = []
  do {
    if (comparisons.length === policyLimits.comparisonsPerConditionMax) {
      return fail('policy-too-many-conditions', reader.peek(), 'too many comparisons')
    }
    comparisons.push(readComparison(reader, bound))
  } while (reader.skip(','))
  reader.symbol(']', 'or , after a comparison')
  if (name !== undefined) bound.add(name)
  return { negated, name, comparisons, at: first.at }
}

const properties: readonly ClaimProperty[] = ['type', 'value', 'valueType', 'issuer']
const operators: readonly Operator[] = ['==', '!=', '<=', '>=', '<', '>']

function readComparison(reader: Reader, bound: ReadonlySet<string>): Comparison {
  const { at } = reader.peek()
  const property = readProperty(reader)
  const token = reader.take('symbol', 'an operator such as ==')
  const operator = operators.find((one) => one === token.text)
  if (operator === undefined) {
    const detail = token.text === '=' ? '== expected: = is for what an action makes' : undefined
    return fail('policy-syntax', token, detail ?? `${operators.join(' ')} expected`)
  }
  const operandToken = reader.peek()
  const operand = readOperand(reader, bound, 0)
  if (operand.kind === 'literal') {
    if (property !== 'value' && typeof operand.value !== 'string') {
      return fail('policy-syntax', operandToken, `a string expected: ${property} is always one`)
    }
    if (operator !== '==' && operator !== '!=' && typeof operand.value !== 'number') {
      return fail('policy-syntax', token, '== or != expected: only integers have an order')
    }
  }
  return { property, operator, operand, at }
}

function readProperty(reader: Reader): ClaimProperty {
  const token = reader.take('word', 'type, value, valueType or issuer')
  return (
    properties.find((one) => one === token.text) ??
    fail('policy-syntax', token, 'type, value, valueType or issuer expected')
  )
}

function readOperand(reader: Reader, bound: ReadonlySet<string>, depth: number): Operand {
  const token = reader.next()
  switch (token.kind) {
    case 'string':
      return { kind: 'literal', value: unescaped(reader, token) }
    case 'number':
      return { kind: 'literal', value: integerOf(token) }
    case 'word': {
      if (token.text === 'true' || token.text === 'false') {
        return { kind: 'literal', value: token.text === 'true' }
      }
      if (reader.skip('(')) return readCall(reader, token, bound, depth)
      if (!bound.has(token.text)) {
        return fail('policy-unbound', token, 'no earlier condition of this rule has that name')
      }
      reader.symbol('.', 'after the name of a condition')
      return { kind: 'reference', claim: token.text, property: readProperty(reader) }
    }
    default:
      return fail('policy-syntax', token, 'a string, an integer, true, false or a name expected')
  }
}

function readCall(
  reader: Reader,
  token: Token,
  bound: ReadonlySet<string>,
  depth: number,
): Operand {
  reader.since12(token, 'a function')
  const { text } = token
  if (!Object.hasOwn(parameterCounts, text)) {
    const known = Object.keys(parameterCounts).join(', ')
    return fail('policy-function', token, `one of ${known} expected`)
  }
  if (depth === policyLimits.callDepthMax) {
    return fail('policy-function', token, `more than ${policyLimits.callDepthMax} calls in a call`)
  }
  const name = text as FunctionName
  const parameters: Operand[] = []
  if (!reader.skip(')')) {
    do {
      parameters.push(readOperand(reader, bound, depth + 1))
    } while (reader.skip(','))
    reader.symbol(')', 'or , after an argument')
  }
  if (parameters.length !== parameterCounts[name]) {
    const count = parameterCounts[name]
    return fail('policy-function', token, `${name} takes ${count} argument${count > 1 ? 's' : ''}`)
  }
  return { kind: 'call', name, parameters }
}

/** In version 1.2, `\"` and `\\`; before it nothing says what a backslash means, and nothing may depend on a guess. */
function unescaped(reader: Reader, token: Token): PolicyValue {
  if (!token.text.includes('\\')) return token.text
  if (reader.version !== '1.2') {
    return fail('policy-syntax', token, 'no backslash expected: escapes came with version 1.2')
  }
  if (token.text.replaceAll(/\\[\\"]/g, '').includes('\\')) {
    return fail('policy-syntax', token, String.raw`\" or \\ expected after a backslash`)
  }
  return token.text.replaceAll(/\\([\\"])/g, '$1')
}

function integerOf(token: Token): number {
  const value = Number(token.text)
  if (!/^-?\d+$/.test(token.text) || !Number.isSafeInteger(value)) {
    return fail('policy-syntax', token, 'an integer within 53 bits expected')
  }
  return value + 0
}

/** Which verbs a section may use. */
const verbs: Readonly<Record<SectionName, readonly string[]>> = {
  configurationrules: ['issueproperty'],
  authorizationrules: ['permit', 'deny', 'add'],
  issuancerules: ['add', 'issue', 'issueproperty'],
}

function readAction(reader: Reader, section: SectionName, bound: ReadonlySet<string>): Action {
  const token = reader.take('word', 'an action')
  if (!verbs[section].includes(token.text)) {
    const known = verbs[section].map((verb) => `${verb}(…)`).join(' or ')
    return fail('policy-action', token, `${known} expected in ${section}`)
  }
  reader.symbol('(', `after ${token.text}`)
  const action = readArguments(reader, token.text, bound)
  reader.symbol(')', `at the end of ${token.text}`)
  return action
}

function readArguments(reader: Reader, verb: string, bound: ReadonlySet<string>): Action {
  switch (verb) {
    case 'permit':
    case 'deny':
      return { kind: verb }
    case 'add':
    case 'issue':
    case 'issueproperty':
      break
    default:
      throw new Error(`unreachable: ${verb}`)
  }
  const first = reader.take('word', 'type= or claim=')
  if (first.text === 'claim' && verb !== 'issueproperty') {
    reader.symbol('=', 'after claim')
    const token = reader.take('word', 'the name of a condition')
    if (!bound.has(token.text)) {
      return fail('policy-unbound', token, 'no condition of this rule has that name')
    }
    return { kind: 'copy', verb, name: token.text }
  }
  if (first.text !== 'type') return fail('policy-syntax', first, 'type= expected')
  reader.symbol('=', 'after type')
  const typeToken = reader.peek()
  const type = readOperand(reader, bound, 0)
  if (type.kind === 'call' || (type.kind === 'literal' && typeof type.value !== 'string')) {
    return fail('policy-syntax', typeToken, 'a string or a claim’s property expected as the type')
  }
  reader.symbol(',', 'after the type')
  reader.word('value', 'value=')
  reader.symbol('=', 'after value')
  return { kind: verb, claim: { type, value: readOperand(reader, bound, 0) } }
}

/** Takes tokens one after the other, and remembers what is written otherwise than the grammar has it. */
interface Reader {
  version: PolicyVersion
  readonly deviations: readonly Deviation[]
  peek(): Token
  next(): Token
  take(kind: Token['kind'], expected: string): Token
  word(text: string, expected: string): void
  symbol(text: string, where: string): void
  /** Takes the symbol where it is next; answers whether it was. */
  skip(text: string): boolean
  /** Comments before the tokens that were taken since this was last asked. */
  comments(): readonly Comment[]
  deviate(at: string, detail: string): void
  /** Fails where the policy is older than version 1.2. */
  since12(token: Token, what: string): void
}

function createReader(tokens: readonly Token[]): Reader {
  let index = 0
  let pending: Comment[] = []
  const deviations: Deviation[] = []
  const peek = (): Token => {
    const token = tokens[Math.min(index, tokens.length - 1)]
    if (token === undefined) throw new Error('unreachable: the last token is the end')
    return token
  }
  const next = (): Token => {
    const token = peek()
    index++
    pending.push(...token.comments)
    return token
  }
  const take = (kind: Token['kind'], expected: string): Token => {
    const token = next()
    return token.kind === kind ? token : fail('policy-syntax', token, `${expected} expected`)
  }
  const reader: Reader = {
    version: '1.0',
    deviations,
    peek,
    next,
    take,
    word: (text, expected) => {
      const token = take('word', expected)
      if (token.text !== text) fail('policy-syntax', token, `${expected} expected`)
    },
    symbol: (text, where) => {
      const token = next()
      if (token.kind !== 'symbol' || token.text !== text) {
        fail('policy-syntax', token, `${text} expected ${where}`)
      }
    },
    skip: (text) => {
      const found = peek().kind === 'symbol' && peek().text === text
      if (found) next()
      return found
    },
    comments: () => {
      const taken = pending
      pending = []
      return taken
    },
    deviate: (at, detail) => {
      deviations.push({ at, detail })
    },
    since12: (token, what) => {
      if (reader.version !== '1.2') fail('policy-version', token, `${what} came with version 1.2`)
    },
  }
  return reader
}

function textsOf(comments: readonly Comment[]): readonly string[] {
  return comments.map(({ text }) => text)
}

function fail(code: PolicyParseCode, token: Token, detail: string): never {
  throw new Unparsable({ code, at: token.at, detail: `${detail}, and ${foundOf(token)} found` })
}

/** What stands there; never the content of a string. */
function foundOf({ kind, text }: Token): string {
  if (kind === 'end') return 'the end of the policy'
  if (kind === 'string') return 'a string'
  return text.length > policyLimits.shownCharactersMax ? 'a long word' : text
}

/** Leaves {@link fail}, is caught in {@link parsePolicy}, and is seen by nobody else. */
class Unparsable extends Error {
  readonly problem: Problem<PolicyParseCode>
  constructor(problem: Problem<PolicyParseCode>) {
    super(problem.detail)
    this.problem = problem
  }
}
