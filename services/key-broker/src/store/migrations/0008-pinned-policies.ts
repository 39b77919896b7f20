import { type Kysely, sql } from 'kysely'

/** Immutable policies of keys that were purged: whatever comes back under their names has the same. */
export async function up(database: Kysely<unknown>): Promise<void> {
  await sql`create table broker.pinned_policy (
    name text collate "C" primary key,
    sealed bytea not null
  )`.execute(database)
}
