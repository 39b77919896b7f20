import { Pool } from 'undici'
import { quantiles, rounded } from '../figures.ts'

/** What one load was answered. */
export interface Load {
  readonly requests: number
  readonly perSecond: number
  /** Milliseconds until the whole answer was there. */
  readonly p50: number
  readonly p99: number
}

export interface LoadOptions {
  readonly url: string
  readonly bodies: readonly Buffer[]
  /** Requests at a time, each on a connection of its own. */
  readonly connections: number
  readonly requests: number
  /** The only status that counts: anything else ends the measurement. */
  readonly status: number
}

/** Sends `requests` bodies in turn to `/attest/SgxEnclave`. */
export async function loadAttest(options: LoadOptions): Promise<Load> {
  const { url, bodies, connections, requests, status } = options
  const pool = new Pool(url, { connections, pipelining: 1 })
  const times: number[] = []
  let sent = 0
  const sender = async (): Promise<void> => {
    while (sent < requests) {
      const body = bodies[sent++ % bodies.length]
      if (body === undefined) throw new Error('nothing to send')
      const started = performance.now()
      const answer = await pool.request({
        path: '/attest/SgxEnclave?api-version=2025-06-01',
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body,
      })
      const text = await answer.body.text()
      times.push(performance.now() - started)
      if (answer.statusCode !== status) throw new Error(`answered ${answer.statusCode}: ${text}`)
    }
  }
  const started = performance.now()
  try {
    await Promise.all(Array.from({ length: connections }, sender))
  } finally {
    await pool.destroy()
  }
  const seconds = (performance.now() - started) / 1000
  return { requests, perSecond: rounded(requests / seconds), ...quantiles(times) }
}
