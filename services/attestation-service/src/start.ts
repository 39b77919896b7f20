/**
 * The service as a process or a part of one: database, keys, instances, listener.
 *
 * @module
 */

import { join } from 'node:path'
import { createDcapMemory, createSnpMemory } from '@sealward/attestation/verification'
import { nodeCryptography } from '@sealward/enclave/cryptography'
import { holdMasterKeys, masterKeyIdsIn } from '@sealward/enclave/database'
import { createPcsClient, intelPcs } from '@sealward/enclave/endorsements'
import type { Tee } from '@sealward/enclave/evidence'
import {
  type LocalSecret,
  openKeptMasterKey,
  secretFile,
  watchSecret,
} from '@sealward/enclave/local-secret'
import { addressesOf } from '@sealward/enclave/rates'
import { createSealer, type MasterKey, openKeyFile, type Sealer } from '@sealward/enclave/sealing'
import {
  systemClock as clock,
  type Running,
  systemRandom as random,
  StartRefusal,
  taken,
  takenDatabase,
} from '@sealward/enclave/server'
import type { Logger } from '@sealward/enclave/telemetry'
import { createAttestationService } from './app.ts'
import type { AttestationConfig } from './config.ts'
import { heldToMeasured } from './instances/held-to-measured.ts'
import { keepFresh } from './instances/keep-fresh.ts'
import { type OpenedInstance, openInstance } from './instances/open-instance.ts'
import { limits } from './limits.ts'
import { type Database, openStore } from './store/open-store.ts'

export interface StartOptions {
  readonly config: AttestationConfig
  readonly databaseUrl: string
  readonly log: Logger
  /** Where it runs in one: signing keys are sealed under a secret of its own, and certified with its evidence. */
  readonly tee?: Tee | undefined
  /** Ends the wait for a database. */
  readonly signal?: AbortSignal
}

/**
 * Starts the service.
 *
 * @throws StartRefusal where its operator can do something about it.
 */
export async function startAttestationService(options: StartOptions): Promise<Running> {
  const { config, log, tee } = options
  if (tee !== undefined) taken(heldToMeasured(config, tee.initTimeData))
  const { database, sealer, secret } = await openState(options)
  const closing: (() => unknown)[] = [() => database.destroy()]
  const close = async (): Promise<void> => {
    for (const end of closing.splice(0).reverse()) await end()
  }
  try {
    const opened: OpenedInstance[] = []
    for (const instance of config.instances) {
      opened.push(taken(await openInstance(instance, { database, sealer, clock, random, tee })))
    }
    const endorsements = createPcsClient({
      baseUrl: config.pcsUrl,
      ...(config.pcsUrl === intelPcs.baseUrl ? { rootCaCrlUrl: intelPcs.rootCaCrlUrl } : {}),
      kds: { baseUrl: config.kdsUrl },
      clock,
    })
    closing.push(() => endorsements.close())
    if (tee !== undefined && secret !== undefined) {
      const { roots } = tee.initTimeData
      const watch = watchSecret({ tee, endorsements, roots, clock, secret, log })
      closing.push(() => watch.close())
    }
    const server = createAttestationService({
      instances: opened.map(({ instance }) => instance),
      trustedProxies: addressesOf(config.trustedProxies),
      endorsements,
      verification: {
        cryptography: nodeCryptography,
        memory: createDcapMemory(limits.rememberedPlatforms),
        snpMemory: createSnpMemory(limits.rememberedSnpKeysMax),
      },
      clock,
      random,
      log,
    })
    closing.push(() => server.close())
    const { port } = await server.listen(config.port, config.address)
    const freshness = keepFresh(opened, { everySeconds: config.refreshSeconds, log })
    closing.push(() => freshness.stop())
    if (config.instances.some(({ development }) => development)) log.warn('development-instance')
    return { ports: { http: port }, close }
  } catch (error) {
    await close()
    throw error
  }
}

/**
 * The database, and what opens the keys in it.
 *
 * @throws StartRefusal
 */
export async function openState(options: StartOptions): Promise<{
  readonly database: Database
  readonly sealer: Sealer
  /** In a TEE: what the master key comes of. */
  readonly secret?: LocalSecret | undefined
}> {
  const database = await openDatabaseOf(options)
  try {
    const { key, secret } = await openMasterKey(options, database)
    const sealer = createSealer(key, { random })
    await holdMasterKeys(database, 'attestation', sealer.keys).catch((error: unknown) => {
      throw new StartRefusal({
        code: 'another-master-key',
        at: 'stateFolder',
        detail: `${error instanceof Error ? error.message : ''} Give every replica the same key-encryption key.`,
      })
    })
    return { database, sealer, secret }
  } catch (error) {
    await database.destroy()
    throw error
  }
}

/** Of a local secret in a TEE, and of a file elsewhere. */
async function openMasterKey(
  { config, log, tee }: StartOptions,
  database: Database,
): Promise<{ readonly key: MasterKey; readonly secret?: LocalSecret }> {
  const { sealingPolicy: policy, stateFolder } = config
  if (tee === undefined) {
    return { key: taken(await openKeyFile(join(stateFolder, 'key-encryption-key'), random)) }
  }
  const own = taken(
    await openKeptMasterKey({
      name: 'attestation-master',
      place: secretFile(join(stateFolder, 'local-secret')),
      tee,
      policy,
      sealedUnder: await masterKeyIdsIn(database, 'attestation'),
      random,
    }),
  )
  if (own.secret.isResealed) log.info('secret-sealed-again')
  return own
}

function openDatabaseOf({ databaseUrl, log, signal }: StartOptions): Promise<Database> {
  const opening = openStore({
    url: databaseUrl,
    ...(signal === undefined ? {} : { signal }),
    onConnectionLost: () => log.warn('database-connection-lost'),
  })
  return takenDatabase(opening, { log, signal })
}
