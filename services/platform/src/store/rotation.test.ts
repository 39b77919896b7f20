import { setTimeout as sleep } from 'node:timers/promises'
import { ok } from '@sealward/attestation/bytes'
import {
  createSealer,
  loadMasterKeys,
  type MasterKey,
  masterKeyIdOf,
  masterKeysOf,
  type Sealer,
} from '@sealward/enclave/sealing'
import { createLogger } from '@sealward/enclave/telemetry'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  startTestPostgres,
  type TestPostgres,
} from '../../../../packages/enclave/src/testing/postgres.ts'
import { keepSwept } from './keep-swept.ts'
import type { KeyUse } from './rotation.ts'
import {
  draft,
  idsFound,
  newDatabase,
  newMasterKey,
  type TestDatabase,
  textAt,
  write,
} from './store.fixtures.ts'
import type { Store } from './store.ts'

const sealerOf = (current: MasterKey, ...others: readonly MasterKey[]): Sealer =>
  createSealer(masterKeysOf(current, ...others), { tenant: 'hospital' })
let postgres: TestPostgres

beforeAll(async () => {
  postgres = await startTestPostgres()
}, 60_000)

afterAll(() => postgres?.stop(), 60_000)

async function usesOf(store: Store): Promise<readonly KeyUse[]> {
  const uses = await store.rotation.uses()
  if (!uses.ok) throw new Error(uses.problem.code)
  return uses.value
}

/** A database with patients under a key. */
async function filled(key: MasterKey, patients: number): Promise<TestDatabase> {
  const database = await newDatabase(postgres)
  const store = await database.open({ sealer: sealerOf(key) })
  for (let index = 0; index < patients; index++) {
    await write(store, draft(`p${index}`, `name #${index} #all`))
  }
  await database.close()
  return database
}

test('what is old is read and found under a new key, moved by a sweep, and then needs the old key no more', async () => {
  const [old, next] = [newMasterKey(), newMasterKey()]
  const database = await filled(old, 5)
  const sealedBefore = await database.run('select sealed from sealward.version order by id')
  const store = await database.open({ sealer: sealerOf(next, old) })
  expect(await textAt(store, 'Patient', 'p3')).toBe('name #3 #all')
  expect(await idsFound(store, '#3')).toEqual(['p3'])
  // Five patients, the tenant, the database; two look-ups each.
  expect(await usesOf(store)).toEqual([
    { keyId: masterKeyIdOf(old), isCurrent: false, dataKeys: 7, lookUps: 10 },
    { keyId: masterKeyIdOf(next), isCurrent: true, dataKeys: 0, lookUps: 0 },
  ])
  expect(await store.rotation.retire(masterKeyIdOf(old))).toEqual(ok(false))
  expect(await store.rotation.sweep()).toEqual(ok(true))
  expect(await usesOf(store)).toEqual([
    { keyId: masterKeyIdOf(old), isCurrent: false, dataKeys: 0, lookUps: 0 },
    { keyId: masterKeyIdOf(next), isCurrent: true, dataKeys: 7, lookUps: 10 },
  ])
  expect(await store.rotation.retire(masterKeyIdOf(old))).toEqual(ok(true))
  expect(await store.rotation.retire(masterKeyIdOf(next))).toEqual(ok(false))
  await database.close()
  // Data was not sealed again, and the new key alone opens and finds it.
  expect(await database.run('select sealed from sealward.version order by id')).toEqual(
    sealedBefore,
  )
  const later = await database.open({ sealer: sealerOf(next) })
  expect(await textAt(later, 'Patient', 'p3')).toBe('name #3 #all')
  expect(await idsFound(later, '#3')).toEqual(['p3'])
  expect((await idsFound(later, '#all')).length).toBe(5)
  await database.close()
  await expect(database.open({ sealer: sealerOf(old) })).rejects.toThrow('another master key')
})

test('an old key that is needed is needed: without it the database is not opened', async () => {
  const database = await filled(newMasterKey(), 1)
  await expect(database.open({ sealer: sealerOf(newMasterKey()) })).rejects.toThrow(
    'another master key',
  )
})

test('whoever is written about is moved on the way', async () => {
  const [old, next] = [newMasterKey(), newMasterKey()]
  const database = await filled(old, 2)
  const store = await database.open({ sealer: sealerOf(next, old) })
  await store.transaction((transaction) => transaction.update(draft('p0', 'new #0'), 1))
  const rows = await database.run(
    `select patient, key_id from sealward.data_key where patient <> '' order by patient`,
  )
  expect(rows).toEqual([
    { patient: 'p0', key_id: masterKeyIdOf(next) },
    { patient: 'p1', key_id: masterKeyIdOf(old) },
  ])
  expect(await idsFound(store, '#0')).toEqual(['p0'])
  await database.close()
})

test('a sweep that is stopped goes on where it was', async () => {
  const [old, next] = [newMasterKey(), newMasterKey()]
  const database = await filled(old, 230)
  const store = await database.open({ sealer: sealerOf(next, old) })
  const stop = new AbortController()
  const steps: number[] = []
  await store.rotation.sweep({
    signal: stop.signal,
    onStep: ({ dataKeys }) => {
      steps.push(dataKeys)
      stop.abort()
    },
  })
  expect(steps).toEqual([100])
  expect((await usesOf(store)).map(({ dataKeys }) => dataKeys)).toEqual([132, 100])
  await store.rotation.sweep()
  expect((await usesOf(store)).map(({ dataKeys }) => dataKeys)).toEqual([0, 232])
  await database.close()
})

test('a sweep that dies with its connection leaves nothing half moved', async () => {
  const [old, next] = [newMasterKey(), newMasterKey()]
  const database = await filled(old, 120)
  const dying = await database.open({ sealer: sealerOf(next, old) })
  const kills: Promise<unknown>[] = []
  const killed = dying.rotation.sweep({
    onStep: ({ records }) => {
      if (records > 0) return
      kills.push(
        database.run(
          'select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()',
        ),
      )
    },
  })
  expect(await killed.catch(() => ({ ok: false }))).toMatchObject({ ok: false })
  // One may be killed by the other.
  await Promise.allSettled(kills)
  await database.close()
  const store = await database.open({ sealer: sealerOf(next, old) })
  for (const index of [0, 60, 119]) {
    expect(await textAt(store, 'Patient', `p${index}`)).toBe(`name #${index} #all`)
    expect(await idsFound(store, `#${index}`)).toEqual([`p${index}`])
  }
  expect(await store.rotation.sweep()).toEqual(ok(true))
  expect(await store.rotation.retire(masterKeyIdOf(old))).toEqual(ok(true))
  await database.close()
  const later = await database.open({ sealer: sealerOf(next) })
  expect((await idsFound(later, '#all')).length).toBe(100)
  await database.close()
})

test('under load, with replicas of different current keys, nothing is lost and nothing is missed', async () => {
  const [old, next] = [newMasterKey(), newMasterKey()]
  const database = await filled(old, 40)
  // The one replica has rolled; the other knows the new key, and still writes under the old one.
  const rolled = await database.open({ sealer: sealerOf(next, old) })
  const behind = await database.open({ sealer: sealerOf(old, next) })
  let isDone = false
  const problems: string[] = []
  let writes = 0
  const load = async (store: Store, name: string): Promise<void> => {
    for (let round = 0; !isDone || round < 10; round++) {
      const id = `${name}-${round}`
      await write(store, draft(id, `x #${id}`))
      const updated = await store.transaction(async (transaction) => {
        const read = await transaction.read('Patient', id)
        if (!read.ok) return read
        if (read.value === undefined) throw new Error('it was just written')
        return transaction.update(draft(id, `y #${id}`), read.value.version)
      })
      if (!updated.ok) problems.push(updated.problem.code)
      // Each finds what the other writes.
      for (const reader of [rolled, behind]) {
        const found = await idsFound(reader, `#${id}`)
        if (found.join() !== id) problems.push(`${id} is not found: ${found.join()}`)
      }
      const index = round % 40
      for (const reader of [rolled, behind]) {
        const text = await textAt(reader, 'Patient', `p${index}`)
        if (text !== `name #${index} #all`) problems.push(`p${index}: ${text}`)
      }
      writes += 1
    }
  }
  const loads = [load(rolled, 'a'), load(behind, 'b')]
  expect(await rolled.rotation.sweep()).toEqual(ok(true))
  // The replica that is behind does not move anything back.
  expect(await behind.rotation.sweep()).toEqual(ok(true))
  isDone = true
  await Promise.all(loads)
  expect(problems).toEqual([])
  expect(writes).toBeGreaterThan(15)
  await rolled.rotation.sweep()
  expect(await rolled.rotation.retire(masterKeyIdOf(old))).toEqual(ok(true))
  // Whoever still seals under the retired key is refused, and reads on.
  await expect(write(behind, draft('late', 'x'))).rejects.toThrow('key-unavailable')
  expect(await textAt(behind, 'Patient', 'p1')).toBe('name #1 #all')
  expect((await usesOf(rolled)).map(({ keyId }) => keyId)).toEqual([masterKeyIdOf(next)])
  await database.close()
  await database.open({ sealer: sealerOf(next) })
  await database.close()
}, 60_000)

/** Time goes by for the keys that are in use. */
const daysLater = (database: TestDatabase, days: number): Promise<unknown> =>
  database.run(`update sealward.master_key set since = since - make_interval(days => $1)`, [days])
const month = 30 * 24 * 3600

test('an older key is taken out of use when nothing needs it and the grace is over, counted from when it was replaced', async () => {
  const [old, next, newest] = [newMasterKey(), newMasterKey(), newMasterKey()]
  const database = await filled(old, 3)
  const told: string[] = []
  const onRetire = async (keyId: string): Promise<void> => void told.push(keyId)
  const store = await database.open({ sealer: sealerOf(next, old), onRetire })
  await daysLater(database, 31)
  // Long replaced, and needed still.
  expect(await store.rotation.retireOlder(month)).toEqual(ok([]))
  await store.rotation.sweep()
  await database.run(`update sealward.master_key set since = now() where key_id = $1`, [
    masterKeyIdOf(next),
  ])
  expect(await store.rotation.retireOlder(month)).toEqual(ok([]))
  await daysLater(database, 20)
  // Another rotation begins no other grace for the key of before.
  const rolled = await database.open({ sealer: sealerOf(newest, next, old), onRetire })
  await rolled.rotation.sweep()
  expect(await rolled.rotation.retireOlder(month)).toEqual(ok([]))
  await daysLater(database, 11)
  const both = await Promise.all([
    rolled.rotation.retireOlder(month),
    rolled.rotation.retireOlder(month),
  ])
  // Two at once do it once.
  expect(both.flatMap((one) => (one.ok ? one.value : [one.problem.code]))).toEqual([
    masterKeyIdOf(old),
  ])
  expect(told).toEqual([masterKeyIdOf(old)])
  await daysLater(database, 20)
  expect(await rolled.rotation.retireOlder(month)).toEqual(ok([masterKeyIdOf(next)]))
  expect((await usesOf(rolled)).map(({ keyId }) => keyId)).toEqual([masterKeyIdOf(newest)])
  await database.close()
  const later = await database.open({ sealer: sealerOf(newest) })
  expect(await textAt(later, 'Patient', 'p1')).toBe('name #1 #all')
  await database.close()
})

test('a key that a row says of itself it is under is not taken out of use, whatever is written beside that row', async () => {
  const [old, next] = [newMasterKey(), newMasterKey()]
  const database = await filled(old, 2)
  const store = await database.open({ sealer: sealerOf(next, old) })
  await database.run(`update sealward.data_key set key_id = $1 where patient = 'p0'`, [
    masterKeyIdOf(next),
  ])
  expect(await store.rotation.sweep()).toEqual(ok(true))
  expect(await store.rotation.retire(masterKeyIdOf(old))).toEqual(ok(false))
  expect(await store.rotation.retireOlder(0)).toEqual(ok([]))
  // Whoever is written about is moved, and then nothing needs it.
  await store.transaction((transaction) => transaction.update(draft('p0', 'new #0'), 1))
  expect(await store.rotation.retire(masterKeyIdOf(old))).toEqual(ok(true))
  expect(await textAt(store, 'Patient', 'p0')).toBe('new #0')
  await database.close()
})

test('where what goes with it fails, the key stays in use', async () => {
  const [old, next] = [newMasterKey(), newMasterKey()]
  const database = await filled(old, 1)
  const store = await database.open({
    sealer: sealerOf(next, old),
    onRetire: () => Promise.reject(new Error('no')),
  })
  await store.rotation.sweep()
  await expect(store.rotation.retireOlder(0)).rejects.toThrow('no')
  expect((await usesOf(store)).map(({ keyId }) => keyId)).toContain(masterKeyIdOf(old))
  await database.close()
})

test('a process that lets go of retired keys goes on without them, more often than a ring has places', async () => {
  const database = await newDatabase(postgres)
  let held = { current: newMasterKey(), others: [] as readonly MasterKey[] }
  const forget = (keyId: string): void => {
    held = { ...held, others: held.others.filter((key) => masterKeyIdOf(key) !== keyId) }
  }
  const keys = await loadMasterKeys(async () => held, forget)
  const store = await database.open({ sealer: createSealer(keys, { tenant: 'hospital' }) })
  for (let round = 0; round < 66; round++) {
    held = { current: newMasterKey(), others: [held.current, ...held.others] }
    await keys.renew?.()
    if (round % 8 === 0) await write(store, draft(`p${round}`, `name #${round}`))
    expect(await store.rotation.sweep()).toEqual(ok(true))
    expect(await store.rotation.retireOlder(0)).toMatchObject({ ok: true })
    expect(await store.rotation.letGo()).toEqual(ok(true))
    expect(keys.all().map(({ keyId }) => keyId)).toEqual([masterKeyIdOf(held.current)])
  }
  await write(store, draft('device', 'a model', { type: 'Device', patient: undefined }))
  expect(await textAt(store, 'Patient', 'p8')).toBe('name #8')
  expect(await textAt(store, 'Device', 'device')).toBe('a model')
  expect(await store.settled()).toEqual(ok(true))
  await database.close()
}, 60_000)

test('in the background keys are moved, and retired with a line that names the version that may be destroyed', async () => {
  const [old, next] = [newMasterKey(), newMasterKey()]
  const database = await filled(old, 2)
  const store = await database.open({ sealer: sealerOf(next, old) })
  const lines: string[] = []
  const log = createLogger('test', { write: (line) => void lines.push(line) })
  const versionOf = (keyId: string): string | undefined =>
    keyId === masterKeyIdOf(old) ? 'v1' : 'v2'
  const events = (): readonly string[] =>
    lines
      .map((line) => JSON.parse(line))
      .map(({ event, version, count }) =>
        [event, version, count].filter((one) => one !== undefined).join(' '),
      )
  const patient = keepSwept(store.rotation, log, {
    everyMs: 20,
    retiring: { afterSeconds: month, versionOf },
  })
  await expect.poll(events).toContain('keys-moved 6')
  await sleep(100)
  const before = ['keys-moved 6', 'master-key-in-use v1 0', 'master-key-in-use v2 8']
  expect(events()).toEqual(before)
  await patient.close()
  const prompt = keepSwept(store.rotation, log, {
    everyMs: 20,
    retiring: { afterSeconds: 0, versionOf },
  })
  await expect.poll(events).toContain('master-key-retired v1')
  await sleep(100)
  await prompt.close()
  expect(events()).toEqual([...before, 'master-key-retired v1', 'master-key-in-use v2 8'])
  await database.close()
})

test('a key that rolls in the middle of a write, or before many at once, keeps nobody waiting for a connection', async () => {
  const [old, next, newest] = [newMasterKey(), newMasterKey(), newMasterKey()]
  const database = await filled(old, 2)
  let held = { current: old, others: [] as readonly MasterKey[] }
  const keys = await loadMasterKeys(async () => held)
  const sealer = createSealer(keys, { tenant: 'hospital' })
  const store = await database.open({ sealer, connectionsMax: 2 })
  held = { current: next, others: [old] }
  await keys.renew?.()
  const writes = Array.from({ length: 12 }, (_, index) => write(store, draft(`q${index}`, 'x #q')))
  await Promise.all(writes)
  let runs = 0
  const outcome = await store.transaction(async (transaction) => {
    runs += 1
    await transaction.create(draft('first', 'one #first'))
    held = { current: newest, others: [next, old] }
    await keys.renew?.()
    await transaction.create(draft('second', 'two #second'))
    return ok(true)
  })
  expect(outcome).toEqual(ok(true))
  expect(runs).toBeLessThanOrEqual(2)
  expect(await idsFound(store, '#first')).toEqual(['first'])
  expect(await idsFound(store, '#second')).toEqual(['second'])
  expect(await idsFound(store, '#q')).toHaveLength(12)
  await database.close()
}, 15_000)

test('two that write about the same patients in another order, while a key rolls, do not wait for each other', async () => {
  const [old, next] = [newMasterKey(), newMasterKey()]
  const database = await filled(old, 2)
  const store = await database.open({ sealer: sealerOf(next, old) })
  let arrived = 0
  const meet = async (): Promise<void> => {
    arrived += 1
    await expect.poll(() => arrived, { interval: 5 }).toBe(2)
  }
  const both = [['p0', 'p1'] as const, ['p1', 'p0'] as const].map(([first, second], index) =>
    store.transaction(async (transaction) => {
      await transaction.create(draft(`film-${index}-1`, 'x', { type: 'Film', patient: first }))
      await meet()
      await transaction.create(draft(`film-${index}-2`, 'x', { type: 'Film', patient: second }))
      return ok(true)
    }),
  )
  expect(await Promise.all(both)).toEqual([ok(true), ok(true)])
  for (const film of ['film-0-1', 'film-0-2', 'film-1-1', 'film-1-2']) {
    expect(await textAt(store, 'Film', film)).toBe('x')
  }
  await database.close()
})

test('a replica that rolls to a key, and finds a newer one in use already, asks for that one before it writes or sweeps', async () => {
  const [old, next, newest] = [newMasterKey(), newMasterKey(), newMasterKey()]
  const database = await filled(old, 2)
  let held = { current: old, others: [] as readonly MasterKey[] }
  let isAway = false
  const keys = await loadMasterKeys(async () => {
    if (isAway) throw new Error('away')
    return held
  })
  const slow = await database.open({ sealer: createSealer(keys, { tenant: 'hospital' }) })
  await database.open({ sealer: sealerOf(newest, old) })
  held = { current: next, others: [old] }
  await keys.renew?.()
  isAway = true
  await expect(write(slow, draft('early', 'x'))).rejects.toThrow('key-unavailable')
  expect(await slow.rotation.sweep()).toMatchObject({ problem: { code: 'key-unavailable' } })
  expect(await slow.rotation.retireOlder(0)).toMatchObject({ problem: { code: 'key-unavailable' } })
  isAway = false
  held = { current: newest, others: [next, old] }
  await write(slow, draft('late', 'x #late'))
  expect(await idsFound(slow, '#late')).toEqual(['late'])
  expect((await usesOf(slow)).map(({ keyId }) => keyId)).toEqual([old, newest].map(masterKeyIdOf))
  await database.close()
})

test('a replica that meets a key which it does not have asks for it, and goes on', async () => {
  const [old, next] = [newMasterKey(), newMasterKey()]
  const database = await filled(old, 2)
  let held: { readonly current: MasterKey; readonly others: readonly MasterKey[] } = {
    current: old,
    others: [],
  }
  const keys = await loadMasterKeys(async () => held)
  const behind = await database.open({ sealer: createSealer(keys, { tenant: 'hospital' }) })
  const rolled = await database.open({ sealer: sealerOf(next, old) })
  await write(rolled, draft('new', 'x #new'))
  // Where the key cannot be had yet it is said: never "there is nothing".
  expect(await textAt(behind, 'Patient', 'new')).toBe('key-unavailable')
  expect(await idsFound(behind, '#new')).toEqual(['key-unavailable'])
  held = { current: next, others: [old] }
  expect(await textAt(behind, 'Patient', 'new')).toBe('x #new')
  expect(await idsFound(behind, '#new')).toEqual(['new'])
  await rolled.rotation.sweep()
  expect(await rolled.rotation.retire(masterKeyIdOf(old))).toEqual(ok(true))
  await write(behind, draft('newer', 'x'))
  await database.close()
})
