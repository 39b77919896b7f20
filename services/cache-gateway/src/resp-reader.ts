/**
 * Reads commands of the Redis protocol as they arrive, in pieces of any size.
 *
 * Only arrays of bulk strings are commands here; inline commands, which Redis takes from a terminal, are refused.
 *
 * @see Redis serialization protocol specification (RESP2, RESP3)
 * @module
 */

import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import { type CommandLimits, limits } from './limits.ts'

/** A command's name and its arguments, each as the bytes that came. */
export type CommandWords = readonly [Uint8Array, ...Uint8Array[]]

export type RespCode =
  | 'inline-refused'
  | 'empty-command'
  | 'bulk-expected'
  | 'bad-length'
  | 'bad-line-end'
  | 'too-many-arguments'
  | 'bulk-too-large'
  | 'command-too-large'

export interface RespReader {
  /** Adds what has arrived. */
  feed(chunk: Uint8Array): void
  /**
   * Takes the next command.
   *
   * @returns the command, `undefined` while it is incomplete, or the problem that ends the connection: once refused,
   *   always refused.
   */
  next(allowed: CommandLimits): Result<CommandWords | undefined, Problem<RespCode>>
  /** Bytes held: of an incomplete command, and room made for the rest of it. */
  heldBytes(): number
}

/** A reader at the start of a connection. It never throws, whatever it is fed. */
export function createRespReader(): RespReader {
  const input = createInput()
  let words: Uint8Array[] = []
  let wordsBytes = 0
  let wordsLeft: number | undefined
  let bulkBytes: number | undefined
  let refused: { readonly ok: false; readonly problem: Problem<RespCode> } | undefined

  const next: RespReader['next'] = (allowed) => {
    if (refused !== undefined) return refused
    for (;;) {
      if (wordsLeft === undefined) {
        const header = input.line('*'.charCodeAt(0), 'inline-refused')
        if (!header.ok) return end(header)
        if (header.value === undefined) return ok(undefined)
        if (header.value === 0) {
          return end(refuse('empty-command', input.at(), 'a command has a name'))
        }
        if (header.value > allowed.argumentsMax) {
          return end(refuse('too-many-arguments', input.at(), `at most ${allowed.argumentsMax}`))
        }
        wordsLeft = header.value
      } else if (wordsLeft === 0) {
        const [name, ...rest] = words
        words = []
        wordsBytes = 0
        wordsLeft = undefined
        if (name !== undefined) return ok([name, ...rest])
      } else if (bulkBytes === undefined) {
        const header = input.line('$'.charCodeAt(0), 'bulk-expected')
        if (!header.ok) return end(header)
        if (header.value === undefined) return ok(undefined)
        if (header.value > allowed.bulkBytesMax) {
          return end(refuse('bulk-too-large', input.at(), `at most ${allowed.bulkBytesMax} bytes`))
        }
        wordsBytes += header.value
        if (wordsBytes > allowed.commandBytesMax) {
          return end(
            refuse('command-too-large', input.at(), `at most ${allowed.commandBytesMax} bytes`),
          )
        }
        bulkBytes = header.value
        input.reserve(bulkBytes + lineEndBytes)
      } else {
        const bulk = input.bulk(bulkBytes)
        if (!bulk.ok) return end(bulk)
        if (bulk.value === undefined) return ok(undefined)
        words.push(bulk.value)
        wordsLeft--
        bulkBytes = undefined
      }
    }
  }

  const end = (refusal: { readonly ok: false; readonly problem: Problem<RespCode> }) => {
    refused = refusal
    words = []
    input.drop()
    return refusal
  }

  return {
    feed: (chunk) => {
      if (refused === undefined) input.append(chunk)
    },
    next,
    heldBytes: () => words.reduce((sum, word) => sum + word.length, input.heldBytes()),
  }
}

const lineEndBytes = 2
const carriageReturn = 0x0d
const lineFeed = 0x0a

/** Bytes that arrived and were not read yet. Appending costs the same per byte, however small the pieces. */
interface Input {
  append(chunk: Uint8Array): void
  /** Makes room at once for `length` bytes that are about to come. */
  reserve(length: number): void
  /** Reads `<marker><digits>\r\n`; `undefined` while incomplete. */
  line(
    marker: number,
    otherwise: 'inline-refused' | 'bulk-expected',
  ): Result<number | undefined, Problem<RespCode>>
  /** Copies `length` bytes that are followed by a line's end; `undefined` while incomplete. */
  bulk(length: number): Result<Uint8Array | undefined, Problem<RespCode>>
  /** Where reading has got to, from the start of the connection. */
  at(): string
  heldBytes(): number
  drop(): void
}

function createInput(): Input {
  let buffer: Uint8Array = new Uint8Array(0)
  let start = 0
  let end = 0
  let passed = 0
  /** Whether room was made for a bulk string that has not come yet. */
  let reserved = false
  const at = (): string => `@0x${(passed + start).toString(16)}`

  const grow = (length: number): void => {
    if (length <= buffer.length - start) return
    const grown = new Uint8Array(Math.max(length, 2 * (end - start)))
    grown.set(buffer.subarray(start, end))
    passed += start
    end -= start
    start = 0
    buffer = grown
  }

  return {
    append(chunk) {
      if (start === end && !reserved) {
        // Nothing is left over: what has come is read where it lies, and never written to, since it is full.
        passed += start
        buffer = chunk
        start = 0
        end = chunk.length
        return
      }
      grow(end - start + chunk.length)
      buffer.set(chunk, end)
      end += chunk.length
    },
    reserve(length) {
      grow(length)
      reserved = true
    },
    line(marker, otherwise) {
      if (start === end) return ok(undefined)
      if (buffer[start] !== marker) return refuse(otherwise, at(), 'another type expected')
      let value = 0
      let digits = 0
      for (let index = start + 1; index < end; index++) {
        const byte = buffer[index] ?? 0
        if (byte === carriageReturn) {
          if (digits === 0) return refuse('bad-length', at(), 'digits expected')
          if (index + 1 === end) return ok(undefined)
          if (buffer[index + 1] !== lineFeed) return refuse('bad-line-end', at(), 'CR LF expected')
          start = index + lineEndBytes
          return ok(value)
        }
        if (byte < 0x30 || byte > 0x39 || ++digits >= limits.lineBytesMax) {
          return refuse('bad-length', at(), 'a whole number expected')
        }
        value = 10 * value + byte - 0x30
      }
      return ok(undefined)
    },
    bulk(length) {
      if (end - start < length + lineEndBytes) return ok(undefined)
      const after = start + length
      if (buffer[after] !== carriageReturn || buffer[after + 1] !== lineFeed) {
        return refuse('bad-line-end', at(), 'CR LF expected after a bulk string')
      }
      const bulk = Uint8Array.prototype.slice.call(buffer, start, after)
      start = after + lineEndBytes
      reserved = false
      return ok(bulk)
    },
    at,
    heldBytes: () => buffer.length,
    drop() {
      buffer = new Uint8Array(0)
      passed += start
      start = 0
      end = 0
    },
  }
}
