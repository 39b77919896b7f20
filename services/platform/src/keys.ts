import { type Anchor, createBrokerAnchor } from '@sealward/enclave/anchor'
import type { AttestedTls } from '@sealward/enclave/attested-tls'
import type { PcsClient } from '@sealward/enclave/endorsements'
import type { Tee } from '@sealward/enclave/evidence'
import type { EncryptionKey, Passport } from '@sealward/enclave/identity'
import {
  boundSecret,
  createKeyBroker,
  type KeyBroker,
  openKnownVersions,
  openVersionedKey,
  type ReleasedKey,
  type VersionedKey,
  type Waiting,
} from '@sealward/enclave/key-release'
import type { SeedOfDay } from '@sealward/enclave/sealed-http'
import {
  loadMasterKeys,
  type MasterKey,
  type MasterKeys,
  masterKeyIdOf,
  masterKeysOf,
} from '@sealward/enclave/sealing'
import {
  answerWhileWaiting,
  type Clock,
  StartRefusal,
  systemClock,
  taken,
} from '@sealward/enclave/server'
import type { Logger } from '@sealward/enclave/telemetry'
import type { QueryExecutorProvider } from 'kysely'
import type { PlatformConfig } from './config.ts'
import { openOwnMasterKey } from './own-master-key.ts'
import { seedOfDay, versionsBefore } from './seed-of-day.ts'

/** What the platform seals with, and what its channel keys are made of. */
export interface PlatformKeys {
  readonly master: MasterKeys
  /** What all replicas make the same channel keys of; `undefined` where each process draws its own. */
  readonly channelSeed: SeedOfDay | undefined
  /** That of the key broker, where there is one. */
  readonly anchor: Anchor | undefined
  /** Those of a key broker only: others have no older ones. */
  readonly retiring: Retiring | undefined
  /** Who released them, where somebody did. */
  readonly broker: Pick<KeyBroker, 'peer'> | undefined
  close(): Promise<void>
}

/** What a key broker calls a master key, and what becomes of the name when the key is taken out of use. */
export interface Retiring {
  /** How long after a key was replaced. */
  readonly afterSeconds: number
  versionOf(keyId: string): string | undefined
  /** So that no start asks for the key any more. @param within - the transaction that takes the key out of use. */
  forgetVersion(keyId: string, within: QueryExecutorProvider): Promise<void>
}

export interface PlatformKeysOptions {
  readonly tee: Tee
  readonly config: PlatformConfig
  readonly attested: AttestedTls
  readonly endorsements: PcsClient
  /** Where the measured init-time data names a key broker. */
  readonly encryptionKey: EncryptionKey | undefined
  readonly passport: Pick<Passport, 'token' | 'accessToken'>
  readonly log: Logger
}

/**
 * The keys that the measured init-time data stands for: those that its key broker releases, the same for all replicas;
 * or, where it names none, those of this TEE alone.
 *
 * @throws StartRefusal where the broker does not release them, or nobody says where it is.
 */
export async function openKeys(options: PlatformKeysOptions): Promise<PlatformKeys> {
  const { config, encryptionKey } = options
  if (encryptionKey === undefined) {
    const { key, close } = await openOwnMasterKey(options)
    return {
      master: masterKeysOf(key),
      channelSeed: undefined,
      anchor: undefined,
      retiring: undefined,
      broker: undefined,
      close,
    }
  }
  if (config.keyBroker === undefined) {
    const detail =
      'The measured configuration names a key broker: say where it is, as keyBroker.url.'
    throw new StartRefusal({ code: 'key-broker-missing', at: 'keyBroker', detail })
  }
  return released(options, encryptionKey, config.keyBroker)
}

async function released(
  { attested, config, log, passport, tee }: PlatformKeysOptions,
  encryptionKey: EncryptionKey,
  { url, pollSeconds, retireAfterDays }: NonNullable<PlatformConfig['keyBroker']>,
): Promise<PlatformKeys> {
  const closing: (() => Promise<unknown>)[] = []
  const close = async (): Promise<void> => {
    for (const end of closing.splice(0).reverse()) await end()
  }
  const broker = createKeyBroker({ url, attested, encryptionKey, passport })
  closing.push(() => broker.close())
  const anchor = createBrokerAnchor({ url, attested, passport })
  closing.push(() => anchor.close())
  const answer = await answerWhileWaiting({ name: 'platform', logger: log, port: config.port })
  const waiting: Waiting = { log, onWaiting: answer.why }
  try {
    const known = await openKnownVersions({
      url: config.databaseUrl,
      onConnectionLost: () => log.warn('database-connection-lost'),
    })
    closing.push(() => known.close())
    const open = async (
      name: string,
      onVersion: () => Promise<void> | void = () => {},
    ): Promise<VersionedKey> => {
      const wanted = { name, type: { kty: 'oct', bytes: 32 } } as const
      const everySeconds = pollSeconds
      const options = { broker, wanted, known, waiting, everySeconds, onVersion }
      const key = taken(await openVersionedKey(options))
      closing.push(() => key.close())
      return key
    }
    // Whoever meets a newer version before it was looked for has the ring renewed by the store.
    let ring: MasterKeys | undefined
    const master = await open('platform-master', async () => {
      await ring?.renew?.()
    })
    const masterKeyIn = ({ secret }: ReleasedKey): MasterKey =>
      boundSecret(secret, tee.initTimeData, 'master') as MasterKey
    const versionOf = (keyId: string): string | undefined =>
      master.versions().find((key) => masterKeyIdOf(masterKeyIn(key)) === keyId)?.version
    let isFirst = true
    ring = await loadMasterKeys(
      async () => {
        if (!isFirst) await master.renew()
        isFirst = false
        const [current, ...others] = master.versions().map(masterKeyIn)
        if (current === undefined) throw new Error('a key has a current version')
        return { current, others }
      },
      (keyId) => master.forget(versionOf(keyId) ?? ''),
    )
    const retiring: Retiring = {
      afterSeconds: retireAfterDays * 24 * 3600,
      versionOf,
      async forgetVersion(keyId, within) {
        const version = versionOf(keyId)
        if (version !== undefined) await known.remove('platform-master', version, within)
      },
    }
    const channel = await open('platform-channel')
    for (const version of versionsBefore(channel.versions(), dayOf(systemClock) - daysKept)) {
      await known.remove('platform-channel', version)
      channel.forget(version)
    }
    const channelSeed: SeedOfDay = (day) =>
      boundSecret(seedOfDay(channel.versions(), day).secret, tee.initTimeData, 'channel')
    return { master: ring, channelSeed, anchor, retiring, broker, close }
  } catch (error) {
    await close()
    throw error
  } finally {
    await answer.close()
  }
}

/** Yesterday's keys open for some minutes today; and clocks differ. */
const daysKept = 2

function dayOf(clock: Clock): number {
  return Math.floor(clock.now() / (24 * 3600))
}
