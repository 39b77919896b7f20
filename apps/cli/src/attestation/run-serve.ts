/**
 * What `sealward attestation serve` does.
 *
 * @module
 */

import { resolve } from 'node:path'
import { type AttestationConfig, rootsOf } from '@sealward/attestation-service/config'
import { startAttestationService } from '@sealward/attestation-service/start'
import { databaseUrlOf } from '@sealward/enclave/config'
import type { Postgres } from '@sealward/enclave/local-servers'
import type { Running } from '@sealward/enclave/server'
import { createLogger } from '@sealward/enclave/telemetry'
import { failed } from '../failed.ts'
import { startOwnPostgres } from '../own-postgres.ts'
import type { ExitCode } from '../problem.ts'
import type { Surroundings } from '../program.ts'
import { placeOf, startProblemOf } from '../start-problem.ts'
import { type ConfigChanges, exampleConfig, readServiceConfig } from './service-config.ts'

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
  const config = await readServiceConfig(flags)
  if (!config.ok) return failed(surroundings, config.problem)
  const log = createLogger('attestation-service', {
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
    const databaseUrl = named ?? postgres?.url ?? ''
    running = await startAttestationService({
      config: config.value,
      databaseUrl,
      log,
      signal: interrupted,
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
  config: AttestationConfig,
  { ports }: Running,
  postgres: Postgres | undefined,
): string {
  const host = config.address.includes(':') ? `[${config.address}]` : config.address
  const url = `http://${host}:${ports['http']}`
  const instances = config.instances.map((instance, index) => {
    const { name, issuer, development, mode, identityProvider } = instance
    const roots =
      instance.roots === undefined ? 'Intel’s and AMD’s roots' : rootsIn(rootsOf(instance))
    const kind = development ? 'development: simulated evidence may be let in' : 'production'
    const isRead = mode === 'shared' || identityProvider !== undefined
    const place = index === 0 ? url : `${url}/instances/${name}`
    return `  ${name}\n    issuer   ${issuer}\n    address  ${place}\n    trusts   ${roots} (${kind})\n    policies ${modeWords[mode]}${isRead ? '' : '; without an identity provider nobody reads them'}\n`
  })
  const database =
    postgres === undefined
      ? 'PostgreSQL as configured'
      : `PostgreSQL ${postgres.version} of its own`
  return `Attestation service is ready: ${url}

${instances.join('\n')}
  State: ${resolve(config.stateFolder)} (key-encryption-key), ${database}
  Stop: Ctrl-C
`
}

/** Who changes policies. */
const modeWords: Readonly<Record<AttestationConfig['instances'][number]['mode'], string>> = {
  shared: 'the built-in ones; nobody changes them (mode shared)',
  entra: 'changed by contributors of the identity provider (mode entra)',
  isolated: 'changed by what a registered signer signed (mode isolated)',
}

function rootsIn(roots: readonly string[]): string {
  return `${roots.length} ${roots.length === 1 ? 'root' : 'roots'} of the configuration`
}
