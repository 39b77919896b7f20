import { type Kysely, sql } from 'kysely'

/** Policies in force, policy signers, changes that wait for a second person, and the history of all of it. */
export async function up(database: Kysely<unknown>): Promise<void> {
  await sql`create table attestation.policy (
    instance text not null references attestation.instance,
    type text not null,
    version integer not null,
    jws text,
    primary key (instance, type)
  )`.execute(database)
  await sql`create table attestation.policy_signer (
    instance text not null references attestation.instance,
    thumbprint text not null,
    certificate bytea not null,
    primary key (instance, thumbprint)
  )`.execute(database)
  await sql`create table attestation.policy_approval (
    instance text not null references attestation.instance,
    id text not null,
    action text not null,
    type text,
    jws text not null,
    token_hash text not null,
    base_version integer,
    thumbprint text,
    proposer jsonb not null,
    proposed_at bigint not null,
    expires_at bigint not null,
    state text not null,
    primary key (instance, id)
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
    signed_at bigint,
    thumbprint text,
    actor jsonb not null,
    approval text,
    problem text,
    primary key (instance, number)
  )`.execute(database)
  await sql`create index policy_event_content on attestation.policy_event (instance, content_hash)`.execute(
    database,
  )
  // History is written, and never written over.
  await sql`create function attestation.refuse_change() returns trigger language plpgsql as $$
    begin raise exception 'history is append-only'; end
  $$`.execute(database)
  await sql`create trigger append_only before update or delete or truncate on attestation.policy_event
    for each statement execute function attestation.refuse_change()`.execute(database)
}
