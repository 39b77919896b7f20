/**
 * The functions of JMESPath, and `equals_ignore_case`, which Azure's published policies call.
 *
 * @see https://jmespath.org/specification.html#built-in-functions
 * @module
 */

import {
  exact,
  isObject,
  isSame,
  type JsonObject,
  type JsonValue,
  jsonTextOf,
  namesOf,
} from './json-value.ts'
import type { Meter } from './meter.ts'

/** A value, or an expression (`&name`) to apply to values. */
export type QueryArgument =
  | { readonly value: JsonValue }
  | { readonly apply: (item: JsonValue) => JsonValue }

/** Calls a function of JMESPath. Fails by `meter` with `policy-query`, `policy-steps` or `policy-value-too-long`. */
export function calledInQuery(
  name: string,
  given: readonly QueryArgument[],
  meter: Meter,
): JsonValue {
  const known = functions[name]
  if (known === undefined) throw new Error('unreachable: a query calls functions that are known')
  const [countMin, countMax, run] = known
  if (given.length < countMin || given.length > countMax) {
    return meter.fail('policy-query', `${name}: another number of arguments expected`)
  }
  return run(argumentsOf(name, given, meter))
}

/** The arguments of one call, each read as what it must be. */
interface Arguments {
  readonly count: number
  readonly meter: Meter
  value(index: number): JsonValue
  number(index: number): number
  text(index: number): string
  list(index: number): readonly JsonValue[]
  object(index: number): JsonObject
  numbers(index: number): readonly number[]
  texts(index: number): readonly string[]
  /** All numbers, or all text. */
  ordered(index: number): readonly (string | number)[]
  apply(index: number): (item: JsonValue) => JsonValue
  fail(expected: string): never
}

function argumentsOf(name: string, given: readonly QueryArgument[], meter: Meter): Arguments {
  const fail = (expected: string): never =>
    meter.fail('policy-query', `${name}: ${expected} expected`)
  const value = (index: number): JsonValue => {
    const one = given[index]
    return one !== undefined && 'value' in one ? one.value : fail('a value')
  }
  const list = (index: number): readonly JsonValue[] => {
    const one = value(index)
    if (!Array.isArray(one)) return fail('a list')
    meter.step(one.length)
    return one as readonly JsonValue[]
  }
  const numbers = (items: readonly JsonValue[]): readonly number[] =>
    items.map((item) => (typeof item === 'number' ? exact(item, meter) : fail('a list of numbers')))
  const texts = (items: readonly JsonValue[]): readonly string[] =>
    items.map((item) => {
      if (typeof item !== 'string') return fail('a list of text')
      meter.read(item.length)
      return item
    })
  return {
    count: given.length,
    meter,
    value,
    number: (index) => {
      const one = value(index)
      return typeof one === 'number' ? exact(one, meter) : fail('a number')
    },
    text: (index) => {
      const one = value(index)
      if (typeof one !== 'string') return fail('text')
      meter.read(one.length)
      return one
    },
    list,
    object: (index) => {
      const one = value(index)
      if (!isObject(one)) return fail('an object')
      namesOf(one, meter)
      return one
    },
    numbers: (index) => numbers(list(index)),
    texts: (index) => texts(list(index)),
    ordered: (index) => {
      const items = list(index)
      return typeof items[0] === 'number' ? numbers(items) : texts(items)
    },
    apply: (index) => {
      const one = given[index]
      return one !== undefined && 'apply' in one ? one.apply : fail('an expression')
    },
    fail,
  }
}

type Definition = readonly [
  countMin: number,
  countMax: number,
  run: (given: Arguments) => JsonValue,
]

const functions: Readonly<Record<string, Definition>> = {
  abs: [1, 1, (given) => Math.abs(given.number(0))],
  avg: [
    1,
    1,
    (given) => {
      const items = given.numbers(0)
      return items.length === 0 ? null : sum(items) / items.length
    },
  ],
  ceil: [1, 1, (given) => Math.ceil(given.number(0))],
  contains: [
    2,
    2,
    (given) => {
      const [where, what] = [given.value(0), given.value(1)]
      if (typeof where === 'string') {
        given.meter.read(where.length)
        return typeof what === 'string' && where.includes(what)
      }
      return given.list(0).some((item) => isSame(item, what, given.meter))
    },
  ],
  ends_with: [2, 2, (given) => given.text(0).endsWith(given.text(1))],
  equals_ignore_case: [
    2,
    2,
    (given) => given.text(0).toLowerCase() === given.text(1).toLowerCase(),
  ],
  floor: [1, 1, (given) => Math.floor(given.number(0))],
  join: [
    2,
    2,
    (given) => {
      const [between, items] = [given.text(0), given.texts(1)]
      given.meter.read(items.reduce((length, item) => length + item.length + between.length, 0))
      return items.join(between)
    },
  ],
  keys: [1, 1, (given) => Object.keys(given.object(0))],
  length: [
    1,
    1,
    (given) => {
      const value = given.value(0)
      if (typeof value === 'string') return codePointsIn(given.text(0))
      return Array.isArray(value) ? given.list(0).length : Object.keys(given.object(0)).length
    },
  ],
  map: [2, 2, (given) => given.list(1).map(given.apply(0))],
  max: [1, 1, (given) => best(given.ordered(0), (one) => one, given, 1)],
  max_by: [2, 2, (given) => best(given.list(0), keyBy(given), given, 1)],
  merge: [
    1,
    Number.POSITIVE_INFINITY,
    (given) =>
      Object.fromEntries(
        Array.from({ length: given.count }, (_, index) =>
          Object.entries(given.object(index)),
        ).flat(),
      ),
  ],
  min: [1, 1, (given) => best(given.ordered(0), (one) => one, given, -1)],
  min_by: [2, 2, (given) => best(given.list(0), keyBy(given), given, -1)],
  not_null: [
    1,
    Number.POSITIVE_INFINITY,
    (given) => {
      for (let index = 0; index < given.count; index++) {
        const value = given.value(index)
        if (value !== null) return value
      }
      return null
    },
  ],
  reverse: [
    1,
    1,
    (given) =>
      typeof given.value(0) === 'string'
        ? Array.from(given.text(0)).reverse().join('')
        : [...given.list(0)].reverse(),
  ],
  sort: [1, 1, (given) => sorted(given.ordered(0), (one) => one, given)],
  sort_by: [2, 2, (given) => sorted(given.list(0), keyBy(given), given)],
  starts_with: [2, 2, (given) => given.text(0).startsWith(given.text(1))],
  sum: [1, 1, (given) => sum(given.numbers(0))],
  to_array: [
    1,
    1,
    (given) => {
      const value = given.value(0)
      return Array.isArray(value) ? value : [value]
    },
  ],
  to_number: [
    1,
    1,
    (given) => {
      const value = given.value(0)
      if (typeof value === 'number') return value
      const isNumber =
        typeof value === 'string' && /^-?(?:0|[1-9]\d{0,15})(?:\.\d{1,15})?$/.test(value)
      return isNumber ? Number(value) : null
    },
  ],
  to_string: [
    1,
    1,
    (given) => {
      const value = given.value(0)
      return typeof value === 'string' ? value : jsonTextOf(value, given.meter)
    },
  ],
  type: [
    1,
    1,
    (given) => {
      const value = given.value(0)
      if (value === null) return 'null'
      return Array.isArray(value) ? 'array' : typeof value
    },
  ],
  values: [1, 1, (given) => Object.values(given.object(0))],
}

/** The functions that a query may call. */
export const queryFunctions: readonly string[] = Object.keys(functions)

/** Without a list of them. */
function codePointsIn(text: string): number {
  let count = 0
  for (const _ of text) count++
  return count
}

function sum(items: readonly number[]): number {
  return items.reduce((total, item) => total + item, 0)
}

function keyBy(given: Arguments): (item: JsonValue) => JsonValue {
  return given.apply(1)
}

type Keyed = readonly [key: string | number, item: JsonValue]

/** Items with what orders them: all numbers, or all text. */
function keyed(
  items: readonly JsonValue[],
  keyOf: (item: JsonValue) => JsonValue,
  given: Arguments,
): readonly Keyed[] {
  const all = items.map((item): Keyed => {
    const key = keyOf(item)
    return typeof key === 'string' || typeof key === 'number'
      ? [key, item]
      : given.fail('numbers or text to order by')
  })
  const [first] = all
  if (all.some(([key]) => typeof key !== typeof first?.[0])) {
    return given.fail('numbers, or text, and not both')
  }
  return all
}

function best(
  items: readonly JsonValue[],
  keyOf: (item: JsonValue) => JsonValue,
  given: Arguments,
  sign: 1 | -1,
): JsonValue {
  const [first, ...others] = keyed(items, keyOf, given)
  if (first === undefined) return null
  return others.reduce(
    (so, one) => (sign * order(one[0], so[0], given.meter) > 0 ? one : so),
    first,
  )[1]
}

function sorted(
  items: readonly JsonValue[],
  keyOf: (item: JsonValue) => JsonValue,
  given: Arguments,
): readonly JsonValue[] {
  const all = keyed(items, keyOf, given)
  return all.toSorted(([a], [b]) => order(a, b, given.meter)).map(([, item]) => item)
}

/** Text by its code points, as JMESPath has it. */
function order(left: string | number, right: string | number, meter: Meter): number {
  if (typeof left === 'number' && typeof right === 'number') return left - right
  const [a, b] = [String(left), String(right)]
  const length = Math.min(a.length, b.length)
  meter.read(length)
  for (let index = 0; index < length; index++) {
    if (a.charCodeAt(index) === b.charCodeAt(index)) continue
    return (a.codePointAt(index) ?? 0) - (b.codePointAt(index) ?? 0)
  }
  return a.length - b.length
}
