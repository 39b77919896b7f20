import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import { MasterKeyMissing, masterKeyIdsIn, reaching } from '@sealward/enclave/database'
import type { DataKey, SealedAddress, Sealer, SealingProblem } from '@sealward/enclave/sealing'
import type { Database } from './data-keys.ts'
import type { Reader, StoredRecord, StoreProblem } from './store.ts'
import type { Instant, Versions } from './versions.ts'

/** What reads and writes of one store share. */
export interface Opened {
  /** Of the store's tenant. */
  readonly sealer: Sealer
  /** The tenant's own data key, for what belongs to no patient. */
  readonly own: DataKey
  /** Keys the names of locks, which have to be the same whatever the master key. */
  readonly lockKey: Uint8Array
  readonly versions: Versions
}

/** A {@link Reader} that can show the sealed bytes on their way. */
export interface RowReader extends Reader {
  read(
    type: string,
    id: string,
    onSealed?: (sealed: Uint8Array) => void,
  ): ReturnType<Reader['read']>
}

export function readerOf(db: Database, { sealer, own, versions }: Opened): RowReader {
  const { tenant } = sealer
  const open = (row: Row, asked: Instant): Result<StoredRecord, StoreProblem> => {
    const { type, id, version } = row
    const patient = row.patient ?? undefined
    if (patient !== undefined && versions.isErased(patient, asked)) return putBack
    // The head, the newest kept version and what this process saw before it asked must agree.
    if (
      row.newest !== version ||
      row.sealed === null ||
      versions.highest(type, id, asked) > version
    ) {
      return refuse('record-refused', 'version', 'A stored record was rolled back or taken apart.')
    }
    const key = keyOf(row, own)
    if (key === undefined) return changed
    const bytes = sealer.open({ type, id, version }, row.sealed, key)
    if (!bytes.ok) return refusedAs(bytes.problem)
    versions.remember(type, id, version, patient)
    return ok({ type, id, version, patient, bytes: bytes.value })
  }
  return {
    read: (type, id, onSealed) =>
      reaching<StoredRecord | undefined, StoreProblem>(async () => {
        const asked = versions.now()
        const row = await heads(db, tenant)
          .where('r.type', '=', type)
          .where('r.id', '=', id)
          .executeTakeFirst()
        // The bytes are bound to the row's own address, which has to be the one that was asked for.
        if (row !== undefined && (row.type !== type || row.id !== id)) return anotherRow
        if (row?.sealed) onSealed?.(row.sealed)
        if (row !== undefined) return open(row, asked)
        if (versions.highest(type, id, asked) === 0) return ok(undefined)
        const patient = versions.patientOf(type, id)
        if (!(await isErased(db, { sealer, own }, patient))) {
          return refuse('record-refused', 'row', 'A stored record has disappeared.')
        }
        if (patient !== undefined) versions.rememberErased(patient)
        return ok(undefined)
      }),
    find: (type, lookUp, limit) =>
      reaching(async () => {
        // What another replica wrote under a key that is not here would not be found: better said.
        for (const keyId of await masterKeyIdsIn(db, 'sealward')) {
          if (sealer.keys.byId(keyId) === undefined) return keyUnavailable
        }
        const asked = versions.now()
        const values = sealer
          .blindIndexes(lookUp.name, lookUp.value)
          .map(({ value }) => Buffer.from(value, 'base64url'))
        const rows = await heads(db, tenant)
          .where('r.type', '=', type)
          .where((record) =>
            record.exists(
              record
                .selectFrom('sealward.look_up as l')
                .select('l.id')
                .whereRef('l.tenant', '=', 'r.tenant')
                .whereRef('l.type', '=', 'r.type')
                .whereRef('l.id', '=', 'r.id')
                .where('l.value', 'in', values),
            ),
          )
          .orderBy('r.position', 'desc')
          .limit(limit)
          .execute()
        const found: StoredRecord[] = []
        for (const row of rows) {
          if (row.type !== type) return anotherRow
          const record = open(row, asked)
          if (!record.ok) return record
          found.push(record.value)
        }
        return ok(found)
      }),
  }
}

const putBack = refuse('record-refused', 'row', 'A record of an erased patient was put back.')

const anotherRow = refuse('record-refused', 'row', 'Another record was given than was asked for.')

const changed = refuse('record-refused', 'sealed', 'A stored record was changed or moved.')

export const keyUnavailable: ReturnType<typeof refuse<'key-unavailable'>> = refuse(
  'key-unavailable',
  'keyId',
  'A key that stored data needs is not here.',
)

/** The same, where it is found out while the current key is named. */
export async function withKeysAtHand<T, P extends Problem>(
  work: () => Promise<Result<T, P>>,
): Promise<Result<T, P | StoreProblem>> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof MasterKeyMissing) return keyUnavailable
    throw error
  }
}

/** A key that is not here may come; nothing else passes by itself. */
export function refusedAs(problem: SealingProblem): Result<never, StoreProblem> {
  return problem.code === 'sealed-key-unknown' ? keyUnavailable : changed
}

/** The data key that a row names; `undefined` where it has been destroyed. */
export function keyOf(
  row: { readonly patient: string | null; readonly wrapped: Uint8Array | null },
  own: DataKey,
): DataKey | undefined {
  if (row.patient === null) return own
  return row.wrapped === null ? undefined : { patient: row.patient, wrapped: row.wrapped }
}

/** Where the tombstone of a patient is kept. */
export function tombstoneOf(patient: string): SealedAddress {
  return { type: 'erased', id: patient, version: 0 }
}

/** Whether a patient was erased by us. */
export async function isErased(
  db: Database,
  { sealer, own }: Pick<Opened, 'sealer' | 'own'>,
  patient: string | undefined,
): Promise<boolean> {
  if (patient === undefined) return false
  const row = await db
    .selectFrom('sealward.erased')
    .select('sealed')
    .where('tenant', '=', sealer.tenant)
    .where('patient', '=', patient)
    .executeTakeFirst()
  return row !== undefined && sealer.open(tombstoneOf(patient), row.sealed, own).ok
}

interface Row {
  readonly wrapped: Buffer | null
  readonly type: string
  readonly id: string
  readonly version: number
  readonly patient: string | null
  readonly sealed: Buffer | null
  readonly newest: number | null
}

function heads(db: Database, tenant: string) {
  return db
    .selectFrom('sealward.record as r')
    .leftJoin('sealward.version as v', (on) =>
      on
        .onRef('v.tenant', '=', 'r.tenant')
        .onRef('v.type', '=', 'r.type')
        .onRef('v.id', '=', 'r.id')
        .onRef('v.version', '=', 'r.version'),
    )
    .leftJoin('sealward.data_key as k', (on) =>
      on.onRef('k.tenant', '=', 'r.tenant').onRef('k.patient', '=', 'r.patient'),
    )
    .select(['r.type', 'r.id', 'r.version', 'r.patient', 'v.sealed', 'k.wrapped'])
    .select((select) =>
      select
        .selectFrom('sealward.version as n')
        .whereRef('n.tenant', '=', 'r.tenant')
        .whereRef('n.type', '=', 'r.type')
        .whereRef('n.id', '=', 'r.id')
        .select((one) => one.fn.max('n.version').as('newest'))
        .as('newest'),
    )
    .where('r.tenant', '=', tenant)
}
