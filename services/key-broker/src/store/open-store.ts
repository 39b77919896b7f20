import { openDatabase } from '@sealward/enclave/database'
import type { Kysely, Transaction } from 'kysely'
import { migrations } from './migrations/index.ts'
import type { Tables } from './tables.ts'

/** The key broker's part of a PostgreSQL database, or a transaction in it. */
export type Database = Kysely<Tables>
export type DatabaseTransaction = Transaction<Tables>

/**
 * Opens the database at `url` and brings its schema `broker` to the newest version.
 *
 * @throws when it cannot be reached.
 */
export function openStore(options: {
  readonly url: string
  readonly connectionsMax?: number
  readonly answerSecondsMax?: number
  /** Ends the wait for one that cannot be reached yet. */
  readonly signal?: AbortSignal
  /** Told of a lost connection; a new one is opened by itself. */
  readonly onConnectionLost?: () => void
}): Promise<Database> {
  return openDatabase<Tables>({ ...options, schema: 'broker', migrations })
}
