/**
 * JMESPath over JSON that strangers may have written, by queries that may be put together from what they wrote.
 *
 * The grammar is a library's. Its interpreter is not used: it counts no work, finds what JavaScript's objects inherit
 * under names such as `constructor`, and takes data for expressions. What goes beyond the JMESPath that Azure's
 * queries are written in is refused.
 *
 * @see https://jmespath.org/specification.html
 * @module
 */

import { compile } from '@jmespath-community/jmespath'
import { jsonOfText } from '../bytes/index.ts'
import { calledInQuery, queryFunctions } from './json-query-functions.ts'
import { exact, isObject, isSame, type JsonValue, namesOf } from './json-value.ts'
import { policyLimits } from './limits.ts'
import type { Meter } from './meter.ts'

/** A query, parsed, within its limits, and of nodes that are known. */
export type Query = ReturnType<typeof compile>

/** Parses a query. Fails by `meter` with `policy-query`. */
export function compileQuery(text: string, meter: Meter): Query {
  meter.step(1 + Math.ceil(text.length / policyLimits.queryCharactersPerStep))
  const problem = queryProblem(text)
  return typeof problem === 'string' ? meter.fail('policy-query', problem) : problem.query
}

/** Why text is no query; the query when it is one. */
export function queryProblem(text: string): string | { readonly query: Query } {
  if (text.trim() === '') return 'a JMESPath query expected'
  if (text.length > policyLimits.queryCharactersMax) {
    return `more than ${policyLimits.queryCharactersMax} characters in a JMESPath query`
  }
  if (!isLexed(text)) return 'a literal in a JMESPath query that is no JSON, or does not end'
  let query: Query
  try {
    query = compile(text)
  } catch {
    return 'no JMESPath query'
  }
  return nodeProblem(query) ?? { query }
}

/** What a query finds. Fails by `meter` with `policy-query` or `policy-steps`. */
export function searched(query: Query, value: JsonValue, meter: Meter): JsonValue {
  meter.step()
  const found = (inner: Query, of: JsonValue = value): JsonValue => searched(inner, of, meter)
  const projected = (base: readonly JsonValue[], right: Query): readonly JsonValue[] => {
    const results: JsonValue[] = []
    for (const item of base) {
      const result = found(right, item)
      if (result !== null) results.push(result)
    }
    return results
  }
  switch (query.type) {
    case 'Field':
      return isObject(value) && Object.hasOwn(value, query.name)
        ? (value[query.name] ?? null)
        : null
    case 'Index': {
      if (!Array.isArray(value)) return null
      return (value.at(query.value) as JsonValue | undefined) ?? null
    }
    case 'Slice':
      return Array.isArray(value) ? sliced(value, query, meter) : null
    case 'Subexpression':
    case 'IndexExpression': {
      const left = found(query.left)
      return left === null ? null : found(query.right, left)
    }
    case 'Pipe':
      return found(query.right, found(query.left))
    case 'Projection': {
      const base = found(query.left)
      return Array.isArray(base) ? projected(base, query.right) : null
    }
    case 'ValueProjection': {
      const base = found(query.left)
      return isObject(base) ? projected(Object.values(base), query.right) : null
    }
    case 'FilterProjection': {
      const base = found(query.left)
      if (!Array.isArray(base)) return null
      return projected(
        base.filter((item: JsonValue) => !isFalse(found(query.condition, item), meter)),
        query.right,
      )
    }
    case 'Flatten': {
      const base = found(query.child)
      if (!Array.isArray(base)) return null
      const length = base.reduce(
        (sum: number, item: JsonValue) => sum + (Array.isArray(item) ? item.length : 1),
        0,
      )
      meter.step(length)
      return base.flat() as readonly JsonValue[]
    }
    case 'Comparator':
      return compared(query.name, found(query.left), found(query.right), meter)
    case 'AndExpression': {
      const left = found(query.left)
      return isFalse(left, meter) ? left : found(query.right)
    }
    case 'OrExpression': {
      const left = found(query.left)
      return isFalse(left, meter) ? found(query.right) : left
    }
    case 'NotExpression':
      return isFalse(found(query.child), meter)
    case 'MultiSelectList':
      return value === null ? null : query.children.map((child) => found(child))
    case 'MultiSelectHash':
      return value === null
        ? null
        : Object.fromEntries(query.children.map((child) => [child.name, found(child.value)]))
    case 'Function':
      return calledInQuery(
        query.name,
        query.children.map((child) =>
          child.type === 'ExpressionReference'
            ? { apply: (item: JsonValue) => found(child.child, item) }
            : { value: found(child) },
        ),
        meter,
      )
    case 'Literal':
      return query.value
    case 'Current':
    case 'Identity':
      return value
    default:
      return meter.fail('policy-query', `${query.type} in a JMESPath query`)
  }
}

function compared(
  name: 'GT' | 'LT' | 'GTE' | 'LTE' | 'NE' | 'EQ',
  left: JsonValue,
  right: JsonValue,
  meter: Meter,
): boolean | null {
  if (name === 'EQ') return isSame(left, right, meter)
  if (name === 'NE') return !isSame(left, right, meter)
  if (typeof left !== 'number' || typeof right !== 'number') return null
  const [a, b] = [exact(left, meter), exact(right, meter)]
  switch (name) {
    case 'GT':
      return a > b
    case 'GTE':
      return a >= b
    case 'LT':
      return a < b
    case 'LTE':
      return a <= b
  }
}

interface Slice {
  readonly start: number | null
  readonly stop: number | null
  readonly step: number | null
}

function sliced(list: readonly JsonValue[], slice: Slice, meter: Meter): readonly JsonValue[] {
  const step = slice.step ?? 1
  if (step === 0) return meter.fail('policy-query', 'a slice of step 0 in a JMESPath query')
  const { length } = list
  const capped = (index: number): number => {
    const from = index < 0 ? index + length : index
    return Math.max(step < 0 ? -1 : 0, Math.min(from, step < 0 ? length - 1 : length))
  }
  const start = slice.start === null ? (step < 0 ? length - 1 : 0) : capped(slice.start)
  const stop = slice.stop === null ? (step < 0 ? -1 : length) : capped(slice.stop)
  const result: JsonValue[] = []
  for (let index = start; step > 0 ? index < stop : index > stop; index += step) {
    meter.step()
    result.push(list[index] ?? null)
  }
  return result
}

function isFalse(value: JsonValue, meter: Meter): boolean {
  if (value === null || value === false || value === '') return true
  if (Array.isArray(value)) return value.length === 0
  return isObject(value) && namesOf(value, meter).length === 0
}

/** Of the JMESPath specification; what else the grammar knows is an extension. */
const parts: Readonly<Record<string, (query: never) => readonly Query[]>> = {
  Field: () => [],
  Index: () => [],
  Slice: () => [],
  Literal: () => [],
  Current: () => [],
  Identity: () => [],
  Subexpression: pair,
  IndexExpression: pair,
  Pipe: pair,
  Projection: pair,
  ValueProjection: pair,
  Comparator: pair,
  AndExpression: pair,
  OrExpression: pair,
  FilterProjection: ({ left, right, condition }: Three) => [left, right, condition],
  Flatten: ({ child }: One) => [child],
  NotExpression: ({ child }: One) => [child],
  ExpressionReference: ({ child }: One) => [child],
  MultiSelectList: ({ children }: { children: readonly Query[] }) => children,
  MultiSelectHash: ({ children }: { children: readonly { value: Query }[] }) =>
    children.map(({ value }) => value),
  Function: ({ children }: { children: readonly Query[] }) => children,
}

interface One {
  readonly child: Query
}

interface Two {
  readonly left: Query
  readonly right: Query
}

interface Three extends Two {
  readonly condition: Query
}

function pair({ left, right }: Two): readonly Query[] {
  return [left, right]
}

/** Without recursion: how deep a query nests is what is found out here. */
function nodeProblem(query: Query): string | undefined {
  let level: readonly Query[] = [query]
  for (let depth = 0; level.length > 0; depth++) {
    if (depth === policyLimits.queryDepthMax) {
      return `a JMESPath query that nests more than ${policyLimits.queryDepthMax} deep`
    }
    const next: Query[] = []
    for (const node of level) {
      const of = Object.hasOwn(parts, node.type) ? parts[node.type] : undefined
      if (of === undefined) return `${node.type} is no part of JMESPath as Azure’s queries have it`
      if (node.type === 'Function' && !queryFunctions.includes(node.name)) {
        return 'a function in a JMESPath query that JMESPath does not have'
      }
      next.push(...of(node as never))
    }
    level = next
  }
  return undefined
}

/**
 * Whether every literal ends, and those that hold JSON hold JSON that an engine may be given (see `bytes/json-syntax.ts`):
 * the library gives them to the engine unseen.
 */
function isLexed(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const quote = text[at] ?? ''
    if (!'"\'`'.includes(quote)) continue
    const end = endOf(text, at + 1, quote)
    if (end === undefined) return false
    const inside = text.slice(at + 1, end)
    // As the library has it: the first escaped backtick of a literal is replaced.
    const json = quote === '`' ? inside.trimStart().replace('\\`', '`') : `"${inside}"`
    if (quote !== "'" && !jsonOfText(json, policyLimits.jsonDepthMax).ok) return false
    at = end
  }
  return true
}

function endOf(text: string, start: number, quote: string): number | undefined {
  for (let at = start; at < text.length; at++) {
    if (text[at] === quote) return at
    if (text[at] === '\\' && (text[at + 1] === '\\' || text[at + 1] === quote)) at++
  }
  return undefined
}
