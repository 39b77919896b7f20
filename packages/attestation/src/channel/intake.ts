/**
 * Parsing of bytes that come piece by piece.
 *
 * A parser is written once, as a generator that yields where it needs more. It is run on a whole byte string,
 * at once, or on a stream, as that comes.
 *
 * @module
 */

import { joined, type Result } from '../bytes/index.ts'
import { type ByteSource, piecesOf } from './byte-source.ts'
import { type ChannelCode, ChannelError, type ChannelProblem } from './channel-error.ts'

/** A parser of something. It yields when it needs more bytes than have come. */
export type Reading<T> = Generator<undefined, T, void>

/** The bytes that have come and were not read yet. */
export interface Intake {
  push(piece: Uint8Array): void
  /** No more will come. */
  end(): void
  /** How many bytes were read so far. */
  offset(): number
  /** How many bytes have come that were not read. */
  available(): number
  isAtEnd(): Reading<boolean>
  /** Exactly so many; fails when fewer come. */
  bytes(length: number): Reading<Uint8Array>
  /** As many as are there, at least one and at most `max`; fails when none comes. */
  some(max: number): Reading<Uint8Array>
  /** All that is still to come; fails when that is more than `max`. */
  rest(max: number): Reading<Uint8Array>
  /** RFC 9000, section 16. */
  varint(): Reading<number>
  fail(code: ChannelCode, detail: string): never
}

/**
 * Makes an empty intake.
 *
 * @param codes - of bytes that end too early, and of a number that is too large to be one of ours.
 */
export function createIntake(codes: {
  readonly truncated: ChannelCode
  readonly tooLarge: ChannelCode
}): Intake {
  const pieces: Uint8Array[] = []
  let [offset, available, hasEnded] = [0, 0, false]
  const fail: Intake['fail'] = (code, detail) => {
    throw new ChannelError({ code, at: `@0x${offset.toString(16)}`, detail })
  }
  /** Of the first piece, which there is. */
  const take = (max: number): Uint8Array => {
    const piece = pieces[0] ?? new Uint8Array()
    const taken = piece.subarray(0, max)
    if (taken.length === piece.length) pieces.shift()
    else pieces[0] = piece.subarray(max)
    offset += taken.length
    available -= taken.length
    return taken
  }
  /** Where short pieces are put together: a view of each would take more memory than its bytes. */
  let gathering = { bytes: new Uint8Array(), used: 0 }
  const gather = (piece: Uint8Array): void => {
    const last = pieces.at(-1)
    const { bytes, used } = gathering
    const isOpen = last?.buffer === bytes.buffer && used + piece.length <= bytes.length
    if (!isOpen) gathering = { bytes: new Uint8Array(gatheredBytes), used: 0 }
    const from = gathering.used
    gathering.bytes.set(piece, from)
    gathering.used += piece.length
    const start = isOpen && last !== undefined ? last.byteOffset : from
    if (isOpen) pieces.pop()
    pieces.push(gathering.bytes.subarray(start, gathering.used))
  }
  const intake: Intake = {
    push(piece) {
      if (piece.length === 0) return
      available += piece.length
      if (pieces.length > 0 && piece.length < gatheredBytes / 4) gather(piece)
      else pieces.push(piece)
    },
    end() {
      hasEnded = true
    },
    offset: () => offset,
    available: () => available,
    *isAtEnd() {
      while (available === 0 && !hasEnded) yield
      return available === 0
    },
    *bytes(length) {
      while (available < length) {
        if (hasEnded) fail(codes.truncated, `${length} bytes needed`)
        yield
      }
      const first = take(length)
      if (first.length === length) return first
      const parts = [first]
      for (let left = length - first.length; left > 0; ) {
        const part = take(left)
        parts.push(part)
        left -= part.length
      }
      return joined(parts)
    },
    *some(max) {
      if (yield* intake.isAtEnd()) fail(codes.truncated, 'more bytes needed')
      return take(max)
    },
    *rest(max) {
      for (;;) {
        if (available > max) fail(codes.tooLarge, `more than ${max} bytes`)
        if (hasEnded) return yield* intake.bytes(available)
        yield
      }
    },
    *varint() {
      const [first = 0] = yield* intake.bytes(1)
      let value = first & 0x3f
      for (const byte of yield* intake.bytes((1 << (first >> 6)) - 1)) value = value * 256 + byte
      if (!Number.isSafeInteger(value)) fail(codes.tooLarge, 'a length beyond 53 bits')
      return value
    },
    fail,
  }
  return intake
}

/** Bytes that short pieces are put together in. */
const gatheredBytes = 4096

/** Runs a parser on what is there. */
export function readNow<T>(reading: Reading<T>): T {
  const step = reading.next()
  if (step.done !== true) throw new Error('an intake that has not ended')
  return step.value
}

/** Runs parsers on a source, one after the other. */
export interface SourceReader {
  read<T>(reading: Reading<T>): Promise<T>
  /** Gives up the source. */
  close(): Promise<void>
}

export function createSourceReader(source: ByteSource, intake: Intake): SourceReader {
  const pieces = piecesOf(source)
  return {
    async read(reading) {
      for (;;) {
        const step = reading.next()
        if (step.done === true) return step.value
        const piece = await pieces.next()
        if (piece.done === true) intake.end()
        else intake.push(piece.value)
      }
    },
    close: async () => {
      await pieces.return()
    },
  }
}

/** What `attempt` comes to; a {@link ChannelError} is a refusal. */
export async function resultOf<T>(attempt: () => Promise<T>): Promise<Result<T, ChannelProblem>> {
  try {
    return { ok: true, value: await attempt() }
  } catch (error) {
    if (error instanceof ChannelError) return { ok: false, problem: error.problem }
    throw error
  }
}

/** RFC 9000, section 16, in the fewest bytes. */
export function varintOf(value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(8))
  if (value < 0x40) return Uint8Array.of(value)
  if (value < 0x4000) {
    view.setUint16(0, value | 0x4000)
    return new Uint8Array(view.buffer, 0, 2)
  }
  if (value < 0x4000_0000) {
    view.setUint32(0, (value | 0x8000_0000) >>> 0)
    return new Uint8Array(view.buffer, 0, 4)
  }
  view.setBigUint64(0, BigInt(value) | (3n << 62n))
  return new Uint8Array(view.buffer)
}
