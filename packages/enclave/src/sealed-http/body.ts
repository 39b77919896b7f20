import type { Readable } from 'node:stream'

/** Bytes that all requests together hold. */
export interface Budget {
  /** Whether there is room for them; they are held from then on. */
  take(bytes: number): boolean
  give(bytes: number): void
}

export function createBudget(bytesMax: number): Budget {
  let held = 0
  return {
    take(bytes) {
      if (held + bytes > bytesMax) return false
      held += bytes
      return true
    },
    give(bytes) {
      held -= bytes
    },
  }
}

/** In the place of a body that there was no room for. */
export const overloaded: unique symbol = Symbol('overloaded')

/** Leaves the reading of a body that is larger than one may be. */
export class BodyTooLarge extends Error {
  readonly statusCode = 413
  readonly code = 'FST_ERR_CTP_BODY_TOO_LARGE'
}

/**
 * Reads a body whose sender nobody knows yet. What has come of it counts, not what it says that it will be: a
 * stranger who promises much and sends little takes no room.
 *
 * @returns the bytes, which the caller gives back to the budget; or {@link overloaded}.
 * @throws BodyTooLarge beyond `bytesMax`; or what ended the stream.
 */
export async function bodyWithin(
  budget: Budget,
  stream: Readable,
  bytesMax: number,
): Promise<Uint8Array | typeof overloaded> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  let isWhole = false
  // One who leaves after we have stopped reading is nobody's error.
  stream.on('error', () => {})
  try {
    // The connection is needed for the answer, so the stream is not ended with the loop.
    const arriving: AsyncIterable<Uint8Array> = stream.iterator({ destroyOnReturn: false })
    for await (const piece of arriving) {
      if (bytes + piece.length > bytesMax) throw new BodyTooLarge('larger than a body may be')
      if (!budget.take(piece.length)) return overloaded
      bytes += piece.length
      pieces.push(piece)
    }
    isWhole = true
    return Buffer.concat(pieces, bytes)
  } finally {
    if (!isWhole) budget.give(bytes)
  }
}
