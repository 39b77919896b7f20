import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client } from 'pg'
import { startPostgres } from '../local-servers/index.ts'

/** A PostgreSQL server for tests: real, and gone afterwards. */
export interface TestPostgres {
  readonly url: string
  /** Every byte of every table but the server's own, as text would show it and as it is. */
  everything(): Promise<Buffer>
  run(text: string, values?: readonly unknown[]): Promise<readonly Record<string, unknown>[]>
  stop(): Promise<void>
}

/** Starts one with its data in a temporary folder; the disk is not waited for. */
export async function startTestPostgres(): Promise<TestPostgres> {
  const folder = mkdtempSync(join(tmpdir(), 'sealward-postgres-'))
  const options = { folder: join(folder, 'postgres'), password: 'test', durable: false }
  // The port was free a moment ago; where many tests start servers at once, somebody may be faster.
  const server = await startPostgres(options).catch((error: unknown) => {
    process.stderr.write(`PostgreSQL is started once more: ${String(error)}\n`)
    return startPostgres(options)
  })
  const run: TestPostgres['run'] = (text, values) => runIn(server.url, text, values)
  return {
    url: server.url,
    run,
    async everything() {
      const tables = await run(
        `select format('%I.%I', schemaname, tablename) as name from pg_tables
         where schemaname not in ('pg_catalog', 'information_schema')`,
      )
      const parts: Buffer[] = []
      for (const { name } of tables) {
        for (const row of await run(`select t.*, t::text as "row" from ${String(name)} t`)) {
          for (const value of Object.values(row)) {
            parts.push(Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value) ?? ''))
          }
        }
      }
      return Buffer.concat(parts)
    },
    async stop() {
      await server.stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Runs a statement in the database at `url`, over a connection of its own. */
export async function runIn(
  url: string,
  text: string,
  values: readonly unknown[] = [],
): Promise<readonly Record<string, unknown>[]> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return (await client.query(text, [...values])).rows
  } finally {
    await client.end()
  }
}
