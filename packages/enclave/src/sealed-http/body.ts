import { ChannelError } from '@sealward/attestation/channel'

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

/**
 * Reads a body whose sender nobody knows yet. What has come of it counts, not what it says that it will be: a
 * stranger who promises much and sends little takes no room.
 *
 * @returns the bytes, which the caller gives back to the budget; or {@link overloaded}.
 * @throws ChannelError of `too-large` beyond `bytesMax`; or what ended the stream.
 */
export async function bodyWithin(
  budget: Budget,
  arriving: AsyncIterable<Uint8Array>,
  bytesMax: number,
): Promise<Uint8Array | typeof overloaded> {
  const pieces: Uint8Array[] = []
  let bytes = 0
  let isWhole = false
  try {
    for await (const piece of arriving) {
      if (bytes + piece.length > bytesMax) throw tooLarge(bytesMax)
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

export function tooLarge(bytesMax: number): ChannelError {
  return new ChannelError({ code: 'too-large', at: 'body', detail: `more than ${bytesMax} bytes` })
}

/** All of what comes. */
export async function gathered(
  pieces: Uint8Array | AsyncIterable<Uint8Array>,
): Promise<Uint8Array> {
  if (pieces instanceof Uint8Array) return pieces
  const parts: Uint8Array[] = []
  for await (const piece of pieces) parts.push(piece)
  const [only, ...more] = parts
  return more.length === 0 ? (only ?? new Uint8Array()) : Buffer.concat(parts)
}
