import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '@sealward/enclave/telemetry'
import type { OpenedInstance } from './open-instance.ts'

/** Reads again what other replicas may have changed, until it is stopped. */
export function keepFresh(
  instances: readonly OpenedInstance[],
  { everySeconds, log }: { readonly everySeconds: number; readonly log: Logger },
): { stop(): void } {
  const stopped = new AbortController()
  void (async () => {
    while (!stopped.signal.aborted) {
      await sleep(everySeconds * 1000, undefined, { signal: stopped.signal }).catch(() => {})
      if (stopped.signal.aborted) return
      for (const { keys } of instances) await refreshed(keys, log)
    }
  })()
  return { stop: () => stopped.abort() }
}

async function refreshed({ refresh }: OpenedInstance['keys'], log: Logger): Promise<void> {
  try {
    const done = await refresh()
    if (!done.ok) log.warn('keys-not-read', { code: done.problem.code })
  } catch (error) {
    log.thrown('keys-not-read', error)
  }
}
