/**
 * JSON in memory, gone over at a price: values made by queries may share their parts, and be far larger than memory
 * shows.
 *
 * @module
 */

import type { Meter } from './meter.ts'

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | readonly JsonValue[]
  | { readonly [name: string]: JsonValue }

export type JsonObject = { readonly [name: string]: JsonValue }

export function isObject(value: JsonValue): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The names in an object. An engine lists all of them, whatever is asked: each is a step. */
export function namesOf(value: JsonObject, meter: Meter): readonly string[] {
  const names = Object.keys(value)
  meter.step(names.length)
  return names
}

/** The text of a value. Fails by `meter` before it is too long. */
export function jsonTextOf(value: JsonValue, meter: Meter): string {
  charge(value, meter)
  const text = JSON.stringify(value)
  meter.read(text.length)
  return text
}

/** Whether two values are the same, deeply. */
export function isSame(left: JsonValue, right: JsonValue, meter: Meter): boolean {
  meter.step()
  if (typeof left === 'string' && typeof right === 'string') {
    if (left.length !== right.length) return false
    meter.read(left.length)
    return left === right
  }
  if (typeof left === 'number' && typeof right === 'number') {
    return exact(left, meter) === exact(right, meter)
  }
  if (Array.isArray(left)) {
    return (
      Array.isArray(right) &&
      left.length === right.length &&
      left.every((item: JsonValue, index) => isSame(item, right[index] as JsonValue, meter))
    )
  }
  if (isObject(left)) {
    if (!isObject(right)) return false
    const names = namesOf(left, meter)
    return (
      names.length === namesOf(right, meter).length &&
      names.every(
        (name) =>
          Object.hasOwn(right, name) &&
          isSame(left[name] as JsonValue, right[name] as JsonValue, meter),
      )
    )
  }
  return left === right
}

/** Fails for a number that JavaScript may have rounded: two of them could seem the same. */
export function exact(value: number, meter: Meter): number {
  if (Number.isInteger(value) && !Number.isSafeInteger(value)) {
    return meter.fail('policy-query', 'a number that is no longer exact')
  }
  return value
}

function charge(value: JsonValue, meter: Meter): void {
  meter.step()
  if (typeof value === 'string') meter.read(value.length)
  else if (typeof value === 'number') exact(value, meter)
  else if (Array.isArray(value)) for (const item of value) charge(item as JsonValue, meter)
  else if (isObject(value)) {
    for (const [name, item] of Object.entries(value)) {
      meter.read(name.length)
      charge(item, meter)
    }
  }
}
