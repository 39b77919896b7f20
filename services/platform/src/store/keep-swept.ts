import type { LogFields, Logger } from '@sealward/enclave/telemetry'
import type { Retiring } from '../keys.ts'
import { sweepEverySeconds, sweepFirstSeconds } from '../limits.ts'
import type { Rotation } from './rotation.ts'

/**
 * Moves what is under older master keys to the current one, in the background, for as long as there is something, and
 * takes those out of use that nothing needs any more. It says so, and which are in use when it begins, as a line may be
 * lost: what is not in use may go where it came from.
 */
export function keepSwept(
  rotation: Pick<Rotation, 'sweep' | 'retireOlder' | 'letGo' | 'uses'>,
  log: Logger,
  {
    everyMs = sweepEverySeconds * 1000,
    retiring,
  }: {
    readonly everyMs?: number
    readonly retiring?: Pick<Retiring, 'afterSeconds' | 'versionOf'> | undefined
  } = {},
): { close(): Promise<void> } {
  const stop = new AbortController()
  let timer: NodeJS.Timeout | undefined
  let running: Promise<void> = Promise.resolve()

  let isSaid = false
  const named = (keyId: string): LogFields => {
    const version = retiring?.versionOf(keyId)
    return version === undefined ? {} : { version }
  }
  const once = async (): Promise<void> => {
    let count = 0
    const swept = await rotation.sweep({
      signal: stop.signal,
      onStep: ({ dataKeys, records }) => {
        count = dataKeys + records
      },
    })
    if (!swept.ok) {
      log.warn('keys-not-moved', { code: swept.problem.code })
      return
    }
    if (count > 0) log.info('keys-moved', { count })
    if (retiring === undefined || stop.signal.aborted) return
    const retired = await rotation.retireOlder(retiring.afterSeconds)
    if (!retired.ok) {
      log.warn('keys-not-retired', { code: retired.problem.code })
      return
    }
    for (const keyId of retired.value) log.info('master-key-retired', named(keyId))
    const uses = isSaid ? undefined : await rotation.uses()
    if (uses?.ok === true) {
      isSaid = true
      for (const { keyId, dataKeys, lookUps } of uses.value) {
        log.info('master-key-in-use', { ...named(keyId), count: dataKeys + lookUps })
      }
    }
    const letGo = await rotation.letGo()
    if (!letGo.ok) log.warn('keys-not-retired', { code: letGo.problem.code })
  }
  const later = (ms: number): void => {
    if (stop.signal.aborted) return
    timer = setTimeout(() => {
      running = once()
        .catch((error: unknown) => log.thrown('sweep-broken', error))
        .finally(() => later(everyMs))
    }, ms)
    timer.unref()
  }
  later(Math.min(everyMs, sweepFirstSeconds * 1000))
  return {
    async close() {
      stop.abort()
      clearTimeout(timer)
      await running
    },
  }
}
