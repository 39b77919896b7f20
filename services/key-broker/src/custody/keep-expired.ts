import type { Logger } from '@sealward/enclave/telemetry'
import type { BreakGlass } from './break-glass.ts'

/** Writes down from time to time which requests have expired, though nobody asks for them any more. */
export function keepExpired(
  breakGlass: Pick<BreakGlass, 'expire'>,
  log: Logger,
  everySeconds: number,
): { stop(): Promise<void> } {
  let running: Promise<void> | undefined
  const sweep = async (): Promise<void> => {
    try {
      const expired = await breakGlass.expire()
      if (!expired.ok) log.warn('break-glass-not-swept', { code: expired.problem.code })
    } catch (error) {
      log.thrown('break-glass-not-swept', error)
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
