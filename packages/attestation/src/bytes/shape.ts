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
  /** What JSON has here. */
  readonly kind: 'text' | 'number' | 'boolean' | 'null' | 'list' | 'object'
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
  /** An object of at most `countMax` fields, whatever their names; paths say which by number. */
  record<T>(countMax: number, read: (item: Shape, name: string) => T): ReadonlyMap<string, T>
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
    return ok(read(new JsonShape(value, at, undefined)))
  } catch (error) {
    if (error instanceof Misshapen) return { ok: false, problem: error.problem }
    throw error
  }
}

/** A value and where it stands; the path is put together only for who asks. */
class JsonShape implements Shape {
  private readonly value: unknown
  private readonly step: string | number
  private readonly parent: JsonShape | undefined

  constructor(value: unknown, step: string | number, parent: JsonShape | undefined) {
    this.value = value
    this.step = step
    this.parent = parent
  }

  get at(): string {
    if (this.parent === undefined) return String(this.step)
    const { at } = this.parent
    if (typeof this.step === 'number') return `${at}[${this.step}]`
    return at === '' ? this.step : `${at}.${this.step}`
  }

  get kind(): Shape['kind'] {
    const { value } = this
    if (value === null) return 'null'
    if (Array.isArray(value)) return 'list'
    const type = typeof value
    return type === 'number' || type === 'boolean' ? type : type === 'string' ? 'text' : 'object'
  }

  string(charactersMax: number, pattern?: RegExp): string {
    const { value } = this
    if (typeof value !== 'string') return this.fail('wrong-type', 'text expected')
    if (value.length > charactersMax) return this.fail('too-long', `more than ${charactersMax}`)
    if (pattern !== undefined && !pattern.test(value)) {
      return this.fail('wrong-value', 'text of another form expected')
    }
    return value
  }

  integer(min: number, max: number): number {
    const { value } = this
    if (typeof value !== 'number' || !Number.isSafeInteger(value)) {
      return this.fail('wrong-type', 'whole number expected')
    }
    return value < min || value > max
      ? this.fail('wrong-value', `from ${min} to ${max} expected`)
      : value
  }

  boolean(): boolean {
    const { value } = this
    return typeof value === 'boolean' ? value : this.fail('wrong-type', 'true or false expected')
  }

  oneOf<const V extends string | number>(values: readonly V[]): V {
    return (
      values.find((one) => one === this.value) ?? this.fail('wrong-value', 'another value expected')
    )
  }

  list<T>(countMax: number, read: (item: Shape) => T, countMin: number = 0): readonly T[] {
    const { value } = this
    if (!Array.isArray(value)) return this.fail('wrong-type', 'list expected')
    if (value.length > countMax) return this.fail('too-many', `more than ${countMax}`)
    if (value.length < countMin) return this.fail('wrong-value', `at least ${countMin} expected`)
    return value.map((item: unknown, index) => read(new JsonShape(item, index, this)))
  }

  object<T>(unknown: UnknownFields, read: (fields: Fields) => T): T {
    const { value } = this
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return this.fail('wrong-type', 'object expected')
    }
    const fields = new JsonFields(value as Readonly<Record<string, unknown>>, this)
    const built = read(fields)
    if (unknown === 'refused' && !fields.allAsked()) {
      return this.fail('field-unknown', 'a field that this version does not know')
    }
    return built
  }

  record<T>(countMax: number, read: (item: Shape, name: string) => T): ReadonlyMap<string, T> {
    const { value } = this
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return this.fail('wrong-type', 'object expected')
    }
    const fields = Object.entries(value)
    if (fields.length > countMax) return this.fail('too-many', `more than ${countMax}`)
    return new Map(
      // Names that somebody chose are content: a path counts them.
      fields.map(([name, item]: [string, unknown], index) => [
        name,
        read(new JsonShape(item, index, this), name),
      ]),
    )
  }

  fail(code: ShapeCode, detail: string): never {
    throw new Misshapen({ code, at: this.at, detail })
  }
}

/** The fields of one object, and which of them were asked for. */
class JsonFields implements Fields {
  private readonly values: Readonly<Record<string, unknown>>
  private readonly shape: JsonShape
  private readonly asked: string[] = []

  constructor(values: Readonly<Record<string, unknown>>, shape: JsonShape) {
    this.values = values
    this.shape = shape
  }

  // Functions of their own, not methods: readers take them out of their object.
  readonly optional = (name: string): Shape | undefined => {
    this.asked.push(name)
    return Object.hasOwn(this.values, name)
      ? new JsonShape(this.values[name], name, this.shape)
      : undefined
  }

  readonly required = (name: string): Shape =>
    this.optional(name) ??
    new JsonShape(undefined, name, this.shape).fail('field-missing', 'field expected')

  allAsked(): boolean {
    return Object.keys(this.values).every((name) => this.asked.includes(name))
  }
}

/** Leaves {@link Shape.fail}, is caught in {@link reading}, and is seen by nobody else. */
class Misshapen extends Error {
  readonly problem: Problem<ShapeCode>
  constructor(problem: Problem<ShapeCode>) {
    super(problem.detail)
    this.problem = problem
  }
}
