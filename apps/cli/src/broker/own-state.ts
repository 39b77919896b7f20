/**
 * The database and the root key of a broker, for a command that runs beside it or instead of it.
 *
 * @module
 */

import { resolve } from 'node:path'
import { databaseUrlOf } from '@sealward/enclave/config'
import type { Postgres } from '@sealward/enclave/local-servers'
import { systemClock as clock, systemRandom as random } from '@sealward/enclave/server'
import { createLogger } from '@sealward/enclave/telemetry'
import type { BrokerConfig } from '@sealward/key-broker/config'
import type { CustodyDeps, OpenCustody } from '@sealward/key-broker/custody'
import { openBrokerStore, openState } from '@sealward/key-broker/start'
import { hasOwnPostgres, ownPostgres, startOwnPostgres } from '../own-postgres.ts'
import { badInput, type Outcome } from '../problem.ts'
import { startProblemOf } from '../start-problem.ts'
import type { Surroundings } from '../surroundings.ts'
import { readBrokerConfig, type StateFlags, secretsOf } from './service-config.ts'

/** Works on a broker's database, whose keys stay sealed; there has to be one. */
export function withStore<T>(
  surroundings: Surroundings,
  flags: StateFlags,
  work: (custody: CustodyDeps, config: BrokerConfig) => Promise<Outcome<T>>,
): Promise<Outcome<T>> {
  return withDatabase(surroundings, { ...flags, isThere: true }, async (config, databaseUrl) => {
    const database = await openBrokerStore({ databaseUrl, log, signal: surroundings.interrupted })
    try {
      return await work({ database, clock, random }, config)
    } finally {
      await database.destroy()
    }
  })
}

/** Works on a broker's database with its root key, which its key-encryption key opens. */
export function withRootKey<T>(
  surroundings: Surroundings,
  flags: StateFlags,
  work: (custody: OpenCustody, config: BrokerConfig, keyId: string) => Promise<Outcome<T>>,
): Promise<Outcome<T>> {
  return withDatabase(surroundings, flags, async (config, databaseUrl) => {
    const { database, rootKey, keyEncryption } = await openState({
      config,
      databaseUrl,
      log,
      signal: surroundings.interrupted,
      secrets: secretsOf(surroundings),
    })
    try {
      return await work({ database, clock, random, rootKey }, config, keyEncryption.id)
    } finally {
      await database.destroy()
    }
  })
}

const log = createLogger('key-broker', { level: 'silent' })

/** The one that is named, the one that a broker of this state folder has started, or that one started for the while. */
async function withDatabase<T>(
  { env }: Surroundings,
  flags: StateFlags & { readonly isThere?: true },
  work: (config: BrokerConfig, databaseUrl: string) => Promise<Outcome<T>>,
): Promise<Outcome<T>> {
  const config = await readBrokerConfig(flags)
  if (!config.ok) return config
  const { stateFolder } = config.value
  const isNamed = databaseUrlOf(config.value, env) !== undefined
  if (flags.isThere === true && !isNamed && !hasOwnPostgres(stateFolder)) {
    const detail = `No broker has run from ${resolve(stateFolder)} yet.`
    return badInput('root-key-missing', 'stateFolder', detail)
  }
  let postgres: Postgres | undefined
  try {
    const known = databaseUrlOf(config.value, env) ?? (await ownPostgres(stateFolder))
    if (known === undefined) postgres = await startOwnPostgres(stateFolder)
    return await work(config.value, known ?? postgres?.url ?? '')
  } catch (error) {
    const problem = startProblemOf(error, config.value)
    if (problem === undefined) throw error
    return { ok: false, problem }
  } finally {
    await postgres?.stop()
  }
}
