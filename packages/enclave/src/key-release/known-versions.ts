import { type Kysely, type QueryExecutorProvider, sql } from 'kysely'
import { type Migrations, openDatabase } from '../database/index.ts'
import { keyReleaseLimits as limits } from './limits.ts'

/** Which versions of keys were in use: so that a workload that starts knows which older ones to ask for. */
export interface KnownVersions {
  /** Oldest first; of too many, the newest. */
  of(name: string): Promise<readonly string[]>
  add(name: string, version: string): Promise<void>
  /** @param within - a transaction in the same database that is to do it. */
  remove(name: string, version: string, within?: QueryExecutorProvider): Promise<void>
  close(): Promise<void>
}

/**
 * Versions in a schema of their own in the database at `url`. Nothing in it is secret or believed: what is no version's
 * name is passed over, whoever adds a name has it asked for in vain, and whoever takes one out has data not opened, which says so.
 *
 * @throws when the database cannot be reached at the start.
 */
export async function openKnownVersions(options: {
  readonly url: string
  readonly onConnectionLost?: () => void
}): Promise<KnownVersions> {
  const database = await openDatabase<unknown>({
    url: options.url,
    schema: 'key_release',
    migrations,
    connectionsMax: 1,
    onConnectionLost: options.onConnectionLost,
  })
  return {
    async of(name) {
      const { rows } = await sql<{ readonly version: string }>`
        select version from key_release.known_version where name = ${name}
        order by since desc, version desc limit ${limits.knownVersionsMax}`.execute(database)
      return rows
        .reverse()
        .map(({ version }) => version)
        .filter((version) => versionPattern.test(version))
    },
    async add(name, version) {
      await sql`insert into key_release.known_version (name, version) values (${name}, ${version})
        on conflict do nothing`.execute(database)
    },
    async remove(name, version, within = database) {
      await sql`delete from key_release.known_version where name = ${name}
        and version = ${version}`.execute(within)
    },
    close: () => database.destroy(),
  }
}

/** It becomes part of a path. @see Key Vault, "key-version" */
const versionPattern = /^[0-9A-Za-z]{1,64}$/

const migrations: Migrations = {
  '0001-known-versions': {
    async up(database: Kysely<unknown>) {
      await sql`create table key_release.known_version (
        name text not null,
        version text not null,
        since timestamptz not null default now(),
        primary key (name, version)
      )`.execute(database)
    },
  },
}
