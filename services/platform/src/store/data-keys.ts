import { MasterKeyMissing } from '@sealward/enclave/database'
import type { DataKey, Sealer } from '@sealward/enclave/sealing'
import { StartRefusal } from '@sealward/enclave/server'
import type { Kysely, Transaction } from 'kysely'
import type { Tables } from './schema.ts'

export type Database = Kysely<Tables> | Transaction<Tables>

const altered = {
  code: 'database-altered',
  at: 'database',
  detail: 'The data key of what belongs to no patient is not what was written.',
}

/** How a data key that is no patient's is stored. */
const ownPatient = ''

/**
 * The data key of the tenant that `sealer` is for, made the first time: for what belongs to no patient.
 *
 * @param onMade - told of it in the transaction that makes it.
 * @throws MasterKeyMissing or StartRefusal where there is one that does not open.
 */
export async function ownDataKey(
  db: Kysely<Tables>,
  sealer: Sealer,
  onMade: (transaction: Transaction<Tables>, dataKeyId: string) => Promise<void> = async () => {},
): Promise<KeptDataKey> {
  const row = { tenant: sealer.tenant, patient: ownPatient }
  const stored = async (): Promise<Buffer | undefined> =>
    (
      await db
        .selectFrom('sealward.data_key')
        .select('wrapped')
        .where('tenant', '=', row.tenant)
        .where('patient', '=', row.patient)
        .executeTakeFirst()
    )?.wrapped
  let wrapped = await stored()
  if (wrapped === undefined) {
    const made = Buffer.from(sealer.newDataKey(null))
    const id = sealer.dataKeyId({ patient: null, wrapped: made })
    if (!id.ok) throw new Error(id.problem.code)
    await db.transaction().execute(async (transaction) => {
      const inserted = await transaction
        .insertInto('sealward.data_key')
        .values({ ...row, key_id: sealer.keyId, wrapped: made })
        .onConflict((conflict) => conflict.doNothing())
        .executeTakeFirst()
      if (inserted.numInsertedOrUpdatedRows === 1n) await onMade(transaction, id.value)
    })
    wrapped = await stored()
  }
  if (wrapped === undefined) throw new Error('a data key that was made is not there')
  const key: DataKey = { patient: null, wrapped }
  const opened = sealer.dataKeyId(key)
  if (!opened.ok) {
    const isMissing = opened.problem.code === 'sealed-key-unknown'
    if (isMissing) throw new MasterKeyMissing('This database was sealed under another master key.')
    throw new StartRefusal(altered)
  }
  return kept(sealer, key)
}

/** A data key that is kept for as long as the process lives, whatever master key is current then. */
export interface KeptDataKey extends DataKey {
  /** Wraps it anew, here, so that an older master key can be let go of. */
  keepCurrent(): void
}

function kept(sealer: Sealer, { patient, wrapped: stored }: DataKey): KeptDataKey {
  let wrapped = stored
  return {
    patient,
    get wrapped() {
      return wrapped
    },
    keepCurrent() {
      if (sealer.wrappedUnder(wrapped) === sealer.keyId) return
      const next = sealer.rewrap({ patient, wrapped })
      if (!next.ok) throw new Error(next.problem.code)
      wrapped = next.value
    },
  }
}

/**
 * A patient's data key as it is stored; `undefined` where there is none, or none any more. Nobody
 * erases the patient until the transaction ends.
 */
export async function patientDataKey(
  db: Database,
  sealer: Sealer,
  patient: string,
): Promise<DataKey | undefined> {
  const row = await db
    .selectFrom('sealward.data_key')
    .select('wrapped')
    .where('tenant', '=', sealer.tenant)
    .where('patient', '=', patient)
    .forKeyShare()
    .executeTakeFirst()
  return row && { patient, wrapped: row.wrapped }
}
