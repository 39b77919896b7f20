import { type Kysely, sql } from 'kysely'

/** Makes the table that {@link holdMasterKey} asks. To be part of a service's first migration. */
export async function createMasterKeyTable<Tables>(
  database: Kysely<Tables>,
  schema: string,
): Promise<void> {
  await sql`create table ${sql.id(schema, 'master_key')} (
    "only" boolean primary key check ("only"),
    key_id text not null
  )`.execute(database)
}

/**
 * Names the master key that seals what is in the database, the first time; later compares.
 *
 * @param keyId of a sealer; tells nothing of the key.
 * @throws when what is there was sealed under another.
 */
export async function holdMasterKey<Tables>(
  database: Kysely<Tables>,
  schema: string,
  keyId: string,
): Promise<void> {
  const table = sql.id(schema, 'master_key')
  await sql`insert into ${table} ("only", key_id) values (true, ${keyId}) on conflict ("only") do nothing`.execute(
    database,
  )
  const held = await sql<{ readonly key_id: string }>`select key_id from ${table}`.execute(database)
  if (held.rows[0]?.key_id !== keyId) {
    throw new Error('This database was sealed under another master key.')
  }
}
