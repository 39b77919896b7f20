import { masterKeyIdsIn, openDatabase } from '@sealward/enclave/database'
import { migrations } from './migrations.ts'
import type { Tables } from './schema.ts'

/** The master keys under which there is data in the database at `url`, by their ids: they are needed, and no new one. */
export async function sealedUnder(url: string): Promise<readonly string[]> {
  const db = await openDatabase<Tables>({ url, schema: 'sealward', migrations, connectionsMax: 1 })
  try {
    return await masterKeyIdsIn(db, 'sealward')
  } finally {
    await db.destroy()
  }
}
