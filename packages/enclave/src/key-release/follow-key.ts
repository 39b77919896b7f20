import type { Logger } from '../telemetry/index.ts'
import type { KeyBroker } from './key-broker.ts'
import { keyReleaseLimits as limits } from './limits.ts'
import type { ReleasedKey, WantedKey } from './open-release.ts'

/** Something that goes on until it is closed. */
export interface Following {
  /** Resolves when what was under way has come to its end. */
  close(): Promise<void>
}

/**
 * Asks from time to time for the current version of a key, and hands on one that is new. A broker that is not there
 * or refuses takes nothing away: what was released before stays in use.
 */
export function followKey(options: {
  readonly broker: Pick<KeyBroker, 'release'>
  readonly wanted: Omit<WantedKey, 'version'>
  /** The version that is held. */
  readonly version: string
  readonly onVersion: (key: ReleasedKey) => Promise<void> | void
  readonly log: Logger
  /** 300 unless said. */
  readonly everySeconds?: number
}): Following {
  const { broker, log, onVersion, wanted, everySeconds = limits.pollSeconds } = options
  let { version } = options
  let told: string | undefined
  let underWay: Promise<void> = Promise.resolve()

  const look = async (): Promise<void> => {
    const key = await broker.release(wanted)
    if (!key.ok) {
      const { code } = key.problem
      if (told !== code) log.warn('key-not-renewed', { code, peer: 'key-broker' })
      told = code
      return
    }
    if (told !== undefined) log.info('key-broker-back')
    told = undefined
    if (key.value.version === version) return
    await onVersion(key.value)
    version = key.value.version
    log.info('key-rotated', { version })
  }
  let isLooking = false
  const timer = setInterval(() => {
    if (isLooking) return
    isLooking = true
    underWay = look()
      .catch((error: unknown) => log.thrown('key-not-renewed', error))
      .finally(() => {
        isLooking = false
      })
  }, everySeconds * 1000)
  timer.unref()
  return {
    close() {
      clearInterval(timer)
      return underWay
    },
  }
}
