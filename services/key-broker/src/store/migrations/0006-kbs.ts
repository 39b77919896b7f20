import { type Kysely, sql } from 'kysely'

/** Sessions and resources of Trustee's protocol, sealed. */
export async function up(database: Kysely<unknown>): Promise<void> {
  await sql`create table broker.kbs_session (
    id text collate "C" primary key,
    sealed bytea not null,
    expires_at bigint not null
  )`.execute(database)
  await sql`create index kbs_session_expires_at on broker.kbs_session (expires_at)`.execute(
    database,
  )
  await sql`create table broker.kbs_resource (
    path text collate "C" primary key,
    revision integer not null,
    sealed bytea not null
  )`.execute(database)
  await sql`create table broker.kbs_resource_version (
    path text collate "C" not null references broker.kbs_resource on delete cascade,
    number integer not null,
    sealed bytea not null,
    primary key (path, number)
  )`.execute(database)
}
