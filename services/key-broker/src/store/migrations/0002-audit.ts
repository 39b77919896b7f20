import { type Kysely, sql } from 'kysely'

/** What was done, by whom, and how it ended. */
export async function up(database: Kysely<unknown>): Promise<void> {
  await sql`create table broker.audit_entry (
    sequence bigint generated always as identity primary key,
    at bigint not null,
    entry text not null
  )`.execute(database)
}
