import { type Kysely, sql } from 'kysely'

/** Keys and their versions, sealed. */
export async function up(database: Kysely<unknown>): Promise<void> {
  await sql`create table broker.key (
    name text collate "C" primary key,
    revision integer not null,
    sealed bytea not null,
    current text not null,
    deleted boolean not null,
    due_at bigint
  )`.execute(database)
  await sql`create index key_due_at on broker.key (due_at) where due_at is not null`.execute(
    database,
  )
  await sql`create table broker.key_version (
    key text collate "C" not null references broker.key on delete cascade,
    id text not null,
    revision integer not null,
    sealed bytea not null,
    primary key (key, id)
  )`.execute(database)
}
