import {
  createReplayWindow,
  encodeKeyConfigs,
  generateKeyConfig,
  type OhttpKey,
  type ReplayWindow,
} from '@sealward/attestation/channel'
import {
  channelKeyLifetimeSeconds,
  channelKeyOverlapSeconds,
  rememberedRequestsMax,
} from '../limits.ts'

/** HPKE key encapsulation: X25519 first, P-256 for clients that have no other. */
const kems = [0x0020, 0x0010] as const

interface Generation {
  readonly keys: readonly OhttpKey[]
  /** When it stops being offered; it is opened for a little longer. Unix seconds. */
  readonly until: number
}

/** The keys that requests are sealed to. Their private halves never leave this process. */
export interface ChannelKeys {
  /** `application/ohttp-keys` of the keys to seal to now. */
  offered(): Promise<Uint8Array>
  /** Every key that is still opened. */
  opened(): Promise<readonly OhttpKey[]>
  readonly replay: ReplayWindow
}

/**
 * Keys made in the TEE, replaced every day and before the memory against replay is full. A request
 * that was opened once under a key is never opened again: the memory lasts as long as the key.
 */
export async function createChannelKeys(deps: {
  readonly clock: { now(): number }
  readonly random: { bytes(length: number): Uint8Array }
}): Promise<ChannelKeys> {
  const { clock, random } = deps
  const replay = createReplayWindow({ entriesMax: rememberedRequestsMax })
  // Starting anywhere, so that a key of before a restart is not taken for one of now.
  let nextKeyId = random.bytes(1)[0] ?? 0
  const generate = async (): Promise<Generation> => {
    const keys: OhttpKey[] = []
    for (const kem of kems) {
      keys.push(await generateKeyConfig({ keyId: nextKeyId, kem, random }))
      nextKeyId = (nextKeyId + 1) % 256
    }
    return { keys, until: clock.now() + channelKeyLifetimeSeconds }
  }
  let current = await generate()
  let previous: Generation | undefined
  let replacing: Promise<void> | undefined

  const isFull = ({ keys }: Generation): boolean =>
    keys.some(({ config }) => replay.size(config.keyId) > rememberedRequestsMax * 0.9)
  const forget = (generation: Generation | undefined): void => {
    for (const { config } of generation?.keys ?? []) replay.forget(config.keyId)
  }
  const refresh = async (): Promise<void> => {
    const now = clock.now()
    if (previous !== undefined && now > previous.until + channelKeyOverlapSeconds) {
      forget(previous)
      previous = undefined
    }
    if (now < current.until && !isFull(current)) return
    replacing ??= generate()
      .then((fresh) => {
        forget(previous)
        previous = { keys: current.keys, until: Math.min(current.until, clock.now()) }
        current = fresh
      })
      .finally(() => {
        replacing = undefined
      })
    await replacing
  }
  return {
    async offered() {
      await refresh()
      return encodeKeyConfigs(current.keys.map(({ config }) => config))
    },
    async opened() {
      await refresh()
      return [...current.keys, ...(previous?.keys ?? [])]
    },
    replay,
  }
}
