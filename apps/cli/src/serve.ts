/**
 * A service of one's own that runs until Ctrl-C, with a PostgreSQL of its own where none is named.
 *
 * @module
 */

import { databaseUrlOf } from '@sealward/enclave/config'
import type { Postgres } from '@sealward/enclave/local-servers'
import type { Running } from '@sealward/enclave/server'
import { createLogger, type Logger } from '@sealward/enclave/telemetry'
import { failed } from './failed.ts'
import { startOwnPostgres } from './own-postgres.ts'
import type { ExitCode } from './problem.ts'
import { placeOf, startProblemOf } from './start-problem.ts'
import type { Surroundings } from './surroundings.ts'

export interface ServeFlags {
  readonly verbose?: true
  readonly printConfig?: true
}

export interface Serving<Config> {
  /** As logs name it. */
  readonly name: string
  readonly config: Config
  readonly isVerbose: boolean
  start(deps: {
    readonly config: Config
    readonly databaseUrl: string
    readonly log: Logger
    readonly signal: AbortSignal
  }): Promise<Running>
  /** What is said when it is ready. `database` says which one it is. */
  welcome(url: string, database: string): string
}

/** Serves until Ctrl-C. */
export async function serve<
  Config extends {
    readonly address: string
    readonly port: number
    readonly stateFolder: string
    readonly databaseUrl?: string | undefined
  },
>(surroundings: Surroundings, serving: Serving<Config>): Promise<ExitCode> {
  const { out, err, env, interrupted } = surroundings
  const { config } = serving
  const log = createLogger(serving.name, {
    level: serving.isVerbose ? 'info' : 'warn',
    write: (line) => err(`${line}\n`),
  })
  let postgres: Postgres | undefined
  let running: Running | undefined
  try {
    const named = databaseUrlOf(config, env)
    if (named === undefined) {
      err('Starting PostgreSQL …\n')
      postgres = await startOwnPostgres(config.stateFolder)
    } else {
      err(`Opening the database${placeOf(named)} …\n`)
    }
    const databaseUrl = named ?? postgres?.url ?? ''
    running = await serving.start({ config, databaseUrl, log, signal: interrupted })
    const database =
      postgres === undefined
        ? 'PostgreSQL as configured'
        : `PostgreSQL ${postgres.version} of its own`
    out(serving.welcome(urlOf(config.address, running), database))
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
    const problem = startProblemOf(error, config)
    if (problem === undefined) throw error
    return failed(surroundings, problem)
  } finally {
    await running?.close()
    await postgres?.stop()
  }
}

function urlOf(address: string, { ports }: Running): string {
  const host = address.includes(':') ? `[${address}]` : address
  return `http://${host}:${ports['http']}`
}
