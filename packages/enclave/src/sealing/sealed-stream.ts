/**
 * Chunks of an envelope that is too large to be held at once: the STREAM construction.
 *
 * Every chunk but the last is full, and the last one says so in its nonce: a stream that was cut, put
 * together from two, or had chunks taken out, swapped or repeated does not open.
 *
 * @see docs/spec/sealing.md
 * @see Hoang, Reyhanitabar, Rogaway, Vizár: Online Authenticated-Encryption and its Nonce-Reuse
 *   Misuse-Resistance (2015), section 7
 * @module
 */

import { createCipheriv, createDecipheriv } from 'node:crypto'
import { concat, type Result, refuse } from '@sealward/attestation/bytes'
import type { Random } from '../effects/index.ts'
import {
  parseStreamHead,
  type StreamEnvelopeHead,
  saltBytes,
  streamHeadBytes,
  tagBytes,
} from './envelope.ts'
import { sealingLimits } from './limits.ts'
import type { SealingProblem } from './sealing-problem.ts'

export interface StreamKey {
  readonly key: Uint8Array
  /** Where the stream belongs. */
  readonly context: Uint8Array
}

/** Leaves the generator that opens a stream. */
export class SealedStreamFailure extends Error {
  override readonly name = 'SealedStreamFailure'
  readonly problem: SealingProblem
  constructor(problem: SealingProblem) {
    super(problem.detail)
    this.problem = problem
  }
}

export async function* sealChunks(
  plaintext: AsyncIterable<Uint8Array>,
  options: {
    /** The head without what is a stream's own. */
    readonly head: Uint8Array
    readonly chunkBytes: number
    readonly random: Random
    readonly keyOf: (salt: Uint8Array) => StreamKey
  },
): AsyncGenerator<Uint8Array, void, undefined> {
  const { chunkBytes, random } = options
  if (chunkBytes < sealingLimits.chunkBytesMin || chunkBytes > sealingLimits.chunkBytesMax) {
    throw new RangeError('chunks are of a size that nobody reads')
  }
  const salt = random.bytes(saltBytes)
  const size = new Uint8Array(4)
  new DataView(size.buffer).setUint32(0, chunkBytes)
  const head = concat(options.head, salt, size)
  const { key, context } = options.keyOf(salt)
  const aad = concat(head, context)
  yield head
  let index = 0
  for await (const { bytes, isLast } of piecesOf(plaintext, chunkBytes)) {
    const cipher = createCipheriv('aes-256-gcm', key, nonceOf(index, isLast))
    cipher.setAAD(aad)
    const ciphertext = cipher.update(bytes)
    cipher.final()
    yield concat(ciphertext, cipher.getAuthTag())
    index += 1
  }
}

export async function* openChunks(
  sealed: AsyncIterable<Uint8Array>,
  keyOf: (head: StreamEnvelopeHead) => Result<StreamKey, SealingProblem>,
): AsyncGenerator<Uint8Array, void, undefined> {
  const source = sealed[Symbol.asyncIterator]()
  try {
    const begun = await readHead(source)
    const head = taken(parseStreamHead(begun.subarray(0, streamHeadBytes)))
    const { key, context } = taken(keyOf(head))
    const aad = concat(head.head, context)
    let index = 0
    const rest = followedBy(begun.slice(streamHeadBytes), source)
    for await (const { bytes, isLast } of piecesOf(rest, head.chunkBytes + tagBytes)) {
      // Only an empty stream ends in a chunk without content: there is one form of each stream.
      const isEmpty = bytes.length === tagBytes
      if (bytes.length < tagBytes || (isEmpty && index > 0)) throw failed()
      const plaintext = openChunk(key, nonceOf(index, isLast), aad, bytes)
      if (plaintext === undefined) throw failed()
      if (!isEmpty) yield plaintext
      index += 1
    }
  } finally {
    await source.return?.()
  }
}

function openChunk(
  key: Uint8Array,
  nonce: Uint8Array,
  aad: Uint8Array,
  chunk: Uint8Array,
): Uint8Array | undefined {
  const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
  decipher.setAAD(aad)
  decipher.setAuthTag(chunk.subarray(chunk.length - tagBytes))
  try {
    const plaintext = decipher.update(chunk.subarray(0, chunk.length - tagBytes))
    decipher.final()
    return new Uint8Array(plaintext)
  } catch {
    return undefined
  }
}

/** 11 bytes that count, and whether it is the last. */
function nonceOf(index: number, isLast: boolean): Uint8Array {
  const nonce = new Uint8Array(12)
  new DataView(nonce.buffer).setBigUint64(3, BigInt(index))
  nonce[11] = isLast ? 1 : 0
  return nonce
}

/** What comes in, in pieces of `length` and a last one that may be shorter; there is always a last one. */
async function* piecesOf(
  source: AsyncIterable<Uint8Array>,
  length: number,
): AsyncGenerator<{ readonly bytes: Uint8Array; readonly isLast: boolean }, void, undefined> {
  const held = new Uint8Array(length)
  let filled = 0
  for await (const part of source) {
    let from = 0
    while (from < part.length) {
      // A full piece is held until something follows it: it may be the last.
      if (filled === length) {
        yield { bytes: held.slice(), isLast: false }
        filled = 0
      }
      const more = Math.min(length - filled, part.length - from)
      held.set(part.subarray(from, from + more), filled)
      filled += more
      from += more
    }
  }
  yield { bytes: held.slice(0, filled), isLast: true }
}

async function readHead(source: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
  let begun: Uint8Array = new Uint8Array(0)
  while (begun.length < streamHeadBytes) {
    const next = await source.next()
    if (next.done === true) break
    begun = concat(begun, next.value)
  }
  return begun
}

async function* followedBy(
  first: Uint8Array,
  rest: AsyncIterator<Uint8Array>,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (first.length > 0) yield first
  for (;;) {
    const next = await rest.next()
    if (next.done === true) return
    yield next.value
  }
}

function failed(): SealedStreamFailure {
  return new SealedStreamFailure(
    refuse('sealed-mismatch', 'stream', 'the stream was cut, altered or put together anew').problem,
  )
}

function taken<T>(result: Result<T, SealingProblem>): T {
  if (result.ok) return result.value
  throw new SealedStreamFailure(result.problem)
}
