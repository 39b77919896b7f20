/**
 * The private pipe between a workload and the host that launched it: one JSON object a line.
 *
 * @see docs/spec/simulated-tee.md
 * @module
 */

import type { Duplex } from 'node:stream'
import * as z from 'zod'
import { evidenceLimits } from '../limits.ts'
import type { SealingPolicy, SecurityVersion } from '../tee.ts'

const bytes = z.base64url().max(evidenceLimits.pipeMessageBytesMax)
const id = z.int().min(1).max(Number.MAX_SAFE_INTEGER)

/** From the workload to the host. */
export type PipeRequest =
  | { readonly kind: 'quote'; readonly id: number; readonly reportData: string }
  | {
      readonly kind: 'sealing-key'
      readonly id: number
      readonly policy: SealingPolicy
      /** The current one unless said. */
      readonly version?: SecurityVersion | undefined
    }
  | { readonly kind: 'ready'; readonly ports: Readonly<Record<string, number>> }

/** From the host to the workload. */
export type PipeAnswer =
  | { readonly id: number; readonly bytes: string }
  | { readonly id: number; readonly code: string }

export const requestSchema: z.ZodType<PipeRequest> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('quote'), id, reportData: bytes }),
  z.strictObject({
    kind: z.literal('sealing-key'),
    id,
    policy: z.enum(['mrsigner', 'mrenclave']),
    version: z
      .strictObject({
        cpuSvn: z.string().regex(/^[0-9a-f]{32}$/),
        isvSvn: z.int().min(0).max(0xffff),
      })
      .optional(),
  }),
  z.strictObject({
    kind: z.literal('ready'),
    ports: z.record(z.string().regex(/^[a-z][a-z0-9-]{0,31}$/), z.int().min(1).max(65535)),
  }),
])

export const answerSchema: z.ZodType<PipeAnswer> = z.union([
  z.strictObject({ id, bytes }),
  z.strictObject({ id, code: z.string().max(64) }),
])

/**
 * Reads lines of JSON and hands each to `onMessage`. Anything else ends the pipe: the two ends come from
 * one build, so a malformed message is a broken program.
 */
export function readMessages<T>(
  pipe: Duplex,
  schema: z.ZodType<T>,
  onMessage: (message: T) => void,
): void {
  let pending: Buffer = Buffer.alloc(0)
  pipe.on('data', (chunk: Buffer) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk])
    for (let end = pending.indexOf(10); end >= 0; end = pending.indexOf(10)) {
      const message = messageOf(pending.subarray(0, end), schema)
      pending = pending.subarray(end + 1)
      if (message === undefined) {
        pipe.destroy()
        return
      }
      onMessage(message)
    }
    if (pending.length > evidenceLimits.pipeMessageBytesMax) pipe.destroy()
  })
}

/** Writes one message. A pipe that has closed swallows it: `close` is what its owner acts on. */
export function writeMessage(pipe: Duplex, message: PipeRequest | PipeAnswer): void {
  if (!pipe.destroyed && pipe.writable) pipe.write(`${JSON.stringify(message)}\n`)
}

function messageOf<T>(line: Buffer, schema: z.ZodType<T>): T | undefined {
  if (line.length > evidenceLimits.pipeMessageBytesMax) return undefined
  try {
    const parsed = schema.safeParse(JSON.parse(line.toString('utf8')))
    return parsed.success ? parsed.data : undefined
  } catch {
    return undefined
  }
}
