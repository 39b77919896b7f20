import type { Broker } from '../broker.ts'
import { createKeyChanges } from './key-changes.ts'

/** Does what is due with keys from time to time: rotates, purges, tells of what expires soon. */
export function keepSwept(broker: Broker, everySeconds: number): { stop(): Promise<void> } {
  const { log } = broker
  const changes = createKeyChanges(broker)
  let running: Promise<void> | undefined
  const sweep = async (): Promise<void> => {
    try {
      const swept = await changes.sweep()
      if (!swept.ok) return log.warn('keys-not-swept', { code: swept.problem.code })
      const { rotate, purge, notify } = swept.value
      if (rotate > 0) log.info('keys-rotated', { count: rotate })
      if (purge > 0) log.info('keys-purged', { count: purge })
      if (notify > 0) log.warn('keys-expire-soon', { count: notify })
    } catch (error) {
      log.thrown('keys-not-swept', error)
    }
  }
  const timer = setInterval(() => {
    running ??= sweep().finally(() => {
      running = undefined
    })
  }, everySeconds * 1000)
  timer.unref()
  return {
    async stop() {
      clearInterval(timer)
      await running
    },
  }
}
