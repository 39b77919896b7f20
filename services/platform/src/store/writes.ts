import { createHmac } from 'node:crypto'
import {
  bytesOfHex,
  equalBytes,
  ok,
  type Result,
  refuse,
  utf8Of,
} from '@sealward/attestation/bytes'
import { inTransaction, reaching, type StoreUnavailable } from '@sealward/enclave/database'
import type { DataKey } from '@sealward/enclave/sealing'
import { CompiledQuery, type Kysely, sql, type Transaction } from 'kysely'
import type { ApiProblem } from '../problems.ts'
import { patientDataKey } from './data-keys.ts'
import { type Ledger, versionOf, type WrittenVersion } from './ledger.ts'
import type { MasterKeysInUse } from './master-keys-in-use.ts'
import {
  isErased,
  keyUnavailable,
  type Opened,
  readerOf,
  tombstoneOf,
  withKeysAtHand,
} from './rows.ts'
import type { Tables } from './schema.ts'
import type { RecordDraft, StoreTransaction } from './store.ts'

export interface Writing extends Opened {
  readonly ledger: Ledger
  readonly inUse: MasterKeysInUse
}

/** What one transaction did so far. */
interface Done {
  readonly versions: WrittenVersion[]
  readonly keys: (readonly [patient: string, dataKeyId: string])[]
  readonly erased: (readonly [patient: string, dataKeyId: string, sum: string])[]
}

/** Runs `work` in one transaction, and tells the ledger what it did. */
export async function runTransaction<T>(
  db: Kysely<Tables>,
  writing: Writing,
  work: (transaction: StoreTransaction) => Promise<Result<T, ApiProblem>>,
): Promise<Result<{ readonly value: T; readonly hasWritten: boolean }, ApiProblem>> {
  const done: Done = { versions: [], keys: [], erased: [] }
  const ready = await withKeysAtHand(() =>
    reaching<true, StoreUnavailable>(async () => {
      await writing.inUse.ready()
      return ok(true)
    }),
  )
  if (!ready.ok) return ready
  try {
    const outcome = await inTransaction(
      db,
      async (
        transaction,
      ): Promise<Result<{ readonly value: T; readonly hasWritten: boolean }, ApiProblem>> => {
        const worked = await work(transactionOf(transaction, writing, done))
        if (!worked.ok) return worked
        const { versions, keys, erased } = done
        const hasWritten = versions.length + keys.length + erased.length > 0
        if (hasWritten) {
          const { tenant } = writing.sealer
          await writing.ledger.write(transaction, { tenant, versions, keys, erased })
        }
        return ok({ value: worked.value, hasWritten })
      },
    )
    if (outcome.ok) {
      for (const [patient] of done.erased) writing.versions.rememberErased(patient)
      for (const [type, id, version, , patient] of done.versions) {
        writing.versions.remember(type, id, version, patient ?? undefined)
      }
    }
    return outcome
  } catch (error) {
    if (error instanceof KeyGone) return keyUnavailable
    if (error instanceof PatientGone) {
      return refuse('not-found', 'patient', 'There is no such patient, or no longer.')
    }
    if (error instanceof RowsMoved) {
      return refuse(
        'record-refused',
        'patient',
        'Rows of one patient are stored as another’s, so nothing is erased: somebody moved them in the database.',
      )
    }
    throw error
  }
}

/** Leaves a write whose key is not to be used any more, and is caught in {@link runTransaction}. */
class KeyGone extends Error {}

/** Leaves a write about somebody who was erased, and is caught there too. */
class PatientGone extends Error {}

/** Leaves an erasure that would take what is not the patient's, or leave what is, and is caught there too. */
class RowsMoved extends Error {}

function transactionOf(
  db: Transaction<Tables>,
  { sealer, own, lockKey, versions, ledger, inUse }: Writing,
  done: Done,
): StoreTransaction {
  const { tenant } = sealer
  const held = new Set<string>()
  /** The current master key stays in use until the transaction ends; it may be another one from one write to the next. */
  const holdKey = async (): Promise<void> => {
    while (!held.has(sealer.keyId)) {
      const { keyId } = sealer
      if (!(await inUse.hold(db))) throw new KeyGone()
      held.add(keyId)
    }
  }
  const dataKeyOf = async (patient: string | undefined): Promise<DataKey> => {
    if (patient === undefined) return own
    const key = versions.isErased(patient, versions.now())
      ? undefined
      : await patientDataKey(db, sealer, patient)
    if (key === undefined) throw new PatientGone()
    await holdKey()
    if (!inUse.isOlder(sealer.wrappedUnder(key.wrapped))) return key
    // Whoever is written about is moved to the current master key on the way, unless somebody else is just doing it.
    const free = await db
      .selectFrom('sealward.data_key')
      .select('key_id')
      .where('tenant', '=', tenant)
      .where('patient', '=', patient)
      .forNoKeyUpdate()
      .skipLocked()
      .executeTakeFirst()
    if (free === undefined) return key
    const wrapped = sealer.rewrap(key)
    if (!wrapped.ok) throw new KeyGone()
    await db
      .updateTable('sealward.data_key')
      .set({ wrapped: Buffer.from(wrapped.value), key_id: sealer.keyId })
      .where('tenant', '=', tenant)
      .where('patient', '=', patient)
      .execute()
    return { patient, wrapped: wrapped.value }
  }
  const write = async (draft: RecordDraft, version: number): Promise<void> => {
    const { type, id, patient } = draft
    const sealed = Buffer.from(
      sealer.seal({ type, id, version }, draft.bytes, await dataKeyOf(patient)),
    )
    const written = versionOf({
      type,
      id,
      version,
      tag: sealed.subarray(-16),
      patient: patient ?? null,
    })
    const proof = Buffer.from(ledger.proofOf(tenant, written))
    await db
      .insertInto('sealward.version')
      .values({ tenant, type, id, version, sealed, proof })
      .execute()
    await holdKey()
    const digests = new Set(
      draft.lookUps.map(({ name, value }) => sealer.blindIndexes(name, value)[0]?.value ?? ''),
    )
    if (digests.size > 0) {
      const key_id = sealer.keyId
      const rows = [...digests].map((value) => ({
        tenant,
        value: Buffer.from(value, 'base64url'),
        type,
        id,
        key_id,
      }))
      await db.insertInto('sealward.look_up').values(rows).execute()
    }
    done.versions.push(written)
  }
  const create = async (draft: RecordDraft): Promise<void> => {
    const { type, id } = draft
    const patient = draft.patient ?? null
    // A patient's data key comes into the world with the patient, and never again.
    if (type === 'Patient') {
      await holdKey()
      const wrapped = Buffer.from(sealer.newDataKey(id))
      await db
        .insertInto('sealward.data_key')
        .values({ tenant, patient: id, key_id: sealer.keyId, wrapped })
        .execute()
      const dataKeyId = sealer.dataKeyId({ patient: id, wrapped })
      if (!dataKeyId.ok) throw new KeyGone()
      done.keys.push([id, dataKeyId.value])
    }
    await db
      .insertInto('sealward.record')
      .values({ tenant, type, id, version: 1, patient })
      .execute()
    await write(draft, 1)
  }
  return {
    ...readerOf(db, { sealer, own, lockKey, versions }),
    async lock(name) {
      const digest = createHmac('sha256', lockKey).update(name).digest()
      await sql`select pg_advisory_xact_lock(${digest.readBigInt64BE(0).toString()}::bigint)`.execute(
        db,
      )
    },
    create,
    async update(draft, expected) {
      const { type, id, patient } = draft
      // Before the record, as whoever erases does: or the two would wait for each other.
      if (patient !== undefined && (await patientDataKey(db, sealer, patient)) === undefined) {
        throw new PatientGone()
      }
      const moved = await db
        .updateTable('sealward.record')
        .set({ version: expected + 1 })
        .where('tenant', '=', tenant)
        .where('type', '=', type)
        .where('id', '=', id)
        .where('version', '=', expected)
        .executeTakeFirst()
      if (moved.numUpdatedRows !== 1n) {
        return refuse('version-conflict', 'version', 'The record has changed since it was read.')
      }
      await db
        .deleteFrom('sealward.look_up')
        .where('tenant', '=', tenant)
        .where('type', '=', type)
        .where('id', '=', id)
        .execute()
      await write(draft, expected + 1)
      return ok(true)
    },
    async erase(patient, note, left = () => undefined) {
      const key = await db
        .selectFrom('sealward.data_key')
        .select('wrapped')
        .where('tenant', '=', tenant)
        .where('patient', '=', patient)
        .forUpdate()
        .executeTakeFirst()
      if (key === undefined) {
        return (await isErased(db, { sealer, own }, patient))
          ? ok({ versions: 0 })
          : refuse('not-found', 'patient', 'There is no such patient.')
      }
      const dataKeyId = sealer.dataKeyId({ patient, wrapped: key.wrapped })
      if (!dataKeyId.ok) throw new KeyGone()
      // What this key sealed, and is stored as somebody else's, would be left behind.
      const { rows: moved } = await sql`select from sealward.version v
        join sealward.record r using (tenant, type, id)
        where v.tenant = ${tenant}
          and substring(v.sealed from 5 for 16) = ${bytesOfHex(dataKeyId.value)}
          and r.patient is distinct from ${patient} limit 1`.execute(db)
      if (moved.length > 0) throw new RowsMoved()
      const { rows } = await sql<{
        readonly type: string
        readonly id: string
        readonly version: number
        readonly tag: Buffer
        readonly proof: Buffer
      }>`with whose as (select type, id from sealward.record
          where tenant = ${tenant} and patient = ${patient}),
        unfound as (delete from sealward.look_up l using whose w
          where l.tenant = ${tenant} and l.type = w.type and l.id = w.id),
        unheld as (delete from sealward.record r using whose w
          where r.tenant = ${tenant} and r.type = w.type and r.id = w.id),
        unkeyed as (delete from sealward.data_key
          where tenant = ${tenant} and patient = ${patient})
        delete from sealward.version v using whose w
          where v.tenant = ${tenant} and v.type = w.type and v.id = w.id
        returning v.type, v.id, v.version, v.proof,
          substring(v.sealed from greatest(1, length(v.sealed) - 15)) as tag`.execute(db)
      const gone = rows.map((row) => {
        const version = versionOf({ ...row, patient })
        if (!equalBytes(row.proof, ledger.proofOf(tenant, version))) throw new RowsMoved()
        return version
      })
      for (const [type, id, version] of gone) {
        const instead = version === 1 ? left(type, id) : undefined
        if (instead !== undefined) await create({ ...instead, patient: undefined })
      }
      done.erased.push([patient, dataKeyId.value, ledger.sumOf(tenant, gone)])
      const sealed = sealer.seal(tombstoneOf(patient), utf8Of(JSON.stringify(note)), own)
      await db
        .insertInto('sealward.erased')
        .values({ tenant, patient, sealed: Buffer.from(sealed) })
        .execute()
      return ok({ versions: gone.length })
    },
    queue: {
      executeSql: async (text, values = []) => {
        const { rows } = await db.executeQuery(CompiledQuery.raw(text, values))
        return { rows }
      },
    },
  }
}
