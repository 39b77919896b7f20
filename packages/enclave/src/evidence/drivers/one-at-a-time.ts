import { refuse } from '@sealward/attestation/bytes'
import type { Driven } from './evidence-source.ts'
import { driverLimits } from './limits.ts'

/**
 * Runs one piece of work after the other: report data is written in one step and read back in another, and
 * two requests in between each other would each get the other's evidence.
 *
 * @returns what the work answers, or `device-busy` when {@link driverLimits}`.waitingMax` are waiting.
 */
export function oneAtATime(): <T>(work: () => Promise<Driven<T>>) => Promise<Driven<T>> {
  let last: Promise<unknown> = Promise.resolve()
  let waiting = 0
  return async (work) => {
    if (waiting > driverLimits.waitingMax) {
      return refuse('device-busy', 'queue', `${driverLimits.waitingMax} requests are waiting`)
    }
    waiting++
    const result = last.then(work).finally(() => {
      waiting--
    })
    last = result.catch(() => {})
    return result
  }
}
