/**
 * The functions of version 1.2. Every argument and every result is a set: the values of some claims, in order.
 *
 * @see Azure Attestation, "Claim rule functions supported in policy version 1.2+"
 * @module
 */

import { jsonOfText } from '../bytes/index.ts'
import { compileQuery, type Query, searched } from './json-query.ts'
import type { JsonValue } from './json-value.ts'
import { jsonTextOf } from './json-value.ts'
import { policyLimits } from './limits.ts'
import type { Meter } from './meter.ts'
import type { FunctionName, PolicyValue } from './policy.ts'

export type ValueSet = readonly PolicyValue[]

/** How many arguments each function takes. */
export const parameterCounts: Readonly<Record<FunctionName, 1 | 2>> = {
  JmesPath: 2,
  JsonToClaimValue: 1,
  IsSubsetOf: 2,
  AppendString: 2,
  NegateBool: 1,
  ContainsOnlyValue: 2,
}

/** Reads text; what it read once it need not read again. */
export interface Readers {
  json(text: string, meter: Meter): JsonValue
  query(text: string, meter: Meter): Query
}

export function createReaders(): Readers {
  return { json: remembering(readJson), query: remembering(compileQuery) }
}

function remembering<T>(
  read: (text: string, meter: Meter) => T,
): (text: string, meter: Meter) => T {
  const known = new Map<string, T>()
  return (text, meter) => {
    const before = known.get(text)
    if (before !== undefined) return before
    const value = read(text, meter)
    known.set(text, value)
    return value
  }
}

function readJson(text: string, meter: Meter): JsonValue {
  meter.read(text.length)
  const json = jsonOfText(text, policyLimits.jsonDepthMax)
  return json.ok
    ? (json.value as JsonValue)
    : meter.fail('policy-argument', `JSON expected: ${json.problem.code}`)
}

/**
 * Calls a function.
 *
 * @returns the values; none, one, or several. Fails by `meter` with `policy-argument`, `policy-query`,
 *   `policy-value-too-long` or `policy-steps`.
 */
export function called(
  name: FunctionName,
  parameters: readonly ValueSet[],
  meter: Meter,
  readers: Readers,
): ValueSet {
  const [first = [], second = []] = parameters
  meter.step(1 + first.length + second.length)
  switch (name) {
    case 'JmesPath': {
      const [text, query] = [textOf(name, first, meter), textOf(name, second, meter)]
      const value = searched(readers.query(query, meter), readers.json(text, meter), meter)
      return [jsonTextOf(value, meter)]
    }
    case 'JsonToClaimValue':
      return claimValuesOf(readers.json(textOf(name, first, meter), meter), meter)
    case 'IsSubsetOf': {
      readTexts(first, meter)
      readTexts(second, meter)
      const whole = new Set(second)
      return [first.every((value) => whole.has(value))]
    }
    case 'AppendString': {
      const [left, right] = [textOf(name, first, meter), textOf(name, second, meter)]
      meter.read(left.length + right.length)
      return [left + right]
    }
    case 'NegateBool': {
      const value = single(name, first, meter)
      return typeof value === 'boolean' ? [!value] : wrong(name, 'true or false', meter)
    }
    case 'ContainsOnlyValue': {
      const only = single(name, second, meter)
      readTexts(first, meter)
      return [first.length > 0 && first.every((value) => value === only)]
    }
  }
}

/** Numbers must be integers; `null` is nothing; an array of such is as many values. */
function claimValuesOf(json: JsonValue, meter: Meter): ValueSet {
  if (!Array.isArray(json)) return primitiveOf(json, meter)
  meter.step(json.length)
  return json.flatMap((item) => primitiveOf(item, meter))
}

function primitiveOf(json: JsonValue, meter: Meter): ValueSet {
  if (json === null) return []
  if (typeof json === 'object') {
    return meter.fail(
      'policy-argument',
      Array.isArray(json)
        ? 'JsonToClaimValue: a list inside a list is no claim value'
        : 'JsonToClaimValue: a JSON object is no claim value',
    )
  }
  if (typeof json === 'number' && !Number.isSafeInteger(json)) {
    return meter.fail('policy-argument', 'JsonToClaimValue: an integer within 53 bits expected')
  }
  return [typeof json === 'number' ? json + 0 : json]
}

/** Text that is compared is gone through to its end where it is the same. */
function readTexts(values: ValueSet, meter: Meter): void {
  for (const value of values) if (typeof value === 'string') meter.read(value.length)
}

function textOf(name: FunctionName, values: ValueSet, meter: Meter): string {
  const value = single(name, values, meter)
  return typeof value === 'string' ? value : wrong(name, 'text', meter)
}

function single(name: FunctionName, values: ValueSet, meter: Meter): PolicyValue {
  const [value] = values
  return value === undefined || values.length > 1
    ? wrong(name, `one value, and not ${values.length},`, meter)
    : value
}

function wrong(name: FunctionName, expected: string, meter: Meter): never {
  return meter.fail('policy-argument', `${name}: ${expected} expected as an argument`)
}
