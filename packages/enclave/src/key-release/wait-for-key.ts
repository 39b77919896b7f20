import { setTimeout as sleep } from 'node:timers/promises'
import type { Result } from '@sealward/attestation/bytes'
import type { Logger } from '../telemetry/index.ts'
import type { KeyBroker, KeyReleaseFailure } from './key-broker.ts'
import { keyReleaseLimits as limits } from './limits.ts'
import type { ReleasedKey, WantedKey } from './open-release.ts'

export interface Waiting {
  readonly log: Logger
  /** How long at most; five minutes unless said. */
  readonly secondsMax?: number
  /** Ends the wait. */
  readonly signal?: AbortSignal
  /** Told each time why it still waits. */
  readonly onWaiting?: (why: KeyReleaseFailure) => void
}

/**
 * Gets a key from a broker that may not be there yet: what is `unavailable` is asked for again, less and less often.
 *
 * @returns the key; or the refusal that ended the wait at once, or the last reason when the time was over.
 */
export async function waitForKey(
  broker: Pick<KeyBroker, 'release'>,
  wanted: WantedKey,
  { log, onWaiting, secondsMax = limits.startSecondsMax, signal }: Waiting,
): Promise<Result<ReleasedKey, KeyReleaseFailure>> {
  const until = performance.now() + secondsMax * 1000
  let pauseMs: number = limits.retryMsMin
  let told: string | undefined
  for (let attempt = 1; ; attempt++) {
    const key = await broker.release(wanted)
    if (key.ok) {
      if (told !== undefined) log.info('key-released', { attempt })
      return key
    }
    const { code, kind } = key.problem
    onWaiting?.(key.problem)
    // Half of the pause by chance: replicas that lost the same broker do not come back all at once.
    const thisMs = pauseMs / 2 + Math.random() * (pauseMs / 2)
    const isOver = performance.now() + thisMs > until || signal?.aborted === true
    if (kind === 'refused' || isOver) {
      log.error('key-not-released', { code, attempt, peer: 'key-broker' })
      return key
    }
    // Once for each reason: an operator reads why, not how often.
    if (told !== code) log.warn('waiting-for-key-broker', { code, attempt, peer: 'key-broker' })
    told = code
    await sleep(thisMs, undefined, { ...(signal && { signal }) }).catch(() => {})
    pauseMs = Math.min(2 * pauseMs, limits.retryMsMax)
  }
}
