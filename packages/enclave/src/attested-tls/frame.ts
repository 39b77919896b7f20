/**
 * What is said on a connection before its own protocol begins: a kind, a length, and as many bytes.
 *
 * @see docs/spec/attested-tls.md
 * @module
 */

import type { Readable } from 'node:stream'
import { concat, ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'

export const frameKinds = { proof: 1, refused: 2, unavailable: 3 } as const
export type FrameKind = keyof typeof frameKinds

export interface Frame {
  readonly kind: FrameKind
  readonly content: Uint8Array
}

export function encodeFrame(kind: FrameKind, content: Uint8Array): Uint8Array {
  return concat(Uint8Array.of(frameKinds[kind], content.length), content)
}

/**
 * Reads one frame, and sees that nothing follows it: the other side waits for what is said to it.
 *
 * @returns the frame; `session-proof-missing` for anything else; `early-data` when more came than the frame.
 */
export function readFrame(
  socket: Readable,
): Promise<Result<Frame, Problem<'session-proof-missing' | 'early-data' | 'peer-unreachable'>>> {
  return new Promise((resolve) => {
    let received: Uint8Array = new Uint8Array()
    const done = (result: Awaited<ReturnType<typeof readFrame>>): void => {
      socket.removeListener('readable', onReadable)
      socket.removeListener('close', onClose)
      socket.removeListener('end', onClose)
      resolve(result)
    }
    const onReadable = (): void => {
      // More than the longest frame is more than a frame: how much more is of no interest.
      while (received.length <= frameBytesMax) {
        const chunk = socket.read() as Buffer | null
        if (chunk === null) break
        received = concat(received, chunk)
      }
      const kind = kinds.get(received[0] ?? 0)
      const length = received[1]
      if (received.length === 0) return
      if (kind === undefined) done(missing)
      else if (length === undefined || received.length < 2 + length) return
      else if (received.length > 2 + length) done(early)
      else done(ok({ kind, content: received.subarray(2) }))
    }
    const onClose = (): void =>
      done(refuse('peer-unreachable', 'tls', 'the connection ended before a proof came'))
    socket.on('readable', onReadable)
    socket.once('close', onClose)
    socket.once('end', onClose)
    if (socket.destroyed) onClose()
  })
}

/** A kind, a length of one byte, and as much as it says. */
const frameBytesMax = 2 + 255

const early = refuse('early-data', 'tls', 'more was sent than the proof, before it was answered')
const missing = refuse('session-proof-missing', 'tls', 'something else than a proof was sent')

const kinds: ReadonlyMap<number, FrameKind> = new Map(
  Object.entries(frameKinds).map(([kind, code]) => [code, kind as FrameKind]),
)
