import type { PcsClient } from '@sealward/enclave/endorsements'
import type { Tee } from '@sealward/enclave/evidence'
import { openKeptMasterKey, secretFile, watchSecret } from '@sealward/enclave/local-secret'
import { type MasterKey, masterKeyOf } from '@sealward/enclave/sealing'
import { StartRefusal, systemClock } from '@sealward/enclave/server'
import type { Logger } from '@sealward/enclave/telemetry'
import type { PlatformConfig } from './config.ts'
import { sealedUnder } from './store/sealed-under.ts'

/**
 * The master key of a platform that no key broker serves: of a secret in a file, which outlives updates of
 * machine and code, or, where no file is named, of the TEE's sealing key, which does not.
 *
 * @throws StartRefusal where the secret does not open, or is missing while there is data that needs it.
 */
export async function openOwnMasterKey(options: {
  readonly tee: Tee
  readonly config: Pick<PlatformConfig, 'secretFile' | 'databaseUrl'>
  readonly endorsements: PcsClient
  readonly log: Logger
}): Promise<{ readonly key: MasterKey; close(): Promise<void> }> {
  const { config, endorsements, log, tee } = options
  if (config.secretFile === undefined) {
    return { key: await masterKeyOf(tee), close: async () => {} }
  }
  const opened = await openKeptMasterKey({
    name: 'platform-master',
    place: secretFile(config.secretFile),
    tee,
    policy: 'mrsigner',
    sealedUnder: await sealedUnder(config.databaseUrl),
  })
  if (!opened.ok) throw new StartRefusal(opened.problem)
  const { key, secret } = opened.value
  if (secret.isResealed) log.info('secret-sealed-again')
  const watch = watchSecret({
    tee,
    endorsements,
    roots: tee.initTimeData.roots,
    clock: systemClock,
    secret,
    log,
  })
  return { key, close: async () => watch.close() }
}
