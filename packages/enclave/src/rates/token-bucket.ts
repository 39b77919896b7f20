import type { UnixSeconds } from '@sealward/attestation/bytes'

/** How often one may ask, or be asked. */
export interface RateLimit {
  /** Requests that may follow each other without a pause. */
  readonly burst: number
  readonly perSecond: number
}

/** Who may ask one host, and when. */
export interface TokenBucket {
  /**
   * Takes a turn.
   *
   * @returns the seconds to wait before it, or `undefined`, and no turn, when that is more than `waitSecondsMax`.
   */
  take(now: UnixSeconds, waitSecondsMax: number): number | undefined
  /** The host said to come again in `seconds`, and not before. */
  block(now: UnixSeconds, seconds: number): void
}

/** A full bucket. */
export function createTokenBucket({ burst, perSecond }: RateLimit): TokenBucket {
  let tokens = burst
  let filledAt: UnixSeconds | undefined
  let blocked: { readonly at: UnixSeconds; readonly until: UnixSeconds } | undefined
  return {
    take(now, waitSecondsMax) {
      tokens = Math.min(burst, tokens + Math.max(0, now - (filledAt ?? now)) * perSecond)
      filledAt = now
      // A clock that was turned back would make it last for as long.
      if (blocked !== undefined && (now < blocked.at || now >= blocked.until)) blocked = undefined
      const turn = tokens >= 1 ? 0 : (1 - tokens) / perSecond
      const wait = Math.max(turn, blocked === undefined ? 0 : blocked.until - now)
      if (wait > waitSecondsMax) return undefined
      tokens -= 1
      return wait
    },
    block(now, seconds) {
      blocked = { at: now, until: Math.max(now + seconds, blocked?.until ?? 0) }
    },
  }
}
