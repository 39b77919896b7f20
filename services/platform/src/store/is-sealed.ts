import { openDatabase } from '@sealward/enclave/database'
import { sql } from 'kysely'
import { migrations } from './migrations.ts'
import type { Tables } from './schema.ts'

/**
 * Whether anything in the database at `url` has been sealed: then the key that it was sealed under is
 * needed, and no new one.
 */
export async function isSealed(url: string): Promise<boolean> {
  const db = await openDatabase<Tables>({ url, schema: 'sealward', migrations, connectionsMax: 1 })
  try {
    const { rows } = await sql<{
      readonly is: boolean
    }>`select exists (select from sealward.master_key) as is`.execute(db)
    return rows[0]?.is === true
  } finally {
    await db.destroy()
  }
}
