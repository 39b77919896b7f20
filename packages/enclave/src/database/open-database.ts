import { setTimeout as sleep } from 'node:timers/promises'
import { Kysely, PostgresDialect, sql } from 'kysely'
import { type Migration, Migrator } from 'kysely/migration'
import { Pool } from 'pg'
import {
  databaseAnswerSecondsMax,
  databaseConnectionsMax,
  databasePatienceSeconds,
} from './limits.ts'
import { isUnavailable, withoutParameters } from './reaching.ts'

/** Changes of a schema by name, applied in the order of their names. What has been released is never edited. */
export type Migrations = Readonly<Record<string, Migration>>

export interface OpenDatabaseOptions {
  readonly url: string
  /** Holds the service's tables, and the list of migrations that were applied. Made if it is not there. */
  readonly schema: string
  readonly migrations: Migrations
  readonly connectionsMax?: number
  /** For a connection, and for the answer to one statement; after that the database counts as away. */
  readonly answerSecondsMax?: number | undefined
  /** Ends the wait for one that cannot be reached yet. */
  readonly signal?: AbortSignal | undefined
  /** Told of a lost connection; the pool opens a new one by itself. */
  readonly onConnectionLost?: (() => void) | undefined
}

/**
 * Opens the database at `url` and brings its schema up to date. Replicas that start together take turns.
 *
 * @throws when it cannot be reached within {@link databasePatienceSeconds}, or a migration fails.
 */
export async function openDatabase<Tables>(options: OpenDatabaseOptions): Promise<Kysely<Tables>> {
  const answerMsMax = (options.answerSecondsMax ?? databaseAnswerSecondsMax) * 1000
  const pool = new Pool({
    connectionString: options.url,
    max: options.connectionsMax ?? databaseConnectionsMax,
    connectionTimeoutMillis: answerMsMax,
    query_timeout: answerMsMax,
    keepAlive: true,
  })
  pool.on('error', () => options.onConnectionLost?.())
  // A connection that is in use says so to whoever uses it; nobody listening would end the process.
  pool.on('connect', (client) => client.on('error', () => {}))
  const database = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) })
  try {
    await untilReachable(database, options.signal)
    await migrate(database, options)
    return database
  } catch (error) {
    await database.destroy()
    throw withoutParameters(error)
  }
}

/** A database that is about to start answers, but takes no connection yet: it is waited for. */
async function untilReachable<Tables>(
  database: Kysely<Tables>,
  signal: AbortSignal | undefined,
): Promise<void> {
  const patientUntil = performance.now() + databasePatienceSeconds * 1000
  for (;;) {
    try {
      await sql`select 1`.execute(database)
      return
    } catch (error) {
      if (!isUnavailable(error) || performance.now() > patientUntil) throw error
      await sleep(100, undefined, { signal })
    }
  }
}

async function migrate<Tables>(
  database: Kysely<Tables>,
  { schema, migrations }: OpenDatabaseOptions,
): Promise<void> {
  await makeSchema(database, schema)
  const migrator = new Migrator({
    db: database,
    provider: { getMigrations: async () => ({ ...migrations }) },
    migrationTableSchema: schema,
    migrationTableName: 'migration',
    migrationLockTableName: 'migration_lock',
  })
  const { error } = await migrator.migrateToLatest()
  if (error !== undefined) throw error
}

/** Of two that make a schema at once, PostgreSQL refuses one: they take turns. */
async function makeSchema<Tables>(database: Kysely<Tables>, schema: string): Promise<void> {
  await database.transaction().execute(async (transaction) => {
    await sql`select pg_advisory_xact_lock(hashtext('sealward.schema'))`.execute(transaction)
    await sql`create schema if not exists ${sql.id(schema)}`.execute(transaction)
  })
}
