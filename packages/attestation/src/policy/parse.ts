/**
 * The policy grammar.
 *
 *     policy    = "version" "=" ("1.0" | "1.1") ";" section*
 *     section   = name "{" [ rule *( ";" rule ) [ ";" ] ] "}" [ ";" ]
 *     rule      = [ condition *( "&&" condition ) ] "=>" action
 *     condition = [ word ":" ] "[" comparison *( "," comparison ) "]"
 *     action    = ( "permit" | "deny" ) "(" ")" | verb "(" "claim" "=" word ")"
 *               | verb "(" "type" "=" operand "," "value" "=" operand ")"
 *
 * Read liberally where published policies are written so: section names in any case, the last semicolon of
 * a section or of the policy left out. A single `=` in a condition is refused, as Azure refuses it.
 *
 * @see Azure Attestation, "Claim and claim rules"; "Attestation policy version 1.0" and "1.1"
 * @module
 */

import { ok, type Problem, type Result } from '../bytes/index.ts'
import { policyLimits } from './limits.ts'
import type {
  Action,
  ClaimProperty,
  Comparison,
  Condition,
  Operand,
  Operator,
  Policy,
  PolicyParseCode,
  Rule,
} from './policy.ts'
import { type Token, tokensOf } from './tokens.ts'

/**
 * Parses a policy of version 1.0 or 1.1.
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

type Section = 'configurationrules' | 'authorizationrules' | 'issuancerules'

const sectionNames: readonly Section[] = [
  'configurationrules',
  'authorizationrules',
  'issuancerules',
]

function readPolicy(reader: Reader, text: string): Policy {
  const version = readVersion(reader)
  const sections = new Map<Section, readonly Rule[]>()
  let ruleCount = 0
  while (reader.peek().kind !== 'end') {
    const token = reader.take('word', 'a section')
    const name = sectionNames.find((one) => one === token.text.toLowerCase())
    if (name === undefined) return fail('policy-section', token, 'no such section')
    if (name === 'configurationrules' && version === '1.0') {
      return fail('policy-section', token, 'configurationrules came with version 1.1')
    }
    if (sections.has(name)) return fail('policy-section', token, 'the section is there twice')
    const rules = readSection(reader, name)
    ruleCount += rules.length
    if (ruleCount > policyLimits.rulesMax) {
      return fail('policy-too-many-rules', token, `more than ${policyLimits.rulesMax} rules`)
    }
    sections.set(name, rules)
    reader.skip(';')
  }
  const authorization = sections.get('authorizationrules')
  if (authorization === undefined) {
    return fail('policy-section', reader.peek(), 'authorizationrules are missing')
  }
  return {
    version,
    configuration: sections.get('configurationrules') ?? [],
    authorization,
    issuance: sections.get('issuancerules') ?? [],
    text,
  }
}

function readVersion(reader: Reader): Policy['version'] {
  reader.word('version')
  reader.symbol('=')
  const token = reader.take('number', 'a version')
  if (token.text !== '1.0' && token.text !== '1.1') {
    return fail('policy-version', token, 'known: 1.0 and 1.1')
  }
  reader.symbol(';')
  return token.text
}

function readSection(reader: Reader, section: Section): readonly Rule[] {
  const rules: Rule[] = []
  reader.symbol('{')
  while (!reader.skip('}')) {
    rules.push(readRule(reader, section))
    if (rules.length > policyLimits.rulesMax) {
      return fail('policy-too-many-rules', reader.peek(), 'more rules than a policy may have')
    }
    if (!reader.skip(';') && reader.peek().text !== '}') {
      return fail('policy-syntax', reader.peek(), '; or } expected')
    }
  }
  return rules
}

function readRule(reader: Reader, section: Section): Rule {
  const { at } = reader.peek()
  const conditions: Condition[] = []
  const bound = new Set<string>()
  if (!reader.skip('=>')) {
    do {
      if (conditions.length === policyLimits.conditionsPerRuleMax) {
        return fail('policy-too-many-conditions', reader.peek(), 'too many conditions in a rule')
      }
      conditions.push(readCondition(reader, bound))
    } while (reader.skip('&&'))
    reader.symbol('=>')
  }
  return { conditions, action: readAction(reader, section, bound), at }
}

function readCondition(reader: Reader, bound: Set<string>): Condition {
  let name: string | undefined
  if (reader.peek().kind === 'word') {
    const token = reader.take('word', 'a name')
    if (bound.has(token.text)) return fail('policy-syntax', token, 'the name is taken')
    name = token.text
    reader.symbol(':')
  }
  reader.symbol('[')
  const comparisons: Comparison[] = []
  do {
    if (comparisons.length === policyLimits.comparisonsPerConditionMax) {
      return fail('policy-too-many-conditions', reader.peek(), 'too many comparisons')
    }
    comparisons.push(readComparison(reader, bound))
  } while (reader.skip(','))
  reader.symbol(']')
  if (name !== undefined) bound.add(name)
  return { name, comparisons }
}

const properties: readonly ClaimProperty[] = ['type', 'value', 'valueType', 'issuer']
const operators: readonly Operator[] = ['==', '!=', '<=', '>=', '<', '>']

function readComparison(reader: Reader, bound: ReadonlySet<string>): Comparison {
  const property = readProperty(reader)
  const token = reader.take('symbol', 'an operator')
  const operator = operators.find((one) => one === token.text)
  if (operator === undefined) return fail('policy-syntax', token, 'an operator expected')
  const operandToken = reader.peek()
  const operand = readOperand(reader, bound)
  if (operand.kind === 'literal') {
    if (property !== 'value' && typeof operand.value !== 'string') {
      return fail('policy-syntax', operandToken, `${property} is compared with a string`)
    }
    if (operator !== '==' && operator !== '!=' && typeof operand.value !== 'number') {
      return fail('policy-syntax', token, 'only integers have an order')
    }
  }
  return { property, operator, operand }
}

function readProperty(reader: Reader): ClaimProperty {
  const token = reader.take('word', 'a property')
  return (
    properties.find((one) => one === token.text) ??
    fail('policy-syntax', token, 'known: type, value, valueType, issuer')
  )
}

function readOperand(reader: Reader, bound: ReadonlySet<string>): Operand {
  const token = reader.next()
  switch (token.kind) {
    case 'string':
      // Azure does not say whether it escapes, and a comparison must not depend on a guess.
      if (token.text.includes('\\')) return fail('policy-syntax', token, 'a backslash in a string')
      return { kind: 'literal', value: token.text }
    case 'number':
      return { kind: 'literal', value: integerOf(token) }
    case 'word': {
      if (token.text === 'true' || token.text === 'false') {
        return { kind: 'literal', value: token.text === 'true' }
      }
      if (!bound.has(token.text)) {
        return fail('policy-unbound', token, 'no earlier condition of this rule has that name')
      }
      reader.symbol('.')
      return { kind: 'reference', claim: token.text, property: readProperty(reader) }
    }
    default:
      return fail('policy-syntax', token, 'a value expected')
  }
}

function integerOf(token: Token): number {
  const value = Number(token.text)
  if (!/^-?\d+$/.test(token.text) || !Number.isSafeInteger(value)) {
    return fail('policy-syntax', token, 'an integer within 53 bits expected')
  }
  return value
}

/** Which verbs a section may use. */
const verbs: Readonly<Record<Section, readonly string[]>> = {
  configurationrules: ['issueproperty'],
  authorizationrules: ['permit', 'deny', 'add'],
  issuancerules: ['add', 'issue', 'issueproperty'],
}

function readAction(reader: Reader, section: Section, bound: ReadonlySet<string>): Action {
  const token = reader.take('word', 'an action')
  if (!verbs[section].includes(token.text)) {
    return fail('policy-action', token, `not an action of ${section}`)
  }
  reader.symbol('(')
  const action = readArguments(reader, token.text, bound)
  reader.symbol(')')
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
  reader.symbol('=')
  if (first.text === 'claim' && verb !== 'issueproperty') {
    const token = reader.take('word', 'a name')
    if (!bound.has(token.text)) return fail('policy-unbound', token, 'no condition has that name')
    return { kind: 'copy', verb, name: token.text }
  }
  if (first.text !== 'type') return fail('policy-syntax', first, 'type= expected')
  const typeToken = reader.peek()
  const type = readOperand(reader, bound)
  if (type.kind === 'literal' && typeof type.value !== 'string') {
    return fail('policy-syntax', typeToken, 'a type is a string')
  }
  reader.symbol(',')
  reader.word('value')
  reader.symbol('=')
  return { kind: verb, claim: { type, value: readOperand(reader, bound) } }
}

/** Takes tokens one after the other. */
interface Reader {
  peek(): Token
  next(): Token
  take(kind: Token['kind'], expected: string): Token
  word(text: string): void
  symbol(text: string): void
  /** Takes the symbol where it is next; answers whether it was. */
  skip(text: string): boolean
}

function createReader(tokens: readonly Token[]): Reader {
  let index = 0
  const peek = (): Token => {
    const token = tokens[Math.min(index, tokens.length - 1)]
    if (token === undefined) throw new Error('unreachable: the last token is the end')
    return token
  }
  const next = (): Token => {
    const token = peek()
    index++
    return token
  }
  const take = (kind: Token['kind'], expected: string): Token => {
    const token = next()
    return token.kind === kind ? token : fail('policy-syntax', token, `${expected} expected`)
  }
  const exactly = (kind: Token['kind'], text: string): void => {
    const token = take(kind, text)
    if (token.text !== text) fail('policy-syntax', token, `${text} expected`)
  }
  return {
    peek,
    next,
    take,
    word: (text) => exactly('word', text),
    symbol: (text) => exactly('symbol', text),
    skip: (text) => {
      const found = peek().kind === 'symbol' && peek().text === text
      if (found) index++
      return found
    },
  }
}

function fail(code: PolicyParseCode, token: Token, detail: string): never {
  throw new Unparsable({ code, at: token.at, detail })
}

/** Leaves {@link fail}, is caught in {@link parsePolicy}, and is seen by nobody else. */
class Unparsable extends Error {
  readonly problem: Problem<PolicyParseCode>
  constructor(problem: Problem<PolicyParseCode>) {
    super(problem.detail)
    this.problem = problem
  }
}
