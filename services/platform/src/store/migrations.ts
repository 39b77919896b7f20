import { createMasterKeyTable, type Migrations } from '@sealward/enclave/database'
import { type Kysely, sql } from 'kysely'

/** Every change of the schema, in order. What has been released is never edited. */
export const migrations: Migrations = {
  '0001-records': {
    async up(db: Kysely<unknown>) {
      await sql`create table sealward.record (
        type text not null,
        id text not null,
        version integer not null check (version > 0),
        patient text,
        position bigint generated always as identity,
        primary key (type, id)
      )`.execute(db)
      await sql`create table sealward.version (
        type text not null,
        id text not null,
        version integer not null check (version > 0),
        sealed bytea not null,
        primary key (type, id, version),
        foreign key (type, id) references sealward.record deferrable initially deferred
      )`.execute(db)
      // Sealed bytes do not compress: trying would cost time for nothing.
      await sql`alter table sealward.version alter column sealed set storage external`.execute(db)
      await sql`create table sealward.look_up (
        value bytea not null,
        type text not null,
        id text not null,
        primary key (value, type, id),
        foreign key (type, id) references sealward.record deferrable initially deferred
      )`.execute(db)
      await sql`create index look_up_record on sealward.look_up (type, id)`.execute(db)
      await sql`create table sealward.data_key (
        patient text primary key,
        wrapped bytea not null
      )`.execute(db)
      await createMasterKeyTable(db, 'sealward')
    },
  },
}
