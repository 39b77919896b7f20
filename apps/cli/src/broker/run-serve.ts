/**
 * What `sealward broker serve` does.
 *
 * @module
 */

import { resolve } from 'node:path'
import type { BrokerConfig } from '@sealward/key-broker/config'
import { startKeyBroker } from '@sealward/key-broker/start'
import { failed } from '../failed.ts'
import type { ExitCode } from '../problem.ts'
import { type ServeFlags as Flags, serve } from '../serve.ts'
import type { Surroundings } from '../surroundings.ts'
import { type ConfigChanges, exampleConfig, readBrokerConfig, secretsOf } from './service-config.ts'

export type ServeFlags = Flags & ConfigChanges

/** Serves until Ctrl-C. */
export async function runServe(surroundings: Surroundings, flags: ServeFlags): Promise<ExitCode> {
  if (flags.printConfig === true) {
    surroundings.out(exampleConfig())
    return 0
  }
  const config = await readBrokerConfig(flags)
  if (!config.ok) return failed(surroundings, config.problem)
  return serve(surroundings, {
    name: 'key-broker',
    config: config.value,
    isVerbose: flags.verbose === true,
    start: (deps) => startKeyBroker({ ...deps, secrets: secretsOf(surroundings) }),
    welcome: (url, database) => welcomeOf(config.value, url, database),
  })
}

function welcomeOf(config: BrokerConfig, url: string, database: string): string {
  const { authorities, identityProvider, keyEncryption, publicUrl } = config
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
