import type { Readable } from 'node:stream'
import { ChannelError } from '@sealward/attestation/channel'
import { tooLarge } from './body.ts'
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

/**
 * A short body from a sender whom nobody knows yet, once all of it has come. It fails as {@link arriving} does, and with
 * `too-large` beyond `bytesMax`.
 */
export function arrived(
  stream: Readable,
  bytesMax: number,
  limits: Pick<SealedHttpLimits, 'idleSecondsMax' | 'bytesPerSecondMin'>,
): Promise<Uint8Array> {
  const idleMsMax = limits.idleSecondsMax * 1000
  const began = performance.now()
  const pieces: Uint8Array[] = []
  let [bytes, heardAt] = [0, began]
  return new Promise((resolve, reject) => {
    const settle = (problem?: ChannelError): void => {
      clearTimeout(timer)
      stream.off('data', take).off('end', end).off('close', leave).pause()
      if (problem !== undefined) reject(problem)
      else resolve(pieces.length === 1 && pieces[0] ? pieces[0] : Buffer.concat(pieces, bytes))
    }
    const take = (piece: Uint8Array): void => {
      pieces.push(piece)
      bytes += piece.length
      heardAt = performance.now()
      if (bytes > bytesMax) settle(tooLarge(bytesMax))
    }
    const end = (): void => settle()
    const leave = (): void => settle(broken('the sender has left'))
    const look = (): void => {
      const now = performance.now()
      const patienceMs = idleMsMax + (bytes / limits.bytesPerSecondMin) * 1000 - (now - began)
      const left = Math.min(heardAt + idleMsMax - now, patienceMs)
      if (left <= 0) settle(broken('what was sent came too slowly'))
      else timer = setTimeout(look, left)
    }
    let timer = setTimeout(look, idleMsMax)
    stream.on('error', () => {})
    stream.on('data', take).once('end', end).once('close', leave)
  })
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
