import { ok, refuse } from '@sealward/attestation/bytes'
import { inTransaction, reaching } from '@sealward/enclave/database'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startLine } from '../../../../packages/enclave/src/testing/line.ts'
import {
  startTestPostgres,
  type TestPostgres,
} from '../../../../packages/enclave/src/testing/postgres.ts'
import { type Database, openStore } from './open-store.ts'

let postgres: TestPostgres
let database: Database
beforeAll(async () => {
  postgres = await startTestPostgres()
  database = await openStore({ url: postgres.url })
}, 60_000)
afterAll(async () => {
  await database?.destroy()
  await postgres?.stop()
})

test('replicas that start together on an empty database make one schema', async () => {
  const url = new URL(postgres.url)
  url.pathname = '/empty'
  await postgres.run('create database empty')
  const replicas = await Promise.all(
    Array.from({ length: 4 }, () => openStore({ url: url.href, connectionsMax: 2 })),
  )
  for (const replica of replicas) {
    expect(await replica.selectFrom('attestation.signing_key').selectAll().execute()).toEqual([])
    await replica.destroy()
  }
})

test('a transaction that refuses leaves nothing behind, and one that ends well does', async () => {
  const insert = (name: string, fails: boolean) =>
    inTransaction(database, async (transaction) => {
      await transaction
        .insertInto('attestation.instance')
        .values({ name, issuer: `https://${name}.example` })
        .execute()
      return fails ? refuse('no', '', 'no') : ok(name)
    })
  expect(await insert('kept', false)).toEqual(ok('kept'))
  expect(await insert('undone', true)).toMatchObject({ ok: false, problem: { code: 'no' } })
  expect(await postgres.run('select name from attestation.instance')).toEqual([{ name: 'kept' }])
})

test('a database that answers nothing counts as away, and is there again when it answers', async () => {
  const line = await startLine(Number(new URL(postgres.url).port))
  const url = new URL(postgres.url)
  url.port = String(line.port)
  const remote = await openStore({ url: url.href, connectionsMax: 1, answerSecondsMax: 0.5 })
  const read = () =>
    reaching(async () => ok(await remote.selectFrom('attestation.instance').selectAll().execute()))
  expect(await read()).toMatchObject({ ok: true })
  line.freeze()
  const since = performance.now()
  expect(await read()).toMatchObject({ ok: false, problem: { code: 'store-unavailable' } })
  expect(performance.now() - since).toBeLessThan(5000)
  line.thaw()
  expect(await read()).toMatchObject({ ok: true })
  await remote.destroy()
  await line.close()
})

test('an error of the database names its state and its table, and no value', async () => {
  const canary = 'canary-of-a-row'
  const row = { name: canary, issuer: canary }
  const twice = reaching(async () =>
    ok(await database.insertInto('attestation.instance').values([row, row]).execute()),
  )
  const thrown = await twice.catch((error: unknown) => error)
  expect(thrown).toBeInstanceOf(Error)
  expect(String(thrown)).toBe('Error: database: 23505 instance')
  expect(JSON.stringify(thrown)).not.toContain(canary)
})
