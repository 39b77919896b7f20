import { type Kysely, sql } from 'kysely'

/** Requests of people for a key without attestation, sealed whole. */
export async function up(database: Kysely<unknown>): Promise<void> {
  await sql`create table broker.break_glass (
    id text primary key,
    revision integer not null,
    at bigint not null,
    open boolean not null,
    sealed bytea not null
  )`.execute(database)
  await sql`create index break_glass_open on broker.break_glass (at) where open`.execute(database)
}
