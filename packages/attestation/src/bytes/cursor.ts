/**
 * Reading a byte string in order: straight-line inside, a value at the edge.
 *
 * @module
 */

import type { Bytes } from './bytes.ts'
import { ok, type Problem, type Result, refuse } from './result.ts'

/** Why bytes were refused. Formats add codes of their own. */
export type ParseCode = 'truncated' | 'trailing-bytes' | 'reserved-not-zero' | 'unsupported-version'

/** Reads little-endian fields in order. Every read is bounds-checked. */
export interface Cursor<Code extends string = never> {
  u8(): number
  u16(): number
  u32(): number
  u64(): bigint
  /** A copy of the next `length` bytes. */
  bytes<const N extends number>(length: N): Bytes<N>
  /** The next `length` bytes, which must all be zero. */
  reserved(length: number): void
  skip(length: number): void
  /** A copy of all that is left. */
  rest(): Uint8Array
  /** How many bytes were read. */
  offset(): number
  /** The value of another parser's result, or its refusal as this one's. */
  accept<T>(result: Result<T, Problem<ParseCode | Code>>): T
  fail(code: ParseCode | Code, detail: string): never
}

/**
 * Runs `read` over the whole of `input`.
 *
 * @returns what `read` built, or the first {@link Problem}. Bytes left over are one.
 */
export function parsing<T, Code extends string = never>(
  input: Uint8Array,
  read: (cursor: Cursor<Code>) => T,
): Result<T, Problem<ParseCode | Code>> {
  const cursor = new BytesCursor<Code>(input)
  try {
    const value = read(cursor)
    return cursor.isAtEnd()
      ? ok(value)
      : refuse('trailing-bytes', cursor.place(), 'input continues')
  } catch (error) {
    if (error instanceof Malformed) {
      return { ok: false, problem: error.problem as Problem<ParseCode | Code> }
    }
    throw error
  }
}

/** How far `input` was read. */
class BytesCursor<Code extends string> implements Cursor<Code> {
  private readonly input: Uint8Array
  private position = 0

  constructor(input: Uint8Array) {
    // A plain view: `slice` of a Node Buffer would share its memory.
    this.input = new Uint8Array(input.buffer, input.byteOffset, input.length)
  }

  u8(): number {
    return this.byte(this.advance(1))
  }

  u16(): number {
    const at = this.advance(2)
    return this.byte(at) | (this.byte(at + 1) << 8)
  }

  u32(): number {
    const at = this.advance(4)
    const low = this.byte(at) | (this.byte(at + 1) << 8) | (this.byte(at + 2) << 16)
    return low + this.byte(at + 3) * 0x100_0000
  }

  u64(): bigint {
    const at = this.advance(8)
    return new DataView(this.input.buffer, this.input.byteOffset + at, 8).getBigUint64(0, true)
  }

  bytes<const N extends number>(length: N): Bytes<N> {
    const at = this.advance(length)
    return this.input.slice(at, at + length) as Bytes<N>
  }

  reserved(length: number): void {
    const at = this.advance(length)
    for (let index = at; index < at + length; index++) {
      if (this.input[index] !== 0) this.fail('reserved-not-zero', 'reserved field')
    }
  }

  skip(length: number): void {
    this.advance(length)
  }

  rest(): Uint8Array {
    return this.input.slice(this.advance(this.input.length - this.position))
  }

  offset(): number {
    return this.position
  }

  isAtEnd(): boolean {
    return this.position === this.input.length
  }

  place(): string {
    return `@0x${this.position.toString(16)}`
  }

  accept<T>(result: Result<T, Problem<ParseCode | Code>>): T {
    if (result.ok) return result.value
    throw new Malformed(result.problem)
  }

  fail(code: ParseCode | Code, detail: string): never {
    throw new Malformed({ code, at: this.place(), detail })
  }

  /** Moves on by `length` bytes; where they begin. */
  private advance(length: number): number {
    const start = this.position
    if (length > this.input.length - start) this.fail('truncated', `${length} bytes needed`)
    this.position = start + length
    return start
  }

  private byte(at: number): number {
    return this.input[at] as number
  }
}

/** Leaves {@link Cursor.fail}, is caught in {@link parsing}, and is seen by nobody else. */
class Malformed extends Error {
  readonly problem: Problem
  constructor(problem: Problem) {
    super(problem.detail)
    this.problem = problem
  }
}
