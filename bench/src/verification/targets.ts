import { rounded } from '../figures.ts'
import type { Rounds } from '../rounds.ts'

/** A ratio of medians that was asked for, and the one that was found. */
export interface Target {
  readonly asked: string
  readonly found: number
  readonly met: boolean
  /** Why it could not be met by any verifier, in figures of the same run. */
  readonly outOfReach?: string
}

/** `one` is to be at least `times` as fast as `other`; nothing is faster than `limit`. */
export function atLeast(
  times: number,
  asked: string,
  one: Rounds,
  other: Rounds,
  limit: Rounds,
): Target {
  const ratio = one.median / other.median
  const target = { asked, found: rounded(ratio), met: ratio >= times }
  const needed = times * other.median
  return needed <= limit.median
    ? target
    : {
        ...target,
        outOfReach: `${times} times the peer is ${rounded(needed)} a second, and the limit is ${limit.median}`,
      }
}

/** `one` is to take at most `times` as long as `limit`. */
export function within(times: number, asked: string, one: Rounds, limit: Rounds): Target {
  const ratio = limit.median / one.median
  return { asked, found: rounded(ratio), met: ratio <= times }
}
