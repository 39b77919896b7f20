import { createMasterKeyTable, type Migrations } from '@sealward/enclave/database'
import { type Kysely, sql } from 'kysely'

/** Every change of the schema, in order. What has been released is never edited. */
export const migrations: Migrations = {
  '0001-records': {
    async up(db: Kysely<unknown>) {
      await createMasterKeyTable(db, 'sealward')
      await sql`create table sealward.record (
        tenant text not null,
        type text not null,
        id text not null,
        version integer not null check (version > 0),
        patient text,
        position bigint generated always as identity,
        primary key (tenant, type, id)
      )`.execute(db)
      await sql`create index record_patient on sealward.record (tenant, patient)`.execute(db)
      await sql`create table sealward.version (
        tenant text not null,
        type text not null,
        id text not null,
        version integer not null check (version > 0),
        sealed bytea not null,
        proof bytea not null,
        primary key (tenant, type, id, version),
        foreign key (tenant, type, id) references sealward.record deferrable initially deferred
      )`.execute(db)
      // Sealed bytes do not compress: trying would cost time for nothing.
      await sql`alter table sealward.version alter column sealed set storage external`.execute(db)
      // Which data key sealed it says the head of an envelope.
      await sql`create index version_key on sealward.version
        (tenant, substring(sealed from 5 for 16))`.execute(db)
      await sql`create table sealward.look_up (
        tenant text not null,
        value bytea not null,
        type text not null,
        id text not null,
        key_id text not null references sealward.master_key,
        primary key (tenant, value, type, id),
        foreign key (tenant, type, id) references sealward.record deferrable initially deferred
      )`.execute(db)
      await sql`create index look_up_record on sealward.look_up (tenant, type, id)`.execute(db)
      await sql`create index look_up_key on sealward.look_up (key_id, tenant, type, id)`.execute(db)
      await sql`create table sealward.data_key (
        tenant text not null,
        patient text not null,
        key_id text not null references sealward.master_key,
        wrapped bytea not null,
        primary key (tenant, patient)
      )`.execute(db)
      await sql`create index data_key_key on sealward.data_key (key_id)`.execute(db)
      await sql`create table sealward.erased (
        tenant text not null,
        patient text not null,
        sealed bytea not null,
        primary key (tenant, patient)
      )`.execute(db)
      await sql`create table sealward.ledger_block (
        sequence bigint primary key,
        digest bytea not null,
        note bytea
      )`.execute(db)
      await sql`create table sealward.ledger_entry (
        id uuid primary key,
        sealed bytea not null,
        block bigint references sealward.ledger_block
      )`.execute(db)
      await sql`create index ledger_entry_block on sealward.ledger_entry (block, id)`.execute(db)
    },
  },
}
