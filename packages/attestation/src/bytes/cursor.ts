/**
 * Reading a byte string in order: straight-line inside, a value at the edge.
 *
 * @module
 */

import { type Bytes, bytesOf } from './bytes.ts'
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
  let offset = 0
  const here = (): string => `@0x${offset.toString(16)}`
  const refused = (problem: Problem<ParseCode | Code>): never => {
    throw new Malformed(problem)
  }
  const fail = (code: ParseCode | Code, detail: string): never =>
    refused({ code, at: here(), detail })
  const take = (length: number): Uint8Array => {
    if (length > input.length - offset) fail('truncated', `${length} bytes needed`)
    offset += length
    return input.subarray(offset - length, offset)
  }
  const view = (length: number): DataView => {
    const field = take(length)
    return new DataView(field.buffer, field.byteOffset, length)
  }
  const cursor: Cursor<Code> = {
    u8: () => view(1).getUint8(0),
    u16: () => view(2).getUint16(0, true),
    u32: () => view(4).getUint32(0, true),
    u64: () => view(8).getBigUint64(0, true),
    bytes: (length) => bytesOf(length, take(length)) ?? fail('truncated', 'short read'),
    reserved: (length) => {
      if (take(length).some((byte) => byte !== 0)) fail('reserved-not-zero', 'reserved field')
    },
    skip: (length) => {
      take(length)
    },
    rest: () => new Uint8Array(take(input.length - offset)),
    offset: () => offset,
    accept: (result) => (result.ok ? result.value : refused(result.problem)),
    fail,
  }

  try {
    const value = read(cursor)
    return offset === input.length ? ok(value) : refuse('trailing-bytes', here(), 'input continues')
  } catch (error) {
    if (error instanceof Malformed) {
      return { ok: false, problem: error.problem as Problem<ParseCode | Code> }
    }
    throw error
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
