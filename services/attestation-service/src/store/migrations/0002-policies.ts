import { type Kysely, sql } from 'kysely'

/** What is in force and what waits, sealed; and the history of it. */
export async function up(database: Kysely<unknown>): Promise<void> {
  await sql`create table attestation.policy_state (
    instance text primary key references attestation.instance,
    sequence integer not null,
    sealed bytea not null
  )`.execute(database)
  await sql`create table attestation.policy_event (
    instance text not null references attestation.instance,
    number integer not null,
    at bigint not null,
    action text not null,
    type text,
    version integer,
    jws text,
    token_hash text,
    content_hash text,
    policy_hash text,
    thumbprint text,
    actor jsonb not null,
    approval text,
    problem text,
    primary key (instance, number)
  )`.execute(database)
  await sql`create index policy_event_content on attestation.policy_event (instance, content_hash)`.execute(
    database,
  )
  await sql`create index policy_event_approval on attestation.policy_event (instance, approval)`.execute(
    database,
  )
  // History is written, and never written over.
  await sql`create function attestation.refuse_change() returns trigger language plpgsql as $$
    begin raise exception 'history is append-only'; end
  $$`.execute(database)
  await sql`create trigger append_only before update or delete or truncate on attestation.policy_event
    for each statement execute function attestation.refuse_change()`.execute(database)
}
