import { type Kysely, sql } from 'kysely'

/** What was done, by whom, and how it ended: a chain that grows, and what was signed of it. */
export async function up(database: Kysely<unknown>): Promise<void> {
  await sql`create table broker.audit_entry (
    sequence bigint primary key check (sequence > 0),
    line text not null,
    seal bytea not null
  )`.execute(database)
  await sql`create table broker.audit_checkpoint (
    sequence bigint primary key references broker.audit_entry,
    jws text not null
  )`.execute(database)
  await sql`create table broker.audit_key (
    "only" boolean primary key check ("only"),
    sealed bytea not null
  )`.execute(database)
  // Whoever owns the table can take this away, and is found out by it: what is kept here alone is convenience.
  await sql`create function broker.refuse_change() returns trigger language plpgsql as $$
    begin raise exception 'the audit log is append-only'; end
  $$`.execute(database)
  await sql`create function broker.keep_chain() returns trigger language plpgsql as $$
    declare
      before record;
    begin
      select sequence, encode(sha256(convert_to(line, 'UTF8')), 'hex') as hash into before
        from broker.audit_entry order by sequence desc limit 1;
      if new.sequence <> coalesce(before.sequence, 0) + 1
        or (new.line::json ->> 'sequence')::bigint <> new.sequence
        or new.line::json ->> 'previous' <> coalesce(before.hash, repeat('0', 64))
      then
        raise exception 'the audit log is a chain';
      end if;
      return new;
    end
  $$`.execute(database)
  // Of two that write, one comes second, and sees what the first wrote: each statement of a volatile function looks anew.
  await sql`create function broker.audit_end() returns setof broker.audit_entry
    language plpgsql volatile as $$
    begin
      perform pg_advisory_xact_lock(hashtext('sealward.broker.audit'));
      return query select * from broker.audit_entry order by sequence desc limit 1;
    end
  $$`.execute(database)
  for (const table of ['audit_entry', 'audit_checkpoint']) {
    await sql`create trigger append_only before update or delete or truncate on ${sql.id('broker', table)}
      for each statement execute function broker.refuse_change()`.execute(database)
    await sql`revoke update, delete, truncate on ${sql.id('broker', table)} from public, current_user`.execute(
      database,
    )
  }
  await sql`create trigger chain before insert on broker.audit_entry
    for each row execute function broker.keep_chain()`.execute(database)
}
