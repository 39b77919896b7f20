import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import { reaching, type StoreUnavailable } from '@sealward/enclave/database'
import type { Database } from '../store/open-store.ts'

/**
 * Writes down that this database serves an instance of this name and issuer, the first time; later
 * compares. What the instance owns refers to the row.
 *
 * @returns `instance-of-another-issuer`: a name given to another issuer would hand it the keys of the old one.
 */
export function holdInstance(
  database: Database,
  { name, issuer }: { readonly name: string; readonly issuer: string },
): Promise<Result<true, StoreUnavailable | Problem<'instance-of-another-issuer'>>> {
  return reaching(async () => {
    await database
      .insertInto('attestation.instance')
      .values({ name, issuer })
      .onConflict((conflict) => conflict.doNothing())
      .execute()
    const held = await database
      .selectFrom('attestation.instance')
      .select('issuer')
      .where('name', '=', name)
      .executeTakeFirst()
    return held?.issuer === issuer
      ? ok(true as const)
      : refuse(
          'instance-of-another-issuer',
          `instances.${name}.issuer`,
          held === undefined
            ? 'This database holds the issuer under another name.'
            : `This database holds the instance as ${held.issuer}.`,
        )
  })
}
