import { createHmac } from 'node:crypto'
import { ok, type Problem, type Result } from '@sealward/attestation/bytes'
import type { Anchor } from '@sealward/enclave/anchor'
import { MasterKeyMissing, openDatabase, reaching } from '@sealward/enclave/database'
import type { Sealer } from '@sealward/enclave/sealing'
import { StartRefusal } from '@sealward/enclave/server'
import type { Kysely } from 'kysely'
import type { ApiProblem } from '../problems.ts'
import { type Anchoring, type AnchoringProblem, keepAnchored } from './anchoring.ts'
import { compareWithAnchor, type Restore } from './compare-with-anchor.ts'
import { ownDataKey } from './data-keys.ts'
import { openLedger } from './ledger.ts'
import type { LookUp } from './look-ups.ts'
import { masterKeysInUse } from './master-keys-in-use.ts'
import { migrations } from './migrations.ts'
import { type OnRetire, type Rotation, rotationOf } from './rotation.ts'
import { keyOf, keyUnavailable, type Opened, type RowReader, readerOf } from './rows.ts'
import type { Tables } from './schema.ts'
import { rememberVersions } from './versions.ts'
import { runTransaction } from './writes.ts'

/** `key-unavailable`: sealed under a master key that is not here, or no longer to be sealed under. */
export type StoreCode =
  | 'record-refused'
  | 'store-unavailable'
  | 'version-conflict'
  | 'key-unavailable'
  | AnchoringProblem['code']
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
  /**
   * Destroys a patient's data key, and takes out all that it sealed and all that it was found by. What
   * stays is that somebody of this opaque id was erased, and `note`, sealed.
   *
   * Ends the transaction with `record-refused`, and nothing is erased, where rows were moved from one patient to another.
   *
   * @param left - what is written in the place of a record, of no patient and with nothing of what was in it.
   * @returns how many versions went, or `not-found`.
   */
  erase(
    patient: string,
    note: Readonly<Record<string, string>>,
    left?: (type: string, id: string) => Omit<RecordDraft, 'patient'> | undefined,
  ): Promise<Result<{ readonly versions: number }, Problem<'not-found'>>>
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
  /** Moves what is stored to a new master key. */
  readonly rotation: Rotation
  /** Seals under the tenant's own data key what leaves for a queue. */
  readonly notes: Notes
  /** Resolves when all that was committed is anchored: nobody can put it back unnoticed any more. */
  settled(): Promise<Result<true, StoreProblem>>
  close(): Promise<void>
}

/** Short texts for outside the tables, in the same envelope. `place` is where they are to be read again. */
export interface Notes {
  seal(place: string, text: string): string
  /** `undefined` for what was not sealed here for this place. */
  open(place: string, sealed: string): string | undefined
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

export interface OpenStoreOptions {
  readonly url: string
  /** For the tenant that is served. */
  readonly sealer: Sealer
  /** What a record is found by: after a change of the master key its look-ups are made anew. */
  readonly lookUpsOf: (record: StoredRecord) => readonly LookUp[]
  /** Told of each master key that is taken out of use, in the transaction that does it. */
  readonly onRetire?: OnRetire | undefined
  readonly cache?: SealedCache
  /** Remembers outside the database how far it has come. */
  readonly anchor?: Anchor | undefined
  /** Asked when the database is not the one that the anchor knows. */
  readonly restore?: Restore | undefined
  readonly anchorEveryMs?: number
  readonly anchorIdleMs?: number
  readonly anchorLagSecondsMax?: number
  readonly connectionsMax?: number
  /** Told of a lost connection; the pool opens a new one by itself. */
  readonly onConnectionLost?: () => void
  /** Told when the anchor cannot be moved on, and `undefined` when it can again. */
  readonly onAnchorProblem?: (problem: AnchoringProblem | undefined) => void
}

/**
 * Opens the database at `url` and brings it to the newest schema.
 *
 * @throws StartRefusal when it is not what the anchor knows, or not what was written, or something in it was sealed
 *   under a master key that is not at hand; an error when it cannot be reached.
 */
export async function openStore(options: OpenStoreOptions): Promise<Store> {
  const { sealer, cache } = options
  const db = await openDatabase<Tables>({
    url: options.url,
    schema: 'sealward',
    migrations,
    ...(options.connectionsMax === undefined ? {} : { connectionsMax: options.connectionsMax }),
    onConnectionLost: options.onConnectionLost,
  })
  try {
    const inUse = masterKeysInUse(db, sealer.keys)
    await inUse.refresh()
    const { tenant } = sealer
    const versions = rememberVersions()
    const ledger = await openLedger(db, sealer, (ofTenant, patient) => {
      if (ofTenant === tenant) versions.rememberErased(patient)
    })
    const anchored = await compareWithAnchor(ledger, options.anchor, options.restore)
    const own = await ownDataKey(db, sealer, (transaction, dataKeyId) =>
      ledger.write(transaction, { tenant, versions: [], keys: [['', dataKeyId]], erased: [] }),
    )
    const keyFor = (purpose: string): Uint8Array => {
      const key = sealer.derived(own, purpose)
      if (!key.ok) throw new Error(key.problem.code)
      return key.value
    }
    const opened: Opened = { sealer, own, lockKey: keyFor('locks'), versions }
    const anchoring = keepAnchored({
      ledger,
      anchor: options.anchor,
      anchored,
      everyMs: options.anchorEveryMs,
      idleMs: options.anchorIdleMs,
      lagSecondsMax: options.anchorLagSecondsMax,
      onProblem: options.onAnchorProblem,
    })
    // A process that died may have left what no block covers yet, and this one may have made its own key.
    anchoring.committed()
    const writing = { ...opened, ledger, inUse }
    const reader = readerOf(db, opened)
    const read =
      cache === undefined ? reader.read : readThrough(db, opened, reader, cache, keyFor('cache'))
    const guarded = guardedBy(anchoring, sealer, () => inUse.refresh())
    return {
      read: (type, id) => guarded.reading(() => read(type, id)),
      find: (type, lookUp, limit) => guarded.reading(() => reader.find(type, lookUp, limit)),
      transaction: (work) =>
        guarded.writing(async () => {
          const outcome = await runTransaction(db, writing, work)
          if (!outcome.ok) return outcome
          if (outcome.value.hasWritten) anchoring.committed()
          return ok(outcome.value.value)
        }),
      rotation: rotationOf(db, opened, inUse, options.lookUpsOf, {
        onRetire: options.onRetire ?? (async () => {}),
        keepCurrent() {
          own.keepCurrent()
          ledger.keepCurrent()
        },
      }),
      notes: {
        seal(place, text) {
          const address = { type: 'note', id: place, version: 0 }
          return Buffer.from(sealer.seal(address, Buffer.from(text), own)).toString('base64url')
        },
        open(place, sealed) {
          const address = { type: 'note', id: place, version: 0 }
          const text = sealer.open(address, Buffer.from(sealed, 'base64url'), own)
          return text.ok ? Buffer.from(text.value).toString() : undefined
        },
      },
      settled: () => reaching(() => anchoring.settled()),
      async close() {
        await anchoring.close()
        await db.destroy()
      },
    }
  } catch (error) {
    await db.destroy()
    if (!(error instanceof MasterKeyMissing)) throw error
    throw new StartRefusal({ code: 'key-unavailable', at: 'database', detail: error.message })
  }
}

/** Refuses where the anchor says so, and asks for new master keys where one is missing. */
function guardedBy(
  anchoring: Anchoring,
  sealer: Sealer,
  refreshKeys: () => Promise<void>,
): {
  reading<T, P extends Problem>(
    work: () => Promise<Result<T, P>>,
  ): Promise<Result<T, P | StoreProblem>>
  writing<T, P extends Problem>(
    work: () => Promise<Result<T, P>>,
  ): Promise<Result<T, P | StoreProblem>>
} {
  const withKeys = async <T, P extends Problem>(
    work: () => Promise<Result<T, P>>,
  ): Promise<Result<T, P>> => {
    const first = await work()
    if (first.ok || first.problem.code !== keyUnavailable.problem.code) return first
    if (sealer.keys.renew === undefined) return first
    try {
      await sealer.keys.renew()
      await refreshKeys()
    } catch {
      return first
    }
    return work()
  }
  return {
    async reading(work) {
      const problem = anchoring.standing()
      if (problem !== undefined && problem.code !== 'anchor-behind') return { ok: false, problem }
      return withKeys(work)
    },
    async writing(work) {
      const problem = anchoring.standing()
      return problem === undefined ? withKeys(work) : { ok: false, problem }
    },
  }
}

/**
 * Asks the database which version is the newest, and the cache for its bytes. What the cache gives is
 * the sealed row itself: bound to its address, so a wrong one does not open and the row is read instead.
 */
function readThrough(
  db: Kysely<Tables>,
  { sealer, own, versions }: Opened,
  reader: RowReader,
  cache: SealedCache,
  nameKey: Uint8Array,
): Reader['read'] {
  return (type, id) => {
    if (!cachedTypes.has(type)) return reader.read(type, id)
    return reaching(async () => {
      const asked = versions.now()
      const head = await db
        .selectFrom('sealward.record as r')
        .leftJoin('sealward.data_key as k', (on) =>
          on.onRef('k.tenant', '=', 'r.tenant').onRef('k.patient', '=', 'r.patient'),
        )
        .select(['r.version', 'r.patient', 'k.wrapped'])
        .where('r.tenant', '=', sealer.tenant)
        .where('r.type', '=', type)
        .where('r.id', '=', id)
        .executeTakeFirst()
      const isGone = head?.patient != null && versions.isErased(head.patient, asked)
      if (head === undefined || isGone || versions.highest(type, id, asked) > head.version) {
        return reader.read(type, id)
      }
      const { version } = head
      const name = createHmac('sha256', nameKey)
        .update(JSON.stringify([type, id, version]))
        .digest('base64url')
      const near = await cache.get(name)
      const key = keyOf(head, own)
      if (near !== undefined && key !== undefined) {
        const bytes = sealer.open({ type, id, version }, near, key)
        if (bytes.ok) {
          const patient = head.patient ?? undefined
          return ok({ type, id, version, patient, bytes: bytes.value })
        }
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
