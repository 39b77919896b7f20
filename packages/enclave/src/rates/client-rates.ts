import type { UnixSeconds } from '@sealward/attestation/bytes'
import { createTokenBucket, type RateLimit, type TokenBucket } from './token-bucket.ts'

/** Counts each client's requests apart: who asks too often waits, and nobody else does. */
export interface ClientRates {
  /**
   * Takes a turn for `client`.
   *
   * @returns 0 when it may go on, else the whole seconds after which it should ask again.
   */
  take(client: string, at: UnixSeconds): number
  /** How many clients are counted now. */
  readonly size: number
}

/**
 * Rates of at most `clientsMax` clients. Of more, the one that asked longest ago is forgotten, and has its
 * whole burst again: that lets somebody in, and keeps nobody out.
 */
export function createClientRates(limit: RateLimit, clientsMax: number): ClientRates {
  const buckets = new Map<string, TokenBucket>()
  const retrySeconds = Math.max(1, Math.ceil(1 / limit.perSecond))
  return {
    take(client, at) {
      const bucket = buckets.get(client) ?? createTokenBucket(limit)
      // Asked last, forgotten last.
      buckets.delete(client)
      buckets.set(client, bucket)
      const oldest = buckets.keys().next().value
      if (buckets.size > clientsMax && oldest !== undefined) buckets.delete(oldest)
      return bucket.take(at, 0) === undefined ? retrySeconds : 0
    },
    get size() {
      return buckets.size
    },
  }
}
