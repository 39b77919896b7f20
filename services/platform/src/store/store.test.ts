import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { ok } from '@sealward/attestation/bytes'
import { createSealer, type MasterKey } from '@sealward/enclave/sealing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Line, startLine } from '../../../../packages/enclave/src/testing/line.ts'
import {
  startTestPostgres,
  type TestPostgres,
} from '../../../../packages/enclave/src/testing/postgres.ts'
import {
  databaseAt,
  draft,
  newDatabase,
  type TestDatabase,
  textAt,
  write,
} from './store.fixtures.ts'
import type { Reader, RecordDraft, SealedCache, Store } from './store.ts'

const masterKey = randomBytes(32) as Uint8Array as MasterKey
const sealer = createSealer(masterKey)
let postgres: TestPostgres
let home: TestDatabase
let store: Store

beforeAll(async () => {
  postgres = await startTestPostgres()
  home = databaseAt(postgres, postgres.url)
  store = await home.open({ sealer })
}, 60_000)

afterAll(async () => {
  await home?.close()
  await postgres?.stop()
})

const written = (...drafts: readonly RecordDraft[]): Promise<void> => write(store, ...drafts)

const update = (one: RecordDraft, expected: number): Promise<unknown> =>
  store.transaction((transaction) => transaction.update(one, expected))

test('what was written is read, and nothing is where nothing was written', async () => {
  await written(draft('a1', 'erika'))
  expect(await textAt(store, 'Patient', 'a1')).toBe('erika')
  expect(await store.read('Patient', 'a2')).toEqual(ok(undefined))
})

test('an update makes the next version, and only from the newest', async () => {
  await written(draft('b1', 'one'))
  expect(await update(draft('b1', 'two'), 1)).toMatchObject({ ok: true })
  expect(await update(draft('b1', 'late'), 1)).toMatchObject({
    ok: false,
    problem: { code: 'version-conflict' },
  })
  expect(await store.read('Patient', 'b1')).toMatchObject({ value: { version: 2 } })
  expect(await textAt(store, 'Patient', 'b1')).toBe('two')
})

test('of two updates at once exactly one is made', async () => {
  await written(draft('b2', 'one'))
  const outcomes = (await Promise.all([
    update(draft('b2', 'x'), 1),
    update(draft('b2', 'y'), 1),
  ])) as readonly { readonly ok: boolean }[]
  expect(new Set(outcomes.map((one) => one.ok))).toEqual(new Set([false, true]))
})

test('a transaction that refuses leaves nothing behind', async () => {
  const refused = await store.transaction(async (transaction) => {
    await transaction.create(draft('c1', 'half'))
    return { ok: false, problem: { code: 'not-found', at: 'x', detail: 'x' } }
  })
  expect(refused).toMatchObject({ ok: false, problem: { code: 'not-found' } })
  expect(await store.read('Patient', 'c1')).toEqual(ok(undefined))
})

test('records are found by what they answer to, newest first, and no longer after a change', async () => {
  const lookUps = [{ name: 'n', value: 'v' }]
  await written(draft('d1', '1', { lookUps }), draft('d2', '2', { lookUps }))
  const find = async (): Promise<readonly string[]> => {
    const found = await store.find('Patient', { name: 'n', value: 'v' }, 10)
    return found.ok ? found.value.map(({ id }) => id) : [found.problem.code]
  }
  expect(await find()).toEqual(['d2', 'd1'])
  await update(draft('d2', '2', { lookUps: [] }), 1)
  expect(await find()).toEqual(['d1'])
})

test('two rows whose bytes are swapped are refused', async () => {
  await written(draft('e1', 'first'), draft('e2', 'second'))
  const swap = `update sealward.version v set sealed = o.sealed from sealward.version o
    where v.type = 'Patient' and o.type = 'Patient'
    and ((v.id = 'e1' and o.id = 'e2') or (v.id = 'e2' and o.id = 'e1'))`
  await home.run(swap)
  for (const id of ['e1', 'e2']) {
    expect(await store.read('Patient', id)).toMatchObject({ problem: { code: 'record-refused' } })
  }
  await home.run(swap)
  expect(await textAt(store, 'Patient', 'e1')).toBe('first')
})

test('a row given to another patient is refused', async () => {
  await written(draft('f1', 'one'), draft('f2', 'two'))
  await written(draft('film', 'pixels', { type: 'Film', patient: 'f1' }))
  expect(await textAt(store, 'Film', 'film')).toBe('pixels')
  await home.run(`update sealward.record set patient = 'f2' where type = 'Film' and id = 'film'`)
  expect(await store.read('Film', 'film')).toMatchObject({ problem: { code: 'record-refused' } })
})

test('a database that answers with another row than was asked for is refused', async () => {
  const database = await newDatabase(postgres)
  const honest = await database.open({ sealer })
  await write(honest, draft('asked', 'of one patient'), draft('other', 'of another'))
  const lied = await database.open({ sealer })
  // Whoever runs the database says what equals what: here, `other` answers to `asked`.
  await database.run('create schema lying')
  await database.run(`create function lying.eq(text, text) returns boolean immutable language sql as
    $$ select pg_catalog.texteq($1, case when pg_catalog.texteq($2, 'asked') then 'other' else $2 end) $$`)
  await database.run(
    'create operator lying.= (leftarg = text, rightarg = text, function = lying.eq)',
  )
  await database.run(
    `alter database ${new URL(database.url).pathname.slice(1)} set search_path = lying, pg_catalog, public`,
  )
  // Connections of before do not know.
  await database.run(
    `select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()`,
  )
  await untilAnswered(lied)
  expect(await textAt(lied, 'Patient', 'other')).toBe('of another')
  expect(await textAt(lied, 'Patient', 'asked')).toBe('record-refused')
  await database.close()
})

test('an old version in the place of the newest is refused, with its bytes or with its number', async () => {
  await written(draft('g1', 'old'), draft('g2', 'old'))
  await update(draft('g1', 'new'), 1)
  await update(draft('g2', 'new'), 1)
  await home.run(
    `update sealward.version v set sealed = o.sealed from sealward.version o
     where v.id = 'g1' and v.version = 2 and o.id = 'g1' and o.version = 1`,
  )
  await home.run(`update sealward.record set version = 1 where id = 'g2'`)
  for (const id of ['g1', 'g2']) {
    expect(await store.read('Patient', id)).toMatchObject({ problem: { code: 'record-refused' } })
  }
})

test('a record rolled back whole, or gone, is noticed by whoever saw it newer', async () => {
  await written(draft('h1', 'old'), draft('h2', 'here'))
  await update(draft('h1', 'new'), 1)
  await home.run(`update sealward.record set version = 1 where id = 'h1'`)
  await home.run(`delete from sealward.version where id = 'h1' and version = 2`)
  await home.run(`delete from sealward.version where id = 'h2'`)
  await home.run(`delete from sealward.record where id = 'h2'`)
  for (const id of ['h1', 'h2']) {
    expect(await store.read('Patient', id)).toMatchObject({ problem: { code: 'record-refused' } })
  }
})

test('one flipped bit is refused', async () => {
  await written(draft('i1', 'whole'))
  await home.run(
    `update sealward.version set sealed = set_bit(sealed, (length(sealed) * 8) - 3, 1 - get_bit(sealed, (length(sealed) * 8) - 3)) where id = 'i1'`,
  )
  expect(await store.read('Patient', 'i1')).toMatchObject({ problem: { code: 'record-refused' } })
})

test('destroying the data key destroys what it sealed', async () => {
  await written(draft('j1', 'gone'))
  await home.run(`delete from sealward.data_key where patient = 'j1'`)
  expect(await store.read('Patient', 'j1')).toMatchObject({ problem: { code: 'record-refused' } })
})

test('nothing of what is written or looked for is in the database in clear', async () => {
  const canary = 'Zyxwvutsrq-Canary-4711'
  const lookUps = [{ name: 'Patient.identifier', value: canary }]
  await written(draft('k1', `{"family":"${canary}"}`, { lookUps }))
  await store.find('Patient', { name: 'Patient.identifier', value: canary }, 10)
  const everything = await postgres.everything()
  expect(everything.length).toBeGreaterThan(1000)
  // The scan finds what is there: an id that is stored in clear.
  expect(everything.includes('k1')).toBe(true)
  for (const form of [
    canary,
    canary.toLowerCase(),
    Buffer.from(canary).toString('base64').slice(0, 24),
  ]) {
    expect(everything.includes(form)).toBe(false)
  }
})

test('a database that was sealed under another master key is refused at the start', async () => {
  const other = createSealer(randomBytes(32) as Uint8Array as MasterKey)
  await expect(home.open({ sealer: other })).rejects.toThrow('another master key')
})

test('a database that goes away is unavailable, not a broken program, and is found again', async () => {
  const database = await newDatabase(postgres)
  await write(await database.open({ sealer }), draft('a1', 'erika'))
  const { line, url } = await throughLine(database)
  const remote = await database.open({ sealer, url })
  expect(await textAt(remote, 'Patient', 'a1')).toBe('erika')
  line.cut()
  for (const outcome of [
    await remote.read('Patient', 'a1'),
    await remote.transaction(async (transaction) => transaction.read('Patient', 'a1')),
  ]) {
    expect(outcome).toMatchObject({ ok: false, problem: { code: 'store-unavailable' } })
  }
  line.mend()
  expect(await textAt(remote, 'Patient', 'a1')).toBe('erika')
  await database.close()
  await line.close()
})

test('a database that is not there yet is waited for', async () => {
  const database = await newDatabase(postgres)
  await write(await database.open({ sealer }), draft('a1', 'erika'))
  const { line, url } = await throughLine(database)
  line.cut()
  const opening = database.open({ sealer, url })
  await sleep(300)
  line.mend()
  const late = await opening
  expect(await textAt(late, 'Patient', 'a1')).toBe('erika')
  await database.close()
  await line.close()
})

async function throughLine(
  database: TestDatabase,
): Promise<{ readonly line: Line; readonly url: string }> {
  const url = new URL(database.url)
  const line = await startLine(Number(url.port))
  url.port = String(line.port)
  return { line, url: url.href }
}

async function untilAnswered(reader: Reader): Promise<void> {
  while ((await textAt(reader, 'Patient', 'other')) === 'store-unavailable') await sleep(20)
}

test('the cache holds sealed bytes under keyed names, is used, and is never believed', async () => {
  const held = new Map<string, Uint8Array>()
  let hits = 0
  const cache: SealedCache = {
    get: async (name) => {
      if (held.has(name)) hits++
      return held.get(name)
    },
    set: async (name, sealed) => void held.set(name, sealed),
  }
  const database = await newDatabase(postgres)
  const cached = await database.open({ sealer, cache })
  await write(cached, draft('l1', 'near-canary'))
  expect(await textAt(cached, 'Patient', 'l1')).toBe('near-canary')
  expect(hits).toBe(0)
  expect(await textAt(cached, 'Patient', 'l1')).toBe('near-canary')
  expect(hits).toBe(1)
  for (const [name, sealed] of held) {
    expect(name).not.toContain('l1')
    expect(Buffer.from(sealed).includes('near-canary')).toBe(false)
    held.set(
      name,
      sealed.map((byte) => byte ^ 1),
    )
  }
  expect(await textAt(cached, 'Patient', 'l1')).toBe('near-canary')
  // A newer version is another name: an old value cannot be served for it.
  await cached.transaction((transaction) => transaction.update(draft('l1', 'newer'), 1))
  expect(await textAt(cached, 'Patient', 'l1')).toBe('newer')
  await database.close()
})
