import { hkdfSync } from 'node:crypto'
import { hexOf, utf8Of } from '@sealward/attestation/bytes'
import { sealingLimits } from './limits.ts'
import type { MasterKey } from './master-key.ts'

/** A master key with its name. */
export interface NamedMasterKey {
  /** 32 hex digits, made from the key; tells nothing about it. */
  readonly keyId: string
  readonly key: MasterKey
}

/** The master keys that a workload holds: what is new is sealed under the current one, and all of them open. */
export interface MasterKeys {
  readonly current: NamedMasterKey
  byId(keyId: string): NamedMasterKey | undefined
  /** The current one first. */
  all(): readonly NamedMasterKey[]
  /**
   * Asks again where the keys come from: something names a key that is not here, such as that of a
   * replica which has a newer one already. Absent where there are no others to be had.
   */
  readonly renew?: () => Promise<void>
  /** Lets go of a key that nothing needs any more; not of the current one. Absent as `renew` is. */
  readonly forget?: (keyId: string) => void
}

/** Keys that stay what they are; `current` first, then those that stored data may still need. */
export function masterKeysOf(current: MasterKey, ...older: readonly MasterKey[]): MasterKeys {
  return ringOf([current, ...older])
}

export interface LoadedMasterKeys {
  readonly current: MasterKey
  /** Older versions, and newer ones that are not in use yet. */
  readonly others: readonly MasterKey[]
}

/**
 * Keys that come from elsewhere, such as a key broker's versions of one key.
 *
 * @param load - called once now and at every {@link MasterKeys.renew}; where it throws, the keys that
 *   are here stay. It only adds keys.
 * @param onForgotten - told of each key that was let go of, so that it is not loaded again.
 */
export async function loadMasterKeys(
  load: () => Promise<LoadedMasterKeys>,
  onForgotten: (keyId: string) => void = () => {},
): Promise<MasterKeys> {
  const first = await load()
  let ring = ringOf([first.current, ...first.others])
  let renewing: Promise<void> | undefined
  const renewed = async (): Promise<void> => {
    const { current, others } = await load()
    ring = ringOf([current, ...others, ...ring.all().map(({ key }) => key)])
  }
  return {
    get current() {
      return ring.current
    },
    byId: (keyId) => ring.byId(keyId),
    all: () => ring.all(),
    renew: () => {
      renewing ??= renewed().finally(() => {
        renewing = undefined
      })
      return renewing
    },
    forget(keyId) {
      if (keyId === ring.current.keyId || ring.byId(keyId) === undefined) return
      ring = ringOf(ring.all().flatMap((one) => (one.keyId === keyId ? [] : [one.key])))
      onForgotten(keyId)
    },
  }
}

/** The name of a master key. */
export function masterKeyIdOf(key: MasterKey): string {
  if (key.length !== 32) throw new RangeError('a master key is 32 bytes')
  const id = hkdfSync('sha256', key, new Uint8Array(0), utf8Of('sealward key id 2'), 16)
  return hexOf(new Uint8Array(id))
}

function ringOf(keys: readonly MasterKey[]): MasterKeys {
  const named = new Map<string, NamedMasterKey>()
  for (const key of keys) {
    const keyId = masterKeyIdOf(key)
    if (!named.has(keyId)) named.set(keyId, { keyId, key })
  }
  const all = [...named.values()]
  const [current] = all
  if (current === undefined) throw new RangeError('a ring has a current key')
  if (all.length > sealingLimits.masterKeysMax) throw new RangeError('a ring is small')
  return { current, byId: (keyId) => named.get(keyId), all: () => all }
}
