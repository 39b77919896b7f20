import type { Logger } from '@sealward/enclave/telemetry'
import { sweepEverySeconds } from '../limits.ts'
import type { Rotation } from './rotation.ts'

/** Moves what is under older master keys to the current one, in the background, for as long as there is something. */
export function keepSwept(
  rotation: Rotation,
  log: Logger,
  everyMs: number = sweepEverySeconds * 1000,
): { close(): Promise<void> } {
  const stop = new AbortController()
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> = Promise.resolve()

  const once = async (): Promise<void> => {
    let count = 0
    const swept = await rotation.sweep({
      signal: stop.signal,
      onStep: ({ dataKeys, records }) => {
        count = dataKeys + records
      },
    })
    if (!swept.ok) log.warn('keys-not-moved', { code: swept.problem.code })
    else if (count > 0) log.info('keys-moved', { count })
  }
  const later = (): void => {
    if (stop.signal.aborted) return
    timer = setTimeout(() => {
      running = once()
        .catch((error: unknown) => log.thrown('sweep-broken', error))
        .finally(later)
    }, everyMs)
    timer.unref()
  }
  later()
  return {
    async close() {
      stop.abort()
      clearTimeout(timer)
      await running
    },
  }
}
