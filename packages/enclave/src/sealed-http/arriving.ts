import type { Readable } from 'node:stream'
import { ChannelError } from '@sealward/attestation/channel'
import type { SealedHttpLimits } from './limits.ts'

/**
 * What comes of a body, from a sender whom nobody knows yet. It fails with `truncated` when the sender leaves or is too
 * slow; only the time counts in which we wait. The connection stays open for the answer.
 */
export async function* arriving(
  stream: Readable,
  limits: Pick<SealedHttpLimits, 'idleSecondsMax' | 'bytesPerSecondMin'>,
): AsyncGenerator<Uint8Array> {
  // One who leaves after we have stopped reading is nobody's error.
  stream.on('error', () => {})
  const pieces: AsyncIterator<Uint8Array> = stream.iterator({ destroyOnReturn: false })
  const idleMsMax = limits.idleSecondsMax * 1000
  let [waitedMs, bytes] = [0, 0]
  try {
    for (;;) {
      const patienceMs = idleMsMax + (bytes / limits.bytesPerSecondMin) * 1000 - waitedMs
      const began = performance.now()
      const next = pieces.next().catch(() => undefined)
      const piece = await within(next, Math.min(idleMsMax, patienceMs))
      waitedMs += performance.now() - began
      if (piece === tooLong) throw broken('what was sent came too slowly')
      if (piece === undefined) throw broken('the sender has left')
      if (piece.done === true) return
      bytes += piece.value.length
      yield piece.value
    }
  } finally {
    void pieces.return?.()
  }
}

/** Pieces for a reader whom nobody knows either: `onStalled` when one of them is not taken in time. */
export async function* leaving(
  pieces: AsyncIterable<Uint8Array>,
  secondsMax: number,
  onStalled: () => void,
): AsyncGenerator<Uint8Array> {
  for await (const piece of pieces) {
    const timer = setTimeout(onStalled, secondsMax * 1000)
    try {
      yield piece
    } finally {
      clearTimeout(timer)
    }
  }
}

const tooLong = Symbol('too long')

async function within<T>(value: Promise<T>, milliseconds: number): Promise<T | typeof tooLong> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<typeof tooLong>((resolve) => {
    timer = setTimeout(() => resolve(tooLong), Math.max(0, milliseconds))
  })
  try {
    return await Promise.race([value, late])
  } finally {
    clearTimeout(timer)
  }
}

function broken(detail: string): ChannelError {
  return new ChannelError({ code: 'truncated', at: 'body', detail })
}
