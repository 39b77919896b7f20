import { bytesOfHex, ok, type Result } from '@sealward/attestation/bytes'
import { masterKeyIdsIn, reaching } from '@sealward/enclave/database'
import { type Kysely, type QueryExecutorProvider, sql } from 'kysely'
import { sweepRows } from '../limits.ts'
import type { LookUp } from './look-ups.ts'
import type { MasterKeysInUse } from './master-keys-in-use.ts'
import { type Opened, readerOf, refusedAs, withKeysAtHand } from './rows.ts'
import type { Tables } from './schema.ts'
import type { StoredRecord, StoreProblem } from './store.ts'

/** What is still under one master key. */
export interface KeyUse {
  readonly keyId: string
  readonly isCurrent: boolean
  readonly dataKeys: number
  /** Rows of the look-up table. */
  readonly lookUps: number
}

export interface SweepOptions {
  /** Stops it between two steps; what was done stays done. */
  readonly signal?: AbortSignal | undefined
  /** Told after every step how much was moved. */
  readonly onStep?:
    | ((moved: { readonly dataKeys: number; readonly records: number }) => void)
    | undefined
}

/** Moves what is under older master keys to the current one, while others read and write. */
export interface Rotation {
  /** What is under which key, in the order in which they came into use. */
  uses(): Promise<Result<readonly KeyUse[], StoreProblem>>
  /**
   * Wraps data keys anew and makes look-ups anew, step by step. What is sealed by data keys is not touched.
   * Where it was stopped, or died, the next one goes on.
   */
  sweep(options?: SweepOptions): Promise<Result<true, StoreProblem>>
  /** Takes a key out of use, unless something needs it. @returns whether it is out of use. */
  retire(keyId: string): Promise<Result<boolean, StoreProblem>>
  /**
   * Takes all older keys out of use that nothing needs and that were replaced so long ago.
   *
   * @returns those that were taken out of use by this, and by no other replica.
   */
  retireOlder(afterSeconds: number): Promise<Result<readonly string[], StoreProblem>>
  /** Lets go, in this process, of the keys that are out of use, whoever took them out. */
  letGo(): Promise<Result<true, StoreProblem>>
}

/** What else is to be done with a key that is taken out of use, in the same transaction. */
export type OnRetire = (keyId: string, within: QueryExecutorProvider) => Promise<void>

export function rotationOf(
  db: Kysely<Tables>,
  opened: Opened,
  inUse: MasterKeysInUse,
  lookUpsOf: (record: StoredRecord) => readonly LookUp[],
  { onRetire, keepCurrent }: { readonly onRetire: OnRetire; readonly keepCurrent: () => void },
): Rotation {
  const { sealer } = opened

  const older = (): Promise<Result<readonly string[], StoreProblem>> =>
    withKeysAtHand(async () => {
      await inUse.refresh()
      return ok((await masterKeyIdsIn(db, 'sealward')).filter((keyId) => inUse.isOlder(keyId)))
    })

  /** One step; each row is changed only where it is still what was read. */
  const moveDataKeys = async (keyId: string): Promise<Result<number, StoreProblem>> => {
    const rows = await db
      .selectFrom('sealward.data_key')
      .select(['tenant', 'patient', 'wrapped'])
      .where('key_id', '=', keyId)
      .orderBy('tenant')
      .orderBy('patient')
      .limit(sweepRows)
      .execute()
    for (const { tenant, patient, wrapped } of rows) {
      const key = { patient: patient === '' ? null : patient, wrapped }
      const next = sealer.forTenant(tenant).rewrap(key)
      if (!next.ok) return refusedAs(next.problem)
      await db
        .updateTable('sealward.data_key')
        .set({ wrapped: Buffer.from(next.value), key_id: sealer.keyId })
        .where('tenant', '=', tenant)
        .where('patient', '=', patient)
        .where('wrapped', '=', wrapped)
        .execute()
    }
    return ok(rows.length)
  }

  const moveLookUps = async (keyId: string): Promise<Result<number, StoreProblem>> => {
    const records = await db
      .selectFrom('sealward.look_up')
      .select(['type', 'id'])
      .distinct()
      .where('key_id', '=', keyId)
      .where('tenant', '=', sealer.tenant)
      .orderBy('type')
      .orderBy('id')
      .limit(sweepRows)
      .execute()
    for (const { type, id } of records) {
      const moved = await reaching<true, StoreProblem>(() =>
        db.transaction().execute(async (transaction) => {
          // Nobody changes it meanwhile, or erases its patient: who erases holds the data key first, too.
          await sql`select from sealward.data_key where tenant = ${sealer.tenant} and patient =
            (select patient from sealward.record where tenant = ${sealer.tenant}
              and type = ${type} and id = ${id}) for key share`.execute(transaction)
          await sql`select from sealward.record where tenant = ${sealer.tenant}
            and type = ${type} and id = ${id} for update`.execute(transaction)
          const record = await readerOf(transaction, opened).read(type, id)
          if (!record.ok) return record
          await transaction
            .deleteFrom('sealward.look_up')
            .where('tenant', '=', sealer.tenant)
            .where('type', '=', type)
            .where('id', '=', id)
            .execute()
          if (record.value === undefined) return ok(true)
          const values = new Set(
            lookUpsOf(record.value).map(
              ({ name, value }) => sealer.blindIndexes(name, value)[0]?.value ?? '',
            ),
          )
          for (const value of values) {
            await transaction
              .insertInto('sealward.look_up')
              .values({
                tenant: sealer.tenant,
                type,
                id,
                key_id: sealer.keyId,
                value: Buffer.from(value, 'base64url'),
              })
              .execute()
          }
          return ok(true)
        }),
      )
      if (!moved.ok) return moved
    }
    return ok(records.length)
  }

  /** @returns whether it was this that took it out of use. */
  const retire = async (keyId: string, afterSeconds = 0): Promise<boolean> => {
    if (keyId === sealer.keyId) return false
    return db.transaction().execute(async (transaction) => {
      // Waits for writes that hold it, and keeps new ones from it.
      await sql`select from sealward.master_key where key_id = ${keyId} for update`.execute(
        transaction,
      )
      // What a data key is wrapped under it says itself: what is written beside it may be wrong.
      const { rows } = await sql`delete from sealward.master_key m where key_id = ${keyId}
        and not exists (select from sealward.data_key d where d.key_id = m.key_id
          or substring(d.wrapped from 5 for 16) = ${bytesOfHex(keyId)})
        and not exists (select from sealward.look_up l where l.key_id = m.key_id)
        and (${afterSeconds}::float8 = 0 or exists (select from sealward.master_key n
          where n.since > m.since and n.since <= now() - make_interval(secs => ${afterSeconds}::float8)))
        returning key_id`.execute(transaction)
      if (rows.length > 0) await onRetire(keyId, transaction)
      return rows.length > 0
    })
  }

  return {
    uses: () =>
      reaching(async () => {
        const { rows } = await sql<{
          readonly key_id: string
          readonly data_keys: string
          readonly look_ups: string
        }>`select key_id,
          (select count(*) from sealward.data_key d where d.key_id = m.key_id) as data_keys,
          (select count(*) from sealward.look_up l where l.key_id = m.key_id) as look_ups
          from sealward.master_key m order by since, key_id`.execute(db)
        return ok(
          rows.map((row) => ({
            keyId: row.key_id,
            isCurrent: row.key_id === sealer.keyId,
            dataKeys: Number(row.data_keys),
            lookUps: Number(row.look_ups),
          })),
        )
      }),
    sweep: ({ signal, onStep } = {}) =>
      reaching<true, StoreProblem>(async () => {
        const keyIds = await older()
        if (!keyIds.ok) return keyIds
        let [dataKeys, records] = [0, 0]
        for (const keyId of keyIds.value) {
          for (const [move, isDataKey] of [
            [moveDataKeys, true],
            [moveLookUps, false],
          ] as const) {
            for (;;) {
              if (signal?.aborted === true) return ok(true)
              const moved = await move(keyId)
              if (!moved.ok) return moved
              if (moved.value === 0) break
              if (isDataKey) dataKeys += moved.value
              else records += moved.value
              onStep?.({ dataKeys, records })
            }
          }
        }
        return ok(true)
      }),
    retire: (keyId) =>
      reaching(async () => {
        await retire(keyId)
        return ok(!(await masterKeyIdsIn(db, 'sealward')).includes(keyId))
      }),
    retireOlder: (afterSeconds) =>
      reaching<readonly string[], StoreProblem>(async () => {
        const keyIds = await older()
        if (!keyIds.ok) return keyIds
        const retired: string[] = []
        for (const keyId of keyIds.value) {
          if (await retire(keyId, afterSeconds)) retired.push(keyId)
        }
        return ok(retired)
      }),
    letGo: () =>
      reaching(async () => {
        const named = await masterKeyIdsIn(db, 'sealward')
        keepCurrent()
        for (const { keyId } of sealer.keys.all()) {
          if (!named.includes(keyId)) sealer.keys.forget?.(keyId)
        }
        return ok(true)
      }),
  }
}
