import { type Kysely, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import type { Tables } from './schema.ts'

/** Every change of the schema, in order. What has been released is never edited. */
const migrations: Readonly<Record<string, Migration>> = {
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
      await sql`create table sealward.master_key (
        "only" boolean primary key check ("only"),
        key_id text not null
      )`.execute(db)
    },
  },
}

/** Brings the database to the newest schema. Replicas that start together take turns. */
export async function migrate(db: Kysely<Tables>): Promise<void> {
  await sql`create schema if not exists sealward`.execute(db)
  const migrator = new Migrator({
    db,
    provider: { getMigrations: async () => ({ ...migrations }) },
    migrationTableSchema: 'sealward',
    migrationTableName: 'migration',
    migrationLockTableName: 'migration_lock',
  })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
}
