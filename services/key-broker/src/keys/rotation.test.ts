/** What happens to keys by itself, as time goes by. */

import { ok } from '@sealward/attestation/bytes'
import { createSealer, type MasterKey } from '@sealward/enclave/sealing'
import { systemRandom } from '@sealward/enclave/server'
import { createLogger } from '@sealward/enclave/telemetry'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import {
  startTestPostgres,
  type TestPostgres,
} from '../../../../packages/enclave/src/testing/postgres.ts'
import type { AuditEvent } from '../audit/audit.ts'
import type { Broker } from '../broker.ts'
import { type Database, openStore } from '../store/open-store.ts'
import { createKeyChanges, type KeyChanges } from './key-changes.ts'
import { createKeyStore, type StoredVersion } from './key-store.ts'
import { after, type RotationPolicy } from './rotation-policy.ts'

let postgres: TestPostgres
let database: Database
let other: Database
const start = 1_800_000_000
let at = start
const events: AuditEvent[] = []
const sealer = createSealer(new Uint8Array(32).fill(5) as MasterKey)
const store = createKeyStore(sealer)
const officer = { kind: 'person', subject: 'an officer' } as const
const day = 86_400

beforeAll(async () => {
  postgres = await startTestPostgres()
  database = await openStore({ url: postgres.url })
  other = await openStore({ url: postgres.url })
})
afterAll(async () => {
  await database.destroy()
  await other.destroy()
  await postgres.stop()
})

function changesOver(over: Database): KeyChanges {
  const broker: Pick<
    Broker,
    'audit' | 'clock' | 'database' | 'log' | 'random' | 'recoverableDays' | 'sealer'
  > = {
    database: over,
    sealer,
    audit: {
      keys: [],
      append: async (_transaction, event) => void events.push(event),
      checkpoint: async () => '',
      page: async () => [],
    },
    recoverableDays: 7,
    clock: { now: () => at },
    random: systemRandom,
    log: createLogger('key-broker', { write: () => {} }),
  }
  return createKeyChanges(broker as Broker)
}

afterEach(() => postgres.run('delete from broker.key'))

async function made(name: string, policy?: RotationPolicy, expiresAt?: number): Promise<void> {
  at = start
  const changes = changesOver(database)
  const spec = { kty: 'oct', bits: 256 } as const
  const key = await changes.create(officer, name, { type: 'oct', spec, expiresAt })
  expect(key).toMatchObject({ ok: true })
  if (policy !== undefined) {
    expect(await changes.setRotation(officer, name, policy)).toMatchObject({ ok: true })
  }
}

async function current(name: string): Promise<StoredVersion> {
  const version = await store.readVersion(database, name)
  if (!version.ok) throw new Error(version.problem.code)
  return version.value
}

async function sweptAt(instant: number): Promise<unknown> {
  at = instant
  return changesOver(database).sweep()
}

const none = { rotate: 0, purge: 0, notify: 0 }

test('a key is rotated when its time has come, and not a second before', async () => {
  const rotate = { does: 'rotate', trigger: 'timeAfterCreate', duration: 'P30D' } as const
  await made('timed', { actions: [rotate], expiryTime: 'P90D' })
  const first = await current('timed')
  expect(await sweptAt(start + 30 * day - 1)).toEqual(ok(none))
  expect(await sweptAt(start + 30 * day)).toEqual(ok({ ...none, rotate: 1 }))
  const second = await current('timed')
  expect(second.key.versions.length).toBe(2)
  expect(second.entry.id).not.toBe(first.entry.id)
  expect(second.version.expiresAt).toBe(start + 120 * day)
  expect(events.at(-1)).toMatchObject({ actor: { kind: 'broker' }, action: 'key-rotate' })
  expect(await sweptAt(start + 60 * day - 1)).toEqual(ok(none))
  // Somebody rotated by hand: the time begins anew.
  await changesOver(database).rotate(officer, 'timed')
  expect(await sweptAt(start + 60 * day)).toEqual(ok(none))
  expect(await sweptAt(start + 90 * day)).toEqual(ok({ ...none, rotate: 1 }))
})

test('before its end, if that is what the policy says', async () => {
  const rotate = { does: 'rotate', trigger: 'timeBeforeExpiry', duration: 'P10D' } as const
  await made('before-end', { actions: [rotate], expiryTime: 'P40D' }, start + 20 * day)
  expect(await sweptAt(start + 10 * day - 1)).toEqual(ok(none))
  expect(await sweptAt(start + 10 * day)).toEqual(ok({ ...none, rotate: 1 }))
  expect((await current('before-end')).version.expiresAt).toBe(start + 50 * day)
})

test('of two brokers one does what is due', async () => {
  const rotate = { does: 'rotate', trigger: 'timeAfterCreate', duration: 'PT1H' } as const
  await made('of-two', { actions: [rotate] })
  at = start + 3600
  const swept = await Promise.all(
    [database, other, database, other].map((over) => changesOver(over).sweep()),
  )
  const rotations = swept.map((one) => (one.ok ? one.value.rotate : Number.NaN))
  expect(rotations.reduce((sum, count) => sum + count, 0)).toBe(1)
  expect((await current('of-two')).key.versions.length).toBe(2)
})

test('that a key expires is told once, a month before, and anew when its end has changed', async () => {
  await made('expiring', undefined, start + 100 * day)
  expect(await sweptAt(start + 70 * day - 1)).toEqual(ok(none))
  expect(await sweptAt(start + 70 * day)).toEqual(ok({ ...none, notify: 1 }))
  expect(events.at(-1)).toMatchObject({
    action: 'key-expires-soon',
    details: { expiresAt: start + 100 * day },
  })
  expect(await sweptAt(start + 99 * day)).toEqual(ok(none))
  const changes = changesOver(database)
  await changes.update(officer, 'expiring', undefined, { expiresAt: start + 200 * day })
  expect(await sweptAt(start + 169 * day)).toEqual(ok(none))
  expect(await sweptAt(start + 170 * day)).toEqual(ok({ ...none, notify: 1 }))
})

test('a deleted key is purged when nobody may recover it any more', async () => {
  await made('forgotten')
  await changesOver(database).remove(officer, 'forgotten')
  expect(await sweptAt(start + 7 * day - 1)).toEqual(ok(none))
  expect(await store.read(database, 'forgotten')).toMatchObject({ ok: true })
  expect(await sweptAt(start + 7 * day)).toEqual(ok({ ...none, purge: 1 }))
  expect(await store.read(database, 'forgotten')).toMatchObject({
    ok: false,
    problem: { code: 'key-unknown' },
  })
  const left = await postgres.run("select 1 from broker.key_version where key = 'forgotten'")
  expect(left).toEqual([])
})

test('a record that was changed stops nothing else', async () => {
  const rotate = { does: 'rotate', trigger: 'timeAfterCreate', duration: 'P1D' } as const
  await made('changed', { actions: [rotate] })
  await made('sound', { actions: [rotate] })
  await postgres.run("update broker.key set sealed = '\\x00' where name = 'changed'")
  expect(await sweptAt(start + day)).toEqual(ok({ ...none, rotate: 1 }))
  expect((await current('sound')).key.versions.length).toBe(2)
})

test('calendar months are what they are', () => {
  const instant = (text: string): number => Date.parse(text) / 1000
  const days: readonly (readonly [string, string, string])[] = [
    ['2027-01-31T12:00:00Z', 'P1M', '2027-02-28T12:00:00Z'],
    ['2028-01-31T12:00:00Z', 'P1M', '2028-02-29T12:00:00Z'],
    ['2028-02-29T12:00:00Z', 'P1Y', '2029-02-28T12:00:00Z'],
    ['2027-12-15T00:00:00Z', 'P2M', '2028-02-15T00:00:00Z'],
    ['2027-01-01T00:00:00Z', 'P1W', '2027-01-08T00:00:00Z'],
    ['2027-01-01T00:00:00Z', 'P1DT1H2M3S', '2027-01-02T01:02:03Z'],
  ]
  for (const [from, duration, to] of days) {
    expect([duration, after(instant(from), duration)]).toEqual([duration, instant(to)])
  }
  expect(after(instant('2027-03-31T00:00:00Z'), 'P1M', -1)).toBe(instant('2027-02-28T00:00:00Z'))
})
