import type { TokenAlgorithm } from './signing-limit.ts'

/** What a measured attestation service is told to be. */
export interface ServerOptions {
  readonly pcsUrl: string
  readonly roots: readonly string[]
  readonly policy: string
  readonly algorithm: TokenAlgorithm
  /** Whether it remembers platforms and imported keys: warm, or cold for every request. */
  readonly remembers: boolean
}

export type Ask = 'usage' | 'limit'

export interface Usage {
  readonly kind: 'usage'
  /** Since the process began. */
  readonly cpuSeconds: number
  /** After a collection. */
  readonly heapBytes: number
  readonly rssBytes: number
}

export interface Limit {
  readonly kind: 'limit'
  /** For each second of processor time. */
  readonly perSecond: number
}

export interface Ready {
  readonly kind: 'ready'
  readonly port: number
}
