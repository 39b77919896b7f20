/**
 * What `sealward broker serve` does.
 *
 * @module
 */

import { resolve } from 'node:path'
import { databaseUrlOf } from '@sealward/enclave/config'
import type { Postgres } from '@sealward/enclave/local-servers'
import type { Running } from '@sealward/enclave/server'
import { createLogger } from '@sealward/enclave/telemetry'
import type { BrokerConfig } from '@sealward/key-broker/config'
import { startKeyBroker } from '@sealward/key-broker/start'
import { failed } from '../failed.ts'
import { startOwnPostgres } from '../own-postgres.ts'
import type { ExitCode } from '../problem.ts'
import type { Surroundings } from '../program.ts'
import { placeOf, startProblemOf } from '../start-problem.ts'
import { type ConfigChanges, exampleConfig, readBrokerConfig, secretsOf } from './service-config.ts'

export interface ServeFlags extends ConfigChanges {
  readonly verbose?: true
  readonly printConfig?: true
}

/** Serves until Ctrl-C. */
export async function runServe(surroundings: Surroundings, flags: ServeFlags): Promise<ExitCode> {
  const { out, err, env, interrupted } = surroundings
  if (flags.printConfig === true) {
    out(exampleConfig())
    return 0
  }
  const config = await readBrokerConfig(flags)
  if (!config.ok) return failed(surroundings, config.problem)
  const log = createLogger('key-broker', {
    level: flags.verbose === true ? 'info' : 'warn',
    write: (line) => err(`${line}\n`),
  })
  let postgres: Postgres | undefined
  let running: Running | undefined
  try {
    const named = databaseUrlOf(config.value, env)
    if (named === undefined) {
      err('Starting PostgreSQL …\n')
      postgres = await startOwnPostgres(config.value.stateFolder)
    } else {
      err(`Opening the database${placeOf(named)} …\n`)
    }
    running = await startKeyBroker({
      config: config.value,
      databaseUrl: named ?? postgres?.url ?? '',
      log,
      signal: interrupted,
      secrets: secretsOf(surroundings),
    })
    out(welcomeOf(config.value, running, postgres))
    if (!interrupted.aborted) {
      await new Promise((done) => interrupted.addEventListener('abort', done, { once: true }))
    }
    err('Stopping …\n')
    return 0
  } catch (error) {
    if (interrupted.aborted) {
      err('Stopped before it was ready.\n')
      return 130
    }
    const problem = startProblemOf(error, config.value)
    if (problem === undefined) throw error
    return failed(surroundings, problem)
  } finally {
    await running?.close()
    await postgres?.stop()
  }
}

function welcomeOf(
  config: BrokerConfig,
  { ports }: Running,
  postgres: Postgres | undefined,
): string {
  const host = config.address.includes(':') ? `[${config.address}]` : config.address
  const url = `http://${host}:${ports['http']}`
  const { authorities, identityProvider, keyEncryption, publicUrl } = config
  const database =
    postgres === undefined
      ? 'PostgreSQL as configured'
      : `PostgreSQL ${postgres.version} of its own`
  const people =
    identityProvider === undefined
      ? 'nobody: no identity provider is configured'
      : `whoever ${identityProvider.issuer} names`
  const tokens =
    authorities.length === 0
      ? 'nobody: no attestation service is configured'
      : authorities.map(({ issuer }) => issuer).join(', ')
  return `Key broker is ready: ${url}

  keys are called  ${publicUrl}/keys/…
  people           ${people}
  released to      workloads with tokens of ${tokens}
  opened by        ${keyEncryption?.kind ?? 'file'}

  State: ${resolve(config.stateFolder)}, ${database}
  Audit: keep the key that signs (sealward audit key --broker ${url}), and a checkpoint from time to time
  Stop: Ctrl-C
`
}
