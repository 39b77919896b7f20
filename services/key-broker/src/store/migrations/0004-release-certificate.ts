import { type Kysely, sql } from 'kysely'

/** What the answers to releases are signed with, sealed. */
export async function up(database: Kysely<unknown>): Promise<void> {
  await sql`create table broker.release_certificate (
    "only" boolean primary key check ("only"),
    sealed bytea not null
  )`.execute(database)
}
