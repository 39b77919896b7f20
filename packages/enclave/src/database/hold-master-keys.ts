import { type Kysely, sql } from 'kysely'

/**
 * Makes the table that {@link holdMasterKeys} asks: the master keys that what is stored may need. To be
 * part of a service's first migration.
 */
export async function createMasterKeyTable<Tables>(
  database: Kysely<Tables>,
  schema: string,
): Promise<void> {
  await sql`create table ${sql.id(schema, 'master_key')} (
    key_id text primary key,
    since timestamptz not null default now()
  )`.execute(database)
}

/** What a sealer can open; see `MasterKeys`. */
export interface HeldMasterKeys {
  readonly current: { readonly keyId: string }
  byId(keyId: string): object | undefined
}

/** Something was sealed under a key that is not at hand. */
export class MasterKeyMissing extends Error {}

/**
 * Names the current master key among those that seal what is in the database. All that are named there
 * already have to be at hand; a new one joins them.
 *
 * The names are a convenience: they tell a wrong key from damaged data. Whoever changes them in the
 * database gains nothing, for what is sealed says itself, authenticated, under which key it is.
 *
 * @throws MasterKeyMissing
 */
export async function holdMasterKeys<Tables>(
  database: Kysely<Tables>,
  schema: string,
  keys: HeldMasterKeys,
): Promise<void> {
  await database.transaction().execute(async (transaction) => {
    const table = sql.id(schema, 'master_key')
    // Of two replicas that start at once, each sees what the other named.
    await sql`lock table ${table} in share row exclusive mode`.execute(transaction)
    const named = await masterKeyIdsIn(transaction, schema)
    if (named.some((keyId) => keys.byId(keyId) === undefined)) {
      throw new MasterKeyMissing('This database was sealed under another master key.')
    }
    const { keyId } = keys.current
    if (!named.includes(keyId)) {
      await sql`insert into ${table} (key_id) values (${keyId})`.execute(transaction)
    }
  })
}

/** The master keys that what is stored may need, by their ids. */
export async function masterKeyIdsIn<Tables>(
  database: Kysely<Tables>,
  schema: string,
): Promise<readonly string[]> {
  const table = sql.id(schema, 'master_key')
  const { rows } = await sql<{
    readonly key_id: string
  }>`select key_id from ${table} order by since, key_id`.execute(database)
  return rows.map(({ key_id }) => key_id)
}
