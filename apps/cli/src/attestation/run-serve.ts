/**
 * What `sealward attestation serve` does.
 *
 * @module
 */

import { resolve } from 'node:path'
import { type AttestationConfig, rootsOf } from '@sealward/attestation-service/config'
import { startAttestationService } from '@sealward/attestation-service/start'
import { failed } from '../failed.ts'
import type { ExitCode } from '../problem.ts'
import { type ServeFlags as Flags, serve } from '../serve.ts'
import type { Surroundings } from '../surroundings.ts'
import { type ConfigChanges, exampleConfig, readServiceConfig } from './service-config.ts'

export type ServeFlags = Flags & ConfigChanges

/** Serves until Ctrl-C. */
export async function runServe(surroundings: Surroundings, flags: ServeFlags): Promise<ExitCode> {
  if (flags.printConfig === true) {
    surroundings.out(exampleConfig())
    return 0
  }
  const config = await readServiceConfig(flags)
  if (!config.ok) return failed(surroundings, config.problem)
  return serve(surroundings, {
    name: 'attestation-service',
    config: config.value,
    isVerbose: flags.verbose === true,
    start: startAttestationService,
    welcome: (url, database) => welcomeOf(config.value, url, database),
  })
}

function welcomeOf(config: AttestationConfig, url: string, database: string): string {
  const instances = config.instances.map((instance, index) => {
    const { name, issuer, development, mode, identityProvider } = instance
    const roots =
      instance.roots === undefined ? 'Intel’s and AMD’s roots' : rootsIn(rootsOf(instance))
    const kind = development ? 'development: simulated evidence may be let in' : 'production'
    const isRead = mode === 'shared' || identityProvider !== undefined
    const place = index === 0 ? url : `${url}/instances/${name}`
    return `  ${name}\n    issuer   ${issuer}\n    address  ${place}\n    trusts   ${roots} (${kind})\n    policies ${modeWords[mode]}${isRead ? '' : '; without an identity provider nobody reads them'}\n`
  })
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
