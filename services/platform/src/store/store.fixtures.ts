import { randomBytes } from 'node:crypto'
import { ok, textOf, utf8Of } from '@sealward/attestation/bytes'
import type { MasterKey, Sealer } from '@sealward/enclave/sealing'
import { Client } from 'pg'
import type { TestPostgres } from '../../../../packages/enclave/src/testing/postgres.ts'
import type { LookUp } from './look-ups.ts'
import {
  type OpenStoreOptions,
  openStore,
  type Reader,
  type RecordDraft,
  type Store,
} from './store.ts'

export const newMasterKey = (): MasterKey => randomBytes(32) as Uint8Array as MasterKey

/** An empty database of its own, in a server that tests share. */
export interface TestDatabase {
  readonly url: string
  /** Opens a store, which is closed by {@link drop}. */
  open(options: Partial<OpenStoreOptions> & { readonly sealer: Sealer }): Promise<Store>
  /** What the operator of the database does to it. */
  run(text: string, values?: readonly unknown[]): Promise<readonly Record<string, unknown>[]>
  /** As a backup would: everything as it is now. */
  copy(): Promise<TestDatabase>
  /** Closes what was opened. */
  close(): Promise<void>
}

let count = 0

export async function newDatabase(
  postgres: TestPostgres,
  template?: string,
): Promise<TestDatabase> {
  count += 1
  const name = `test_${process.pid}_${count}`
  await postgres.run(
    `create database ${name}${template === undefined ? '' : ` template ${template}`}`,
  )
  const url = new URL(postgres.url)
  url.pathname = `/${name}`
  return databaseAt(postgres, url.href)
}

export function databaseAt(postgres: TestPostgres, address: string): TestDatabase {
  const url = new URL(address)
  const opened: Store[] = []
  const close = async (): Promise<void> => {
    for (const store of opened.splice(0)) await store.close()
  }
  return {
    url: url.href,
    async open(options) {
      const store = await openStore({
        url: url.href,
        lookUpsOf: lookUpsIn,
        anchorEveryMs: 20,
        ...options,
      })
      opened.push(store)
      return store
    },
    async run(text, values = []) {
      const client = new Client({ connectionString: url.href })
      await client.connect()
      try {
        return (await client.query(text, [...values])).rows
      } finally {
        await client.end()
      }
    },
    async copy() {
      const name = url.pathname.slice(1)
      // PostgreSQL copies what nobody is connected to; pools connect again, and not before that.
      await postgres.run(`alter database "${name}" allow_connections false`)
      try {
        await postgres.run(
          'select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1',
          [name],
        )
        return await newDatabase(postgres, name)
      } finally {
        await postgres.run(`alter database "${name}" allow_connections true`)
      }
    },
    close,
  }
}

/** Words of a record of tests are what it is found by. */
export function lookUpsIn({ bytes }: { readonly bytes: Uint8Array }): readonly LookUp[] {
  return wordsOf(textOf(bytes) ?? '')
}

const wordsOf = (text: string): readonly LookUp[] =>
  text
    .split(' ')
    .filter((word) => word.startsWith('#'))
    .map((value) => ({ name: 'word', value }))

export const draft = (id: string, text: string, more: Partial<RecordDraft> = {}): RecordDraft => ({
  type: 'Patient',
  id,
  patient: id,
  bytes: utf8Of(text),
  lookUps: wordsOf(text),
  ...more,
})

/** Writes in one transaction. @throws when it is refused. */
export async function write(store: Store, ...drafts: readonly RecordDraft[]): Promise<void> {
  const result = await store.transaction(async (transaction) => {
    for (const one of drafts) await transaction.create(one)
    return ok(true)
  })
  if (!result.ok) throw new Error(result.problem.code)
}

/** The text of a record, or the code of the problem. */
export async function textAt(
  reader: Reader,
  type: string,
  id: string,
): Promise<string | undefined> {
  const record = await reader.read(type, id)
  return record.ok ? record.value && textOf(record.value.bytes) : record.problem.code
}

export async function idsFound(reader: Reader, word: string): Promise<readonly string[]> {
  const found = await reader.find('Patient', { name: 'word', value: word }, 100)
  return found.ok ? found.value.map(({ id }) => id) : [found.problem.code]
}
