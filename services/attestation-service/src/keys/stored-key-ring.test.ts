import { randomBytes } from 'node:crypto'
import { createSealer, type MasterKey, type Sealer } from '@sealward/enclave/sealing'
import { systemRandom } from '@sealward/enclave/server'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import {
  startTestPostgres,
  type TestPostgres,
} from '../../../../packages/enclave/src/testing/postgres.ts'
import { holdInstance } from '../instances/hold-instance.ts'
import { type Database, openStore } from '../store/open-store.ts'
import { movableClock } from '../testing/attester.fixtures.ts'
import {
  openStoredKeyRing,
  type StoredKeyRing,
  type StoredKeyRingOptions,
} from './stored-key-ring.ts'

const sealerOf = (): Sealer => createSealer(randomBytes(32) as Uint8Array as MasterKey)
const rotation = { signsForSeconds: 1000, publishedAheadSeconds: 100, tokenLifetimeSeconds: 50 }

let postgres: TestPostgres
let database: Database
let clock: ReturnType<typeof movableClock>
let name: string
let count = 0
const sealer = sealerOf()

beforeAll(async () => {
  postgres = await startTestPostgres()
  database = await openStore({ url: postgres.url })
}, 60_000)
afterAll(async () => {
  await database?.destroy()
  await postgres?.stop()
})
beforeEach(async () => {
  clock = movableClock()
  count += 1
  name = `instance-${count}`
  await holdInstance(database, { name, issuer: issuerOf(name) })
})

const issuerOf = (instance: string): string => `https://${instance}.example`

async function replica(change: Partial<StoredKeyRingOptions> = {}): Promise<StoredKeyRing> {
  const ring = await openStoredKeyRing({
    database,
    sealer,
    instance: { name, issuer: issuerOf(name) },
    kind: { algorithm: 'ES256', rsaBits: 2048 },
    rotation,
    clock,
    random: systemRandom,
    ...change,
  })
  if (!ring.ok) throw new Error(ring.problem.code)
  return ring.value
}

const kids = (ring: StoredKeyRing): readonly string[] => ring.published().map(({ kid }) => kid)

test('replicas that start together on nothing have one key', async () => {
  const rings = await Promise.all(Array.from({ length: 5 }, () => replica()))
  expect(new Set(rings.map((ring) => ring.current().kid)).size).toBe(1)
  expect(
    await postgres.run('select kid from attestation.signing_key where instance = $1', [name]),
  ).toHaveLength(1)
})

test('a key survives a restart', async () => {
  const before = (await replica()).current()
  expect((await replica()).current().jwk).toEqual(before.jwk)
})

test('by age, the next key is published, then signs, and the old one stays until its tokens have expired', async () => {
  const ring = await replica()
  const first = ring.current().kid
  clock.move(899)
  await ring.refresh()
  expect(kids(ring)).toEqual([first])
  clock.move(1)
  await ring.refresh()
  expect(kids(ring)).toHaveLength(2)
  expect(ring.current().kid).toBe(first)
  const second = kids(ring).find((kid) => kid !== first)
  clock.move(99)
  expect(ring.current().kid).toBe(first)
  // It begins to sign at its instant: nothing has to be read for that.
  clock.move(1)
  expect(ring.current().kid).toBe(second)
  clock.move(150)
  await ring.refresh()
  expect(new Set(kids(ring))).toEqual(new Set([first, second]))
  clock.move(1)
  expect(kids(ring)).toEqual([second])
  await ring.refresh()
  expect(
    await postgres.run('select kid from attestation.signing_key where instance = $1', [name]),
  ).toEqual([{ kid: second }])
})

test('no replica signs with a key that another has not published', async () => {
  const rings = await Promise.all(Array.from({ length: 3 }, () => replica()))
  let signed = 0
  // Each reads now and then, at its own times: at least once in the time for which a key is published ahead.
  for (let second = 0; second < 3000; second += 10) {
    for (const [index, ring] of rings.entries()) {
      if ((second / 10) % (3 + 2 * index) === index) await ring.refresh()
    }
    for (const ring of rings) {
      expect(ring.isFresh()).toBe(true)
      const { kid } = ring.current()
      for (const other of rings) expect(kids(other)).toContain(kid)
      signed += 1
    }
    clock.move(10)
  }
  expect(signed).toBe(900)
  expect(new Set(rings.map((ring) => ring.current().kid)).size).toBe(1)
})

test('replicas that rotate at once make one key', async () => {
  const rings = await Promise.all(Array.from({ length: 4 }, () => replica()))
  await Promise.all(rings.map((ring) => ring.rotate()))
  for (const ring of rings) expect((await ring.refresh()).ok).toBe(true)
  for (const ring of rings) expect(new Set(kids(ring))).toEqual(new Set(kids(rings[0] ?? ring)))
  expect(kids(rings[0] as StoredKeyRing)).toHaveLength(2)
  clock.move(100)
  expect(new Set(rings.map((ring) => ring.current().kid)).size).toBe(1)
})

test('another algorithm in the configuration is a rotation like any other', async () => {
  const before = await replica({ rotation: { ...rotation, signsForSeconds: undefined } })
  const after = await replica({
    kind: { algorithm: 'RS256', rsaBits: 2048 },
    rotation: { ...rotation, signsForSeconds: undefined },
  })
  expect(after.current().kid).toBe(before.current().kid)
  await before.refresh()
  expect(
    before
      .published()
      .map(({ algorithm }) => algorithm)
      .sort(),
  ).toEqual(['ES256', 'RS256'])
  clock.move(100)
  expect([before.current().algorithm, after.current().algorithm]).toEqual(['RS256', 'RS256'])
})

test('who could not read the keys for as long as one is published ahead is not fresh', async () => {
  const ring = await replica()
  clock.move(99)
  expect(ring.isFresh()).toBe(true)
  clock.move(1)
  expect(ring.isFresh()).toBe(false)
  await ring.refresh()
  expect(ring.isFresh()).toBe(true)
})

test('a key of one instance is not one of another, and one that was changed is refused', async () => {
  const ring = await replica()
  const { kid } = ring.current()
  const other = `${name}-other`
  await holdInstance(database, { name: other, issuer: issuerOf(other) })
  await postgres.run(
    `insert into attestation.signing_key select $1, kid, sealed from attestation.signing_key where kid = $2`,
    [other, kid],
  )
  const options = { database, sealer, rotation, clock, random: systemRandom } as const
  const kind = { algorithm: 'ES256', rsaBits: 2048 } as const
  const moved = await openStoredKeyRing({
    ...options,
    kind,
    instance: { name: other, issuer: issuerOf(other) },
  })
  expect(moved).toMatchObject({ ok: false, problem: { code: 'signing-key-refused' } })
  await postgres.run(
    `update attestation.signing_key set sealed = set_byte(sealed, 20, 255 - get_byte(sealed, 20)) where instance = $1`,
    [name],
  )
  expect(await ring.refresh()).toMatchObject({
    ok: false,
    problem: { code: 'signing-key-refused' },
  })
  // What was read before stays good for its time.
  expect(ring.current().kid).toBe(kid)
})

test('keys that another key-encryption key sealed are not opened', async () => {
  await replica()
  await expect(replica({ sealer: sealerOf() })).rejects.toThrow('signing-key-refused')
})

test('nothing of a private key is in the database', async () => {
  const ring = await replica()
  const everything = await postgres.everything()
  expect(everything.includes(ring.current().kid)).toBe(true)
  for (const form of ['privateKey', 'ES256', ring.current().jwk.x ?? '-', 'MIGHAgEAMBMGByqGSM49']) {
    expect(everything.includes(form)).toBe(false)
  }
})

test('an instance is held under one issuer, and an issuer under one name', async () => {
  const hold = (instance: string, issuer: string) =>
    holdInstance(database, { name: instance, issuer })
  expect(await hold(name, issuerOf(name))).toMatchObject({ ok: true })
  for (const [instance, issuer] of [
    [name, 'https://other.example'],
    [`${name}-2`, issuerOf(name)],
  ] as const) {
    expect(await hold(instance, issuer)).toMatchObject({
      ok: false,
      problem: { code: 'instance-of-another-issuer' },
    })
  }
})
