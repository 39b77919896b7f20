import { type Kysely, sql } from 'kysely'

/** Client assertions that were used, and who is denied. */
export async function up(database: Kysely<unknown>): Promise<void> {
  await sql`create table attestation.client_assertion (
    instance text not null references attestation.instance,
    id bytea not null,
    expires_at bigint not null,
    primary key (instance, id)
  )`.execute(database)
  await sql`create index client_assertion_expires_at
    on attestation.client_assertion (expires_at)`.execute(database)
  await sql`create table attestation.deny_list (
    instance text primary key references attestation.instance,
    sequence bigint not null,
    sealed bytea not null
  )`.execute(database)
  await sql`create table attestation.deny_change (
    instance text not null references attestation.instance,
    sequence bigint not null,
    sealed bytea not null,
    primary key (instance, sequence)
  )`.execute(database)
}
