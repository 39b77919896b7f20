import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  startTestPostgres,
  type TestPostgres,
} from '../../../../packages/enclave/src/testing/postgres.ts'
import { holdInstance } from '../instances/hold-instance.ts'
import { type Database, openStore } from '../store/open-store.ts'
import type { AssertionMemory } from './assertion-memory.ts'
import { createStoredAssertions } from './stored-assertions.ts'

let postgres: TestPostgres
let database: Database
let instances = 0
beforeAll(async () => {
  postgres = await startTestPostgres()
  database = await openStore({ url: postgres.url })
}, 60_000)
afterAll(async () => {
  await database?.destroy()
  await postgres?.stop()
})

async function newInstance(): Promise<string> {
  const name = `instance-${++instances}`
  await holdInstance(database, { name, issuer: `https://${name}.example` })
  return name
}

const replica = (instance: string, idsMax = 100): AssertionMemory =>
  createStoredAssertions({ database, instance, idsMax, sweepSeconds: 10 })

const rows = (instance: string) =>
  postgres.run('select id from attestation.client_assertion where instance = $1', [instance])

const again = { problem: { code: 'assertion-replayed' } }
const full = { problem: { code: 'replay-memory-full' } }

test('of many replicas that are shown an assertion at once, one takes it', async () => {
  const instance = await newInstance()
  const replicas = Array.from({ length: 8 }, () => replica(instance))
  const taken = await Promise.all(replicas.map((one) => one.admit('key one', 200, 100)))
  expect(taken.filter(({ ok }) => ok)).toHaveLength(1)
  for (const one of taken.filter(({ ok }) => !ok)) expect(one).toMatchObject(again)
})

test('an assertion is remembered through a restart, until it has expired', async () => {
  const instance = await newInstance()
  expect(await replica(instance).admit('key one', 200, 100)).toMatchObject({ ok: true })
  expect(await replica(instance).admit('key one', 200, 200)).toMatchObject(again)
  // Another replica's clock may be ahead: it forgets nothing that this one would take again.
  expect(await replica(instance).admit('key two', 300, 205)).toMatchObject({ ok: true })
  expect(await replica(instance).admit('key one', 200, 200)).toMatchObject(again)
  expect(await replica(instance).admit('key three', 300, 206)).toMatchObject({ ok: true })
  expect(await rows(instance)).toHaveLength(2)
})

test('instances do not share what they remember', async () => {
  const [one, other] = [await newInstance(), await newInstance()]
  expect(await replica(one).admit('key one', 200, 100)).toMatchObject({ ok: true })
  expect(await replica(other).admit('key one', 200, 100)).toMatchObject({ ok: true })
})

test('when no more can be remembered nobody is let in, until some have expired', async () => {
  const instance = await newInstance()
  const memory = replica(instance, 3)
  for (const id of ['a', 'b', 'c']) {
    expect(await memory.admit(id, 150, 100)).toMatchObject({ ok: true })
  }
  expect(await memory.admit('d', 150, 101)).toMatchObject(full)
  // A replica that starts now counts what is there.
  expect(await replica(instance, 3).admit('d', 150, 101)).toMatchObject(full)
  expect(await memory.admit('d', 250, 156)).toMatchObject({ ok: true })
  expect(await rows(instance)).toHaveLength(1)
})

test('what was said is not kept, and a database that is away lets nobody in', async () => {
  const own = await startTestPostgres()
  const away = await openStore({ url: own.url })
  await holdInstance(away, { name: 'away', issuer: 'https://away.example' })
  const memory = createStoredAssertions({
    database: away,
    instance: 'away',
    idsMax: 10,
    sweepSeconds: 10,
  })
  expect(await memory.admit('canary-of-an-id', 200, 100)).toMatchObject({ ok: true })
  expect((await own.everything()).toString('latin1')).not.toContain('canary')
  await own.stop()
  expect(await memory.admit('another', 200, 100)).toMatchObject({
    problem: { code: 'store-unavailable' },
  })
  await away.destroy()
}, 60_000)
