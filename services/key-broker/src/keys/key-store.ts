/**
 * Keys in the database.
 *
 * @module
 */

import { ok, type Problem, type Result, refuse, textOf, utf8Of } from '@sealward/attestation/bytes'
import type { Sealer } from '@sealward/enclave/sealing'
import { sql } from 'kysely'
import type { Database, DatabaseTransaction } from '../store/open-store.ts'
import { dueOf } from './key-due.ts'
import {
  type KeyRecord,
  keyFormat,
  type RecordFormat,
  type VersionEntry,
  type VersionRecord,
  versionFormat,
} from './key-record.ts'

/** `record-refused`: what is stored was changed, moved, or is older than what was there. */
export type KeyStoreCode = 'key-unknown' | 'key-version-unknown' | 'record-refused'

export type KeyStoreProblem = Problem<KeyStoreCode>

/** A key as it was read, to be changed. */
export interface StoredKey {
  readonly revision: number
  readonly key: KeyRecord
}

/** A version as it was read, with its key. */
export interface StoredVersion extends StoredKey {
  readonly entry: VersionEntry
  readonly version: VersionRecord
}

/** Where keys are found by name, in whatever case. */
export function rowName(name: string): string {
  return name.toLowerCase()
}

/** Makes whoever changes the same key wait for the end of this transaction. */
export async function lockKey(transaction: DatabaseTransaction, name: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`broker.key ${rowName(name)}`}, 0))`.execute(
    transaction,
  )
}

export interface KeyStore {
  /** @returns `key-unknown`, `record-refused`. A deleted key is there, too. */
  read(from: Database, name: string): Promise<Result<StoredKey, KeyStoreProblem>>
  /** The current version, unless one is named. */
  readVersion(
    from: Database,
    name: string,
    id?: string,
  ): Promise<Result<StoredVersion, KeyStoreProblem>>
  /** All versions of a key, the oldest first; at least one. */
  readVersions(
    from: Database,
    name: string,
  ): Promise<Result<readonly [StoredVersion, ...StoredVersion[]], KeyStoreProblem>>
  /** Current versions of the keys after `name`, in the order of their names. */
  list(
    from: Database,
    page: { readonly deleted: boolean; readonly after: string; readonly count: number },
  ): Promise<Result<readonly StoredVersion[], KeyStoreProblem>>
  /** Names of keys with which something is to be done. */
  due(from: Database, at: number, count: number): Promise<readonly string[]>
  /** Writes a key anew, with those of its versions that are new or have changed. */
  write(
    into: DatabaseTransaction,
    before: StoredKey | undefined,
    key: KeyRecord,
    changed: ReadonlyMap<string, VersionRecord>,
  ): Promise<void>
  /** Takes a key away; of one whose policy is immutable, that policy stays. */
  erase(from: DatabaseTransaction, key: KeyRecord): Promise<void>
  /** The immutable policy of a key of this name that was purged. */
  pinnedPolicy(from: Database, name: string): Promise<Result<string | undefined, KeyStoreProblem>>
}

export function createKeyStore(sealer: Sealer): KeyStore {
  const seal = <T>(
    format: RecordFormat<T>,
    type: string,
    id: string,
    revision: number,
    record: T,
  ) => Buffer.from(sealer.seal({ type, id, version: revision }, format.encode(record)))
  const open = <T>(
    format: RecordFormat<T>,
    type: string,
    id: string,
    revision: number,
    sealed: Buffer,
  ): Result<T, KeyStoreProblem> => {
    const opened = sealer.open({ type, id, version: revision }, sealed)
    const record = opened.ok ? format.decode(opened.value) : undefined
    return record === undefined ? changed(type) : ok(record)
  }

  const openKey = (row: KeyRow): Result<StoredKey, KeyStoreProblem> => {
    const key = open(keyFormat, keyKind, row.name, row.revision, row.sealed)
    if (!key.ok) return key
    const isAsSaid =
      rowName(key.value.name) === row.name &&
      key.value.versions.at(-1)?.id === row.current &&
      (key.value.deleted !== undefined) === row.deleted
    return isAsSaid ? ok({ revision: row.revision, key: key.value }) : changed(keyKind)
  }
  const openVersion = (
    { revision, key }: StoredKey,
    row: VersionRow,
  ): Result<StoredVersion, KeyStoreProblem> => {
    const entry = key.versions.find(({ id }) => id === row.version)
    // The key says which versions there are: one that is put back, or in its place, is not among them.
    if (entry === undefined || row.version_sealed === null) return changed(versionKind)
    const id = versionAddress(rowName(key.name), entry.id)
    const version = open(versionFormat, versionKind, id, entry.revision, row.version_sealed)
    return version.ok ? ok({ revision, key, entry, version: version.value }) : version
  }

  const rows = (from: Database) =>
    from
      .selectFrom('broker.key as key')
      .select(['key.name', 'key.revision', 'key.sealed', 'key.current', 'key.deleted'])
  const currentRows = (from: Database) =>
    rows(from)
      .leftJoin('broker.key_version as version', (join) =>
        join.onRef('version.key', '=', 'key.name').onRef('version.id', '=', 'key.current'),
      )
      .select(['version.id as version', 'version.sealed as version_sealed'])

  const store: KeyStore = {
    async read(from, name) {
      const row = await rows(from).where('name', '=', rowName(name)).executeTakeFirst()
      return row === undefined ? unknown() : openKey(row)
    },
    async readVersion(from, name, id) {
      const row =
        id === undefined
          ? await currentRows(from).where('name', '=', rowName(name)).executeTakeFirst()
          : await rows(from)
              .leftJoin('broker.key_version as version', (join) =>
                join.onRef('version.key', '=', 'key.name').on('version.id', '=', id),
              )
              .select(['version.id as version', 'version.sealed as version_sealed'])
              .where('name', '=', rowName(name))
              .executeTakeFirst()
      if (row === undefined) return unknown()
      const stored = openKey(row)
      if (!stored.ok) return stored
      const wanted = id ?? row.current
      return stored.value.key.versions.some((version) => version.id === wanted)
        ? openVersion(stored.value, row)
        : refuse('key-version-unknown', 'path', 'The key has no version of this name.')
    },
    async readVersions(from, name) {
      const found = await rows(from)
        .leftJoin('broker.key_version as version', 'version.key', 'key.name')
        .select(['version.id as version', 'version.sealed as version_sealed'])
        .where('name', '=', rowName(name))
        .execute()
      const [first] = found
      if (first === undefined) return unknown()
      const stored = openKey(first)
      if (!stored.ok) return stored
      const versions: StoredVersion[] = []
      for (const { id } of stored.value.key.versions) {
        const row = found.find(({ version }) => version === id)
        const version = openVersion(stored.value, row ?? { version: id, version_sealed: null })
        if (!version.ok) return version
        versions.push(version.value)
      }
      return ok(versions as [StoredVersion, ...StoredVersion[]])
    },
    async list(from, { deleted, after, count }) {
      const found = await currentRows(from)
        .where('deleted', '=', deleted)
        .where('name', '>', after)
        .orderBy('name')
        .limit(count)
        .execute()
      const versions: StoredVersion[] = []
      for (const row of found) {
        const stored = openKey(row)
        const version = stored.ok ? openVersion(stored.value, row) : stored
        if (!version.ok) return version
        versions.push(version.value)
      }
      return ok(versions)
    },
    async due(from, at, count) {
      const found = await from
        .selectFrom('broker.key')
        .select('name')
        .where('due_at', '<=', String(at))
        .orderBy('due_at')
        .limit(count)
        .execute()
      return found.map(({ name }) => name)
    },
    async write(into, before, key, changedVersions) {
      const name = rowName(key.name)
      const revision = (before?.revision ?? 0) + 1
      const current = key.versions.at(-1)?.id ?? ''
      const latest = changedVersions.get(current) ?? (await currentOf(store, into, before))
      const row = {
        revision,
        sealed: seal(keyFormat, keyKind, name, revision, key),
        current,
        deleted: key.deleted !== undefined,
        due_at: dueOf(key, latest)?.toString() ?? null,
      }
      await (before === undefined
        ? into
            .insertInto('broker.key')
            .values({ name, ...row })
            .execute()
        : into.updateTable('broker.key').set(row).where('name', '=', name).execute())
      for (const [id, record] of changedVersions) {
        const entry = key.versions.find((one) => one.id === id)
        if (entry === undefined) throw new Error('a version that its key does not name')
        const address = versionAddress(name, id)
        const version = {
          revision: entry.revision,
          sealed: seal(versionFormat, versionKind, address, entry.revision, record),
        }
        await into
          .insertInto('broker.key_version')
          .values({ key: name, id, ...version })
          .onConflict((conflict) => conflict.columns(['key', 'id']).doUpdateSet(version))
          .execute()
      }
    },
    async erase(from, key) {
      const name = rowName(key.name)
      await from.deleteFrom('broker.key').where('name', '=', name).execute()
      if (key.immutablePolicy === undefined) return
      const sealed = Buffer.from(sealer.seal(pinAddress(name), utf8Of(key.immutablePolicy)))
      await from
        .insertInto('broker.pinned_policy')
        .values({ name, sealed })
        .onConflict((conflict) => conflict.column('name').doUpdateSet({ sealed }))
        .execute()
    },
    async pinnedPolicy(from, name) {
      const row = await from
        .selectFrom('broker.pinned_policy')
        .select('sealed')
        .where('name', '=', rowName(name))
        .executeTakeFirst()
      if (row === undefined) return ok(undefined)
      const opened = sealer.open(pinAddress(rowName(name)), row.sealed)
      const text = opened.ok ? textOf(opened.value) : undefined
      return text === undefined ? changed('pinned policy') : ok(text)
    },
  }
  return store
}

const keyKind = 'key'
const versionKind = 'key version'

function pinAddress(name: string) {
  return { type: 'pinned policy', id: name, version: 1 }
}

interface KeyRow {
  readonly name: string
  readonly revision: number
  readonly sealed: Buffer
  readonly current: string
  readonly deleted: boolean
}

interface VersionRow {
  readonly version: string | null
  readonly version_sealed: Buffer | null
}

function versionAddress(name: string, id: string): string {
  return `${name}/${id}`
}

/** The current version of a key whose current version has not changed. */
async function currentOf(
  store: KeyStore,
  from: DatabaseTransaction,
  before: StoredKey | undefined,
): Promise<VersionRecord> {
  const version = before === undefined ? undefined : await store.readVersion(from, before.key.name)
  if (version?.ok !== true) throw new Error('a key without its current version')
  return version.value.version
}

function unknown(): Result<never, KeyStoreProblem> {
  return refuse('key-unknown', 'path', 'There is no key of this name.')
}

function changed(type: string): Result<never, KeyStoreProblem> {
  return refuse(
    'record-refused',
    'database',
    `A ${type} in the database is not what was put there. Nothing of it is used.`,
  )
}
