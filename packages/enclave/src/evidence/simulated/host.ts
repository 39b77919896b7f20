import { fstatSync } from 'node:fs'
import { Socket } from 'node:net'
import { base64UrlOf, bytesOfBase64Url } from '@sealward/attestation/bytes'
import { evidenceLimits } from '../limits.ts'
import type { SealingPolicy, SecurityVersion } from '../tee.ts'
import { answerSchema, type PipeRequest, readMessages, writeMessage } from './pipe.ts'

/** What stands in for the CPU, seen from the workload. */
export interface Host {
  quote(reportData: Uint8Array): Promise<Uint8Array>
  /** Without bytes where it gives none: an older version under a runtime that has the current key only, or a newer one. @param version the current one unless said */
  sealingKey(policy: SealingPolicy, version?: SecurityVersion): Promise<Uint8Array>
  ready(ports: Readonly<Record<string, number>>): void
  readonly closed: Promise<void>
  close(): void
}

/**
 * Connects to the host that launched this process, over descriptor 3.
 *
 * @returns `undefined` when nobody did.
 */
export function connectToHost(): Host | undefined {
  try {
    if (!fstatSync(3).isSocket()) return undefined
  } catch {
    return undefined
  }
  const pipe = new Socket({ fd: 3, readable: true, writable: true })
  const waiting = new Map<number, (bytes: Uint8Array | undefined) => void>()
  let lastId = 0

  const closed = new Promise<void>((resolve) => {
    pipe.once('close', () => {
      for (const settle of waiting.values()) settle(undefined)
      resolve()
      // No orphans: whoever serves may drain, and then the process ends whatever it is doing.
      setTimeout(() => process.exit(70), evidenceLimits.orphanSecondsMax * 1000).unref()
    })
  })
  pipe.on('error', () => pipe.destroy())
  readMessages(pipe, answerSchema, (answer) => {
    const settle = waiting.get(answer.id)
    settle?.('bytes' in answer ? bytesOfBase64Url(answer.bytes) : undefined)
  })

  const ask = async (requestOf: (id: number) => PipeRequest): Promise<Uint8Array> => {
    if (pipe.destroyed) throw new Error('the host of this TEE has gone')
    if (waiting.size >= evidenceLimits.pipeRequestsMax) {
      throw new Error('too many requests wait for the host of this TEE')
    }
    lastId += 1
    const id = lastId
    const answer = await new Promise<Uint8Array | undefined>((resolve) => {
      const timer = setTimeout(() => resolve(undefined), evidenceLimits.pipeAnswerSecondsMax * 1000)
      waiting.set(id, (bytes) => {
        clearTimeout(timer)
        resolve(bytes)
      })
      writeMessage(pipe, requestOf(id))
    })
    waiting.delete(id)
    if (answer === undefined) throw new Error('the host of this TEE did not answer')
    return answer
  }

  return {
    quote: (reportData) =>
      ask((id) => ({ kind: 'quote', id, reportData: base64UrlOf(reportData) })),
    sealingKey: (policy, version) =>
      ask((id) => ({
        kind: 'sealing-key',
        id,
        policy,
        ...(version === undefined ? {} : { version }),
      })),
    ready: (ports) => writeMessage(pipe, { kind: 'ready', ports: { ...ports } }),
    closed,
    close: () => pipe.destroy(),
  }
}
