import {
  systemClock as clock,
  systemRandom as random,
  StartRefusal,
  taken,
} from '@sealward/enclave/server'
import { openInstance } from './instances/open-instance.ts'
import type { ListedKey } from './keys/stored-key-ring.ts'
import { openState, type StartOptions } from './start.ts'
import type { Database } from './store/open-store.ts'

/**
 * Has a new signing key follow the current one, as soon as one may. Replicas that run notice by
 * themselves, and so does this: where a key is about to follow already, nothing is made.
 *
 * @returns the keys of the instance.
 * @throws StartRefusal
 */
export async function rotateKeys(
  options: Omit<StartOptions, 'tee'> & { readonly instance: string },
): Promise<readonly ListedKey[]> {
  const instance = options.config.instances.find(({ name }) => name === options.instance)
  if (instance === undefined) throw unknown('The configuration has no instance of this name.')
  const { database, sealer } = await openState(options)
  try {
    const issuer = await issuerOf(database, instance.name)
    if (issuer === undefined) throw unknown('No service has run with this instance yet.')
    const opened = await openInstance({ ...instance, issuer }, { database, sealer, clock, random })
    const { keys } = taken(opened)
    taken(await keys.rotate())
    return keys.list()
  } finally {
    await database.destroy()
  }
}

function unknown(detail: string): StartRefusal {
  return new StartRefusal({ code: 'instance-unknown', at: 'instance', detail })
}

/** As the service was last started with: keys are rotated where they are, not made for a new issuer. */
async function issuerOf(database: Database, name: string): Promise<string | undefined> {
  const row = await database
    .selectFrom('attestation.instance')
    .select('issuer')
    .where('name', '=', name)
    .executeTakeFirst()
  return row?.issuer
}
