import type { Logger } from '@sealward/enclave/telemetry'
import type { AuditLog } from './audit.ts'
import { limits } from './limits.ts'

/** Has a checkpoint signed from time to time; one that fails is tried again the next time. */
export function keepSigned(
  audit: Pick<AuditLog, 'checkpoint'>,
  log: Logger,
  everySeconds: number = limits.checkpointEverySeconds,
): { stop(): Promise<void> } {
  let running: Promise<void> = Promise.resolve()
  const timer = setInterval(() => {
    running = running
      .then(() => audit.checkpoint())
      .then(
        () => {},
        (error: unknown) => log.thrown('audit-log-not-signed', error),
      )
  }, everySeconds * 1000)
  timer.unref()
  return {
    async stop() {
      clearInterval(timer)
      await running
    },
  }
}
