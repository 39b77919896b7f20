import { type Kysely, sql } from 'kysely'

/** Newest states of others' ledgers, sealed. */
export async function up(database: Kysely<unknown>): Promise<void> {
  await sql`create table broker.anchor (
    name text collate "C" primary key,
    revision bigint not null,
    sealed bytea not null
  )`.execute(database)
}
