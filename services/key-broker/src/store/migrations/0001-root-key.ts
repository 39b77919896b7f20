import { type Kysely, sql } from 'kysely'

/** The key under which all else is sealed, wrapped by each key-encryption key that opens it. */
export async function up(database: Kysely<unknown>): Promise<void> {
  await sql`create table broker.root_key (
    "only" boolean primary key check ("only"),
    key_id text not null
  )`.execute(database)
  await sql`create table broker.root_key_wrap (
    id text primary key,
    kind text not null,
    wrapped bytea not null,
    recovery jsonb,
    at bigint not null
  )`.execute(database)
}
