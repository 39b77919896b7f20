import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import { holdMasterKey, inTransaction, openDatabase, reaching } from '@sealward/enclave/database'
import type { PatientKey, Sealer } from '@sealward/enclave/sealing'
import { CompiledQuery, type Kysely, sql, type Transaction } from 'kysely'
import { rememberedVersionsMax } from '../limits.ts'
import type { ApiProblem } from '../problems.ts'
import type { LookUp } from './look-ups.ts'
import { migrations } from './migrations.ts'
import type { Tables } from './schema.ts'

export type StoreCode = 'record-refused' | 'store-unavailable' | 'version-conflict'
export type StoreProblem = Problem<StoreCode>

/** One record, opened. */
export interface StoredRecord {
  readonly type: string
  readonly id: string
  readonly version: number
  /** Whose data key seals it. */
  readonly patient: string | undefined
  readonly bytes: Uint8Array
}

/** What is written: everything but the version, which the store counts. */
export interface RecordDraft {
  readonly type: string
  readonly id: string
  readonly patient: string | undefined
  readonly bytes: Uint8Array
  readonly lookUps: readonly LookUp[]
}

/** Reads that a store and a transaction both offer. */
export interface Reader {
  /** The newest version; `undefined` when there is none. `record-refused` when a row is not what was written. */
  read(type: string, id: string): Promise<Result<StoredRecord | undefined, StoreProblem>>
  /** Records that answer `lookUp`, newest first, at most `limit`. */
  find(
    type: string,
    lookUp: LookUp,
    limit: number,
  ): Promise<Result<readonly StoredRecord[], StoreProblem>>
}

/** Writes that happen together or not at all. */
export interface StoreTransaction extends Reader {
  /** Keeps others from changing or creating what `name` stands for until the transaction ends. */
  lock(name: string): Promise<void>
  create(draft: RecordDraft): Promise<void>
  /** Replaces version `expected`; `version-conflict` when it is not the newest any more. */
  update(draft: RecordDraft, expected: number): Promise<Result<true, StoreProblem>>
  /** Runs a statement of the queue's inside this transaction. */
  readonly queue: { executeSql(text: string, values?: unknown[]): Promise<{ rows: unknown[] }> }
}

/** Sealed records in PostgreSQL. The database sees ids, versions, sealed bytes and keyed digests. */
export interface Store extends Reader {
  /**
   * Runs `work` in one transaction, which is undone when `work` refuses or throws.
   *
   * @returns what `work` returned, or `store-unavailable`.
   */
  transaction<T>(
    work: (transaction: StoreTransaction) => Promise<Result<T, ApiProblem>>,
  ): Promise<Result<T, ApiProblem>>
  close(): Promise<void>
}

/** Sealed bytes kept near, under names that tell nothing. Never throws; a miss is always allowed. */
export interface SealedCache {
  get(name: string): Promise<Uint8Array | undefined>
  set(name: string, sealed: Uint8Array): Promise<void>
}

/** Records whose sealed bytes are worth keeping near. */
const cachedTypes: ReadonlySet<string> = new Set([
  'DiagnosticReport',
  'Film',
  'FilmRendered',
  'Observation',
  'Patient',
])

/**
 * Opens the database at `url` and brings it to the newest schema. Throws when it cannot be reached, or
 * when what is in it was sealed under another master key.
 */
export async function openStore(options: {
  readonly url: string
  readonly sealer: Sealer
  readonly cache?: SealedCache
  readonly connectionsMax?: number
  /** Told of a lost connection; the pool opens a new one by itself. */
  readonly onConnectionLost?: () => void
}): Promise<Store> {
  const db = await openDatabase<Tables>({
    url: options.url,
    schema: 'sealward',
    migrations,
    ...(options.connectionsMax === undefined ? {} : { connectionsMax: options.connectionsMax }),
    onConnectionLost: options.onConnectionLost,
  })
  await holdMasterKey(db, 'sealward', options.sealer.keyId)
  const versions = rememberVersions()
  const reader = readerOf(db, options.sealer, versions)
  return {
    ...reader,
    ...(options.cache === undefined
      ? {}
      : { read: readThrough(db, options.sealer, versions, reader, options.cache) }),
    transaction: (work) => runTransaction(db, options.sealer, versions, work),
    close: () => db.destroy(),
  }
}

type Database = Kysely<Tables> | Transaction<Tables>

/**
 * Asks the database which version is the newest, and the cache for its bytes. What the cache gives is
 * the sealed row itself: bound to its address, so a wrong one does not open and the row is read instead.
 */
function readThrough(
  db: Kysely<Tables>,
  sealer: Sealer,
  versions: Versions,
  reader: RowReader,
  cache: SealedCache,
): Reader['read'] {
  return (type, id) => {
    if (!cachedTypes.has(type)) return reader.read(type, id)
    return reaching(async () => {
      const asked = versions.now()
      const head = await db
        .selectFrom('sealward.record as r')
        .leftJoin('sealward.data_key as k', 'k.patient', 'r.patient')
        .select(['r.version', 'r.patient', 'k.wrapped'])
        .where('r.type', '=', type)
        .where('r.id', '=', id)
        .executeTakeFirst()
      if (head === undefined || versions.highest(type, id, asked) > head.version) {
        return reader.read(type, id)
      }
      const { version } = head
      const name = sealer.blindIndex('cache', JSON.stringify([type, id, version]))
      const near = await cache.get(name)
      const key = keyOf(head)
      if (near !== undefined && key !== 'lost') {
        const bytes = sealer.open({ type, id, version }, near, key)
        if (bytes.ok)
          return ok({ type, id, version, patient: head.patient ?? undefined, bytes: bytes.value })
      }
      let fetched: Uint8Array | undefined
      const record = await reader.read(type, id, (sealed) => {
        fetched = sealed
      })
      if (fetched !== undefined && record.ok && record.value?.version === version) {
        await cache.set(name, fetched)
      }
      return record
    })
  }
}

/** A {@link Reader} that can show the sealed bytes on their way. */
interface RowReader extends Reader {
  read(
    type: string,
    id: string,
    onSealed?: (sealed: Uint8Array) => void,
  ): ReturnType<Reader['read']>
}

function readerOf(db: Database, sealer: Sealer, versions: Versions): RowReader {
  const open = (row: Row, asked: Instant): Result<StoredRecord, StoreProblem> => {
    const { type, id, version } = row
    const patient = row.patient ?? undefined
    // The head, the newest kept version and what this process saw before it asked must agree.
    if (
      row.newest !== version ||
      row.sealed === null ||
      versions.highest(type, id, asked) > version
    ) {
      return refuse('record-refused', 'version', 'A stored record was rolled back or taken apart.')
    }
    const key = keyOf(row)
    const bytes = key === 'lost' ? undefined : sealer.open({ type, id, version }, row.sealed, key)
    if (bytes === undefined || !bytes.ok) {
      return refuse('record-refused', 'sealed', 'A stored record was changed or moved.')
    }
    versions.remember(type, id, version)
    return ok({ type, id, version, patient, bytes: bytes.value })
  }
  return {
    read: (type, id, onSealed) =>
      reaching<StoredRecord | undefined, StoreProblem>(async () => {
        const asked = versions.now()
        const row = await heads(db)
          .where('r.type', '=', type)
          .where('r.id', '=', id)
          .executeTakeFirst()
        // The bytes are bound to the row's own address, which has to be the one that was asked for.
        if (row !== undefined && (row.type !== type || row.id !== id)) return anotherRow
        if (row?.sealed) onSealed?.(row.sealed)
        if (row !== undefined) return open(row, asked)
        return versions.highest(type, id, asked) > 0
          ? refuse('record-refused', 'row', 'A stored record has disappeared.')
          : ok(undefined)
      }),
    find: (type, lookUp, limit) =>
      reaching(async () => {
        const asked = versions.now()
        const value = digestOf(sealer, lookUp)
        const rows = await heads(db)
          .innerJoin('sealward.look_up as l', (on) =>
            on.onRef('l.type', '=', 'r.type').onRef('l.id', '=', 'r.id'),
          )
          .where('l.value', '=', value)
          .where('r.type', '=', type)
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

const anotherRow = refuse('record-refused', 'row', 'Another record was given than was asked for.')

function digestOf(sealer: Sealer, { name, value }: LookUp): Buffer {
  return Buffer.from(sealer.blindIndex(name, value), 'base64url')
}

/** The data key that a row names; `lost` where it has been destroyed. */
function keyOf(row: {
  readonly patient: string | null
  readonly wrapped: Buffer | null
}): PatientKey | undefined | 'lost' {
  if (row.patient === null) return undefined
  return row.wrapped === null ? 'lost' : { patient: row.patient, wrapped: row.wrapped }
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

function heads(db: Database) {
  return db
    .selectFrom('sealward.record as r')
    .leftJoin('sealward.version as v', (on) =>
      on
        .onRef('v.type', '=', 'r.type')
        .onRef('v.id', '=', 'r.id')
        .onRef('v.version', '=', 'r.version'),
    )
    .leftJoin('sealward.data_key as k', 'k.patient', 'r.patient')
    .select(['r.type', 'r.id', 'r.version', 'r.patient', 'v.sealed', 'k.wrapped'])
    .select((select) =>
      select
        .selectFrom('sealward.version as n')
        .whereRef('n.type', '=', 'r.type')
        .whereRef('n.id', '=', 'r.id')
        .select((one) => one.fn.max('n.version').as('newest'))
        .as('newest'),
    )
}

async function runTransaction<T>(
  db: Kysely<Tables>,
  sealer: Sealer,
  versions: Versions,
  work: (transaction: StoreTransaction) => Promise<Result<T, ApiProblem>>,
): Promise<Result<T, ApiProblem>> {
  const written: [type: string, id: string, version: number][] = []
  const outcome = await inTransaction(db, (transaction) =>
    work(transactionOf(transaction, sealer, versions, written)),
  )
  if (outcome.ok) for (const [type, id, version] of written) versions.remember(type, id, version)
  return outcome
}

function transactionOf(
  db: Transaction<Tables>,
  sealer: Sealer,
  versions: Versions,
  written: [type: string, id: string, version: number][],
): StoreTransaction {
  const wrappedKeyOf = async (patient: string): Promise<Buffer | null> => {
    const row = await db
      .selectFrom('sealward.data_key')
      .select('wrapped')
      .where('patient', '=', patient)
      .executeTakeFirst()
    return row?.wrapped ?? null
  }
  const write = async (draft: RecordDraft, version: number): Promise<void> => {
    const { type, id, patient } = draft
    const key = keyOf({
      patient: patient ?? null,
      wrapped: patient === undefined ? null : await wrappedKeyOf(patient),
    })
    if (key === 'lost') throw new Error('A record is for a patient who has a data key.')
    const sealed = Buffer.from(sealer.seal({ type, id, version }, draft.bytes, key))
    await db.insertInto('sealward.version').values({ type, id, version, sealed }).execute()
    const digests = new Map(
      draft.lookUps
        .map((one) => digestOf(sealer, one))
        .map((value) => [value.toString('hex'), value]),
    )
    for (const value of digests.values()) {
      await db.insertInto('sealward.look_up').values({ value, type, id }).execute()
    }
    written.push([type, id, version])
  }
  return {
    ...readerOf(db, sealer, versions),
    async lock(name) {
      const digest = digestOf(sealer, { name: 'lock', value: name })
      await sql`select pg_advisory_xact_lock(${digest.readBigInt64BE(0).toString()}::bigint)`.execute(
        db,
      )
    },
    async create(draft) {
      // A patient's data key comes into the world with the patient, and never again.
      if (draft.type === 'Patient') {
        const wrapped = Buffer.from(sealer.newDataKey(draft.id))
        await db.insertInto('sealward.data_key').values({ patient: draft.id, wrapped }).execute()
      }
      await db
        .insertInto('sealward.record')
        .values({ type: draft.type, id: draft.id, version: 1, patient: draft.patient ?? null })
        .execute()
      await write(draft, 1)
    },
    async update(draft, expected) {
      const { type, id } = draft
      const moved = await db
        .updateTable('sealward.record')
        .set({ version: expected + 1 })
        .where('type', '=', type)
        .where('id', '=', id)
        .where('version', '=', expected)
        .executeTakeFirst()
      if (moved.numUpdatedRows !== 1n) {
        return refuse('version-conflict', 'version', 'The record has changed since it was read.')
      }
      await db
        .deleteFrom('sealward.look_up')
        .where('type', '=', type)
        .where('id', '=', id)
        .execute()
      await write(draft, expected + 1)
      return ok(true)
    },
    queue: {
      executeSql: async (text, values = []) => {
        const { rows } = await db.executeQuery(CompiledQuery.raw(text, values))
        return { rows }
      },
    },
  }
}

/** Counts what was remembered: of two instants the later is greater. */
type Instant = number

/** The highest version of each record that this process has seen, the oldest forgotten first. */
interface Versions {
  now(): Instant
  /** What had been seen before `asked`; 0 for nothing. Later news says nothing about an earlier question. */
  highest(type: string, id: string, asked: Instant): number
  remember(type: string, id: string, version: number): void
}

function rememberVersions(): Versions {
  const seen = new Map<string, { readonly version: number; readonly at: Instant }>()
  let instant = 0
  return {
    now: () => instant,
    highest(type, id, asked) {
      const last = seen.get(`${type}/${id}`)
      return last === undefined || last.at > asked ? 0 : last.version
    },
    remember(type, id, version) {
      const name = `${type}/${id}`
      const last = seen.get(name)
      if (last !== undefined && last.version >= version) return
      instant += 1
      seen.delete(name)
      seen.set(name, { version, at: instant })
      const [oldest] = seen.keys()
      if (seen.size > rememberedVersionsMax && oldest !== undefined) seen.delete(oldest)
    },
  }
}
