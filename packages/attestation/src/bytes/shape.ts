/**
 * Reading a JSON value into a type: every field by name, with its limits, unknown fields refused.
 *
 * @module
 */

import { ok, type Problem, type Result } from './result.ts'

/** Why a JSON value was refused. */
export type ShapeCode =
  | 'field-missing'
  | 'field-unknown'
  | 'wrong-type'
  | 'wrong-value'
  | 'too-long'
  | 'too-many'

/** Whether names that are not asked for are an error: in our own formats they are, in others' they are not. */
export type UnknownFields = 'refused' | 'ignored'

/** One JSON value at a path, read by whoever knows what it must be. */
export interface Shape {
  /** Path from the top: `tcbLevels[3].tcb`. */
  readonly at: string
  /** Text of at most `charactersMax` UTF-16 units; with `pattern`, text that matches it. */
  string(charactersMax: number, pattern?: RegExp): string
  /** A whole number from `min` to `max`, both included. */
  integer(min: number, max: number): number
  boolean(): boolean
  /** One of the given texts or numbers. */
  oneOf<const V extends string | number>(values: readonly V[]): V
  /** A list of at most `countMax` values (and at least `countMin`, 0 unless said). */
  list<T>(countMax: number, read: (item: Shape) => T, countMin?: number): readonly T[]
  /** An object, whose fields `read` asks for by name. */
  object<T>(unknown: UnknownFields, read: (fields: Fields) => T): T
  fail(code: ShapeCode, detail: string): never
}

/** The fields of one object. */
export interface Fields {
  /** A field that must be there. */
  required(name: string): Shape
  /** A field that may be absent; `null` is not absent. */
  optional(name: string): Shape | undefined
}

/**
 * Runs `read` over a value that `JSON.parse` built.
 *
 * @param at - the path to call the top, `''` for none.
 * @returns what `read` built, or the first {@link Problem}: one of {@link ShapeCode}.
 */
export function reading<T>(
  value: unknown,
  at: string,
  read: (shape: Shape) => T,
): Result<T, Problem<ShapeCode>> {
  try {
    return ok(read(shapeOf(value, at)))
  } catch (error) {
    if (error instanceof Misshapen) return { ok: false, problem: error.problem }
    throw error
  }
}

function shapeOf(value: unknown, at: string): Shape {
  const fail = (code: ShapeCode, detail: string): never => failAt(at, code, detail)
  return {
    at,
    fail,
    string(charactersMax, pattern) {
      if (typeof value !== 'string') return fail('wrong-type', 'text expected')
      if (value.length > charactersMax) return fail('too-long', `more than ${charactersMax}`)
      if (pattern !== undefined && !pattern.test(value)) {
        return fail('wrong-value', 'text of another form expected')
      }
      return value
    },
    integer(min, max) {
      if (typeof value !== 'number' || !Number.isSafeInteger(value)) {
        return fail('wrong-type', 'whole number expected')
      }
      if (value < min || value > max) return fail('wrong-value', `from ${min} to ${max} expected`)
      return value
    },
    boolean() {
      return typeof value === 'boolean' ? value : fail('wrong-type', 'true or false expected')
    },
    oneOf(values) {
      return values.find((one) => one === value) ?? fail('wrong-value', 'another value expected')
    },
    list(countMax, readItem, countMin = 0) {
      if (!Array.isArray(value)) return fail('wrong-type', 'list expected')
      if (value.length > countMax) return fail('too-many', `more than ${countMax}`)
      if (value.length < countMin) return fail('wrong-value', `at least ${countMin} expected`)
      return value.map((item: unknown, index) => readItem(shapeOf(item, `${at}[${index}]`)))
    },
    object(unknown, readFields) {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        return fail('wrong-type', 'object expected')
      }
      const asked = new Set<string>()
      const optional = (name: string): Shape | undefined => {
        asked.add(name)
        if (!Object.hasOwn(value, name)) return undefined
        return shapeOf((value as Record<string, unknown>)[name], pathOf(at, name))
      }
      const built = readFields({
        optional,
        required: (name) =>
          optional(name) ?? failAt(pathOf(at, name), 'field-missing', 'field expected'),
      })
      if (unknown === 'refused' && Object.keys(value).some((name) => !asked.has(name))) {
        return fail('field-unknown', 'a field that this version does not know')
      }
      return built
    },
  }
}

function pathOf(at: string, name: string): string {
  return at === '' ? name : `${at}.${name}`
}

function failAt(at: string, code: ShapeCode, detail: string): never {
  throw new Misshapen({ code, at, detail })
}

/** Leaves {@link Shape.fail}, is caught in {@link reading}, and is seen by nobody else. */
class Misshapen extends Error {
  readonly problem: Problem<ShapeCode>
  constructor(problem: Problem<ShapeCode>) {
    super(problem.detail)
    this.problem = problem
  }
}
