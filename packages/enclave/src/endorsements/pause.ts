import { setTimeout as sleepFor } from 'node:timers/promises'
import type { Random } from '../effects/index.ts'
import { endorsementsLimits } from './limits.ts'

/** Resolves after so many milliseconds; rejects when `signal` is aborted. */
export type Sleep = (milliseconds: number, signal: AbortSignal) => Promise<void>

export const systemSleep: Sleep = (milliseconds, signal) =>
  sleepFor(milliseconds, undefined, { signal })

/**
 * Milliseconds to pause after try number `tries` (1 for the first) failed: drawn from zero to a limit that
 * doubles, so that many clients that failed together do not come again together.
 */
export function pauseOf(tries: number, random: Random): number {
  const longest = Math.min(
    endorsementsLimits.backoffMs * 2 ** (tries - 1),
    endorsementsLimits.backoffMsMax,
  )
  const [high = 0, low = 0] = random.bytes(2)
  return Math.round((longest * (256 * high + low)) / 65_535)
}
