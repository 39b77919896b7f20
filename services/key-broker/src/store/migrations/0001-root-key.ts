import { type Kysely, sql } from 'kysely'

/** The key under which all else is sealed, wrapped by the key-encryption key. */
export async function up(database: Kysely<unknown>): Promise<void> {
  await sql`create table broker.root_key (
    "only" boolean primary key check ("only"),
    encryption_key_id text not null,
    wrapped bytea not null
  )`.execute(database)
}
