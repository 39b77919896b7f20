/**
 * What `sealward attestation rotate` does.
 *
 * @module
 */

import { rotateKeys } from '@sealward/attestation-service/rotate'
import { databaseUrlOf } from '@sealward/enclave/config'
import { createLogger } from '@sealward/enclave/telemetry'
import { failed } from '../failed.ts'
import { ownPostgres } from '../own-postgres.ts'
import { type ExitCode, unavailable } from '../problem.ts'
import { startProblemOf } from '../start-problem.ts'
import type { Surroundings } from '../surroundings.ts'
import { readServiceConfig, type StateFlags } from './service-config.ts'

export interface RotateFlags extends StateFlags {
  readonly instance: string
  readonly json?: true
}

/** Makes the next key, and says what each key does. */
export async function runRotate(surroundings: Surroundings, flags: RotateFlags): Promise<ExitCode> {
  const config = await readServiceConfig(flags)
  if (!config.ok) return failed(surroundings, config.problem)
  const { stateFolder } = config.value
  try {
    const databaseUrl =
      databaseUrlOf(config.value, surroundings.env) ?? (await ownPostgres(stateFolder))
    if (databaseUrl === undefined) {
      const detail = 'Its own PostgreSQL runs while the service does: start it, or name a database.'
      return failed(surroundings, unavailable('database-stopped', '--database', detail).problem)
    }
    const keys = await rotateKeys({
      config: config.value,
      databaseUrl,
      instance: flags.instance,
      log: createLogger('attestation-service', { level: 'silent' }),
    })
    surroundings.out(
      flags.json === true
        ? `${JSON.stringify(keys)}\n`
        : keys
            .map(({ kid, algorithm, state, signsFrom }) => {
              const from = new Date(signsFrom * 1000).toISOString()
              return `${state.padEnd(8)} ${algorithm}  ${kid}  signs from ${from}\n`
            })
            .join(''),
    )
    return 0
  } catch (error) {
    const problem = startProblemOf(error, config.value)
    if (problem === undefined) throw error
    return failed(surroundings, problem)
  }
}
