import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { memoryFlags } from '@sealward/enclave/evidence'

/** One way of asking, over TLS 1.3, as it is and sealed inside of it. */
export interface SealedHttpFigures {
  readonly direction: 'up' | 'down'
  readonly bytes: number
  readonly clients: number
  readonly plain: Rate
  readonly sealed: Rate
  /** How many times as long the sealed one takes. */
  readonly times: number
  /** Microseconds of processor time that both sides spend on one request. */
  readonly cpu: {
    readonly plain: number
    readonly sealed: number
    /** A plain one, and the cryptography of a sealed one on both sides and nothing else of it. */
    readonly limit: number
    /** How many times as much as the plain one. */
    readonly sealedTimes: number
    readonly limitTimes: number
  }
}

export interface Rate {
  readonly perSecond: number
  /** Milliseconds. */
  readonly p50: number
  readonly p99: number
}

/** Client and server are processes that are started as services are. */
export function measureSealedHttp(): Promise<readonly SealedHttpFigures[]> {
  const client = fork(fileURLToPath(new URL('./sealed-client.ts', import.meta.url)), {
    execArgv: ['--disable-warning=ExperimentalWarning', ...memoryFlags],
  })
  return new Promise((resolve, reject) => {
    client.once('message', (figures) => resolve(figures as readonly SealedHttpFigures[]))
    client.once('exit', (code) => reject(new Error(`the client ended with ${code}`)))
  })
}
