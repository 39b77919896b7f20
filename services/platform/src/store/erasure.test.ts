import { ok } from '@sealward/attestation/bytes'
import { createSealer, masterKeysOf } from '@sealward/enclave/sealing'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  startTestPostgres,
  type TestPostgres,
} from '../../../../packages/enclave/src/testing/postgres.ts'
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

const masterKey = newMasterKey()
const sealer = createSealer(masterKey, { tenant: 'hospital' })
const note = { at: '2026-11-27T20:00:00Z', by: 'an officer', reason: 'asked for' }
let postgres: TestPostgres

beforeAll(async () => {
  postgres = await startTestPostgres()
}, 60_000)

afterAll(() => postgres?.stop(), 60_000)

/** Two patients with a film each, and one device of nobody's. */
async function filled(): Promise<{ readonly database: TestDatabase; readonly store: Store }> {
  const database = await newDatabase(postgres)
  const store = await database.open({ sealer })
  for (const id of ['a', 'b']) {
    await write(store, draft(id, `name #${id} #all`))
    await write(store, draft(`film-${id}`, `pixels of ${id}`, { type: 'Film', patient: id }))
  }
  await store.transaction((transaction) => transaction.update(draft('a', 'changed #a #all'), 1))
  await write(store, draft('device', 'a model', { type: 'Device', patient: undefined }))
  return { database, store }
}

const erase = (store: Store, patient: string): Promise<unknown> =>
  store.transaction((transaction) => transaction.erase(patient, note))

test('who was erased is gone: records, versions, look-ups and the data key; everybody else is there', async () => {
  const { database, store } = await filled()
  expect(await erase(store, 'a')).toEqual(ok({ versions: 3 }))
  for (const [type, id] of [
    ['Patient', 'a'],
    ['Film', 'film-a'],
  ] as const) {
    expect(await store.read(type, id)).toEqual(ok(undefined))
  }
  expect(await idsFound(store, '#a')).toEqual([])
  expect(await idsFound(store, '#all')).toEqual(['b'])
  expect(await textAt(store, 'Film', 'film-b')).toBe('pixels of b')
  expect(await textAt(store, 'Device', 'device')).toBe('a model')
  for (const table of ['record', 'version', 'look_up']) {
    const rows = await database.run(`select id from sealward.${table} where id in ('a', 'film-a')`)
    expect(rows).toEqual([])
  }
  expect(await database.run(`select patient from sealward.data_key where patient = 'a'`)).toEqual(
    [],
  )
  await database.close()
  // What is left is whole.
  const again = await database.open({ sealer })
  expect(await textAt(again, 'Patient', 'b')).toBe('name #b #all')
  expect(await again.read('Patient', 'a')).toEqual(ok(undefined))
  await database.close()
})

test('what is left says that somebody was erased, and in clear neither why nor by whom', async () => {
  const { database, store } = await filled()
  await erase(store, 'a')
  const [row] = await database.run('select patient, sealed from sealward.erased')
  expect(row?.['patient']).toBe('a')
  expect(Buffer.from(row?.['sealed'] as Buffer).includes('officer')).toBe(false)
  // Asked again, it is the same; of somebody who was never here, it is said.
  expect(await erase(store, 'a')).toEqual(ok({ versions: 0 }))
  expect(await erase(store, 'nobody')).toMatchObject({ problem: { code: 'not-found' } })
  await database.close()
})

test('a replica that has seen the patient finds nobody, and no broken record', async () => {
  const { database, store } = await filled()
  const other = await database.open({ sealer })
  expect(await textAt(other, 'Film', 'film-a')).toBe('pixels of a')
  await erase(store, 'a')
  expect(await other.read('Film', 'film-a')).toEqual(ok(undefined))
  await expect(write(other, draft('film-2', 'x', { type: 'Film', patient: 'a' }))).rejects.toThrow(
    'not-found',
  )
  // A record that is only missing is still missed.
  expect(await textAt(other, 'Film', 'film-b')).toBe('pixels of b')
  await database.run(`delete from sealward.version where id = 'film-b'`)
  await database.run(`delete from sealward.record where id = 'film-b'`)
  expect(await textAt(other, 'Film', 'film-b')).toBe('record-refused')
  await database.close()
})

test('sealed rows and cached values of before open no more, whoever kept them', async () => {
  const { database, store } = await filled()
  const kept = await database.run(`select sealed from sealward.version where id = 'film-a'`)
  const wrapped = await database.run(`select wrapped from sealward.data_key where patient = 'b'`)
  await erase(store, 'a')
  const sealed = kept[0]?.['sealed'] as Buffer
  const address = { type: 'Film', id: 'film-a', version: 1 }
  for (const key of [
    undefined,
    { patient: 'a', wrapped: sealer.newDataKey('a') },
    { patient: 'b', wrapped: wrapped[0]?.['wrapped'] as Buffer },
    { patient: null, wrapped: sealer.newDataKey(null) },
  ]) {
    expect(sealer.open(address, sealed, key).ok).toBe(false)
  }
  await database.close()
})

/** Keeps a copy of all rows. @returns what puts back those of patient a. */
async function keepRows(database: TestDatabase): Promise<() => Promise<void>> {
  for (const table of ['data_key', 'record', 'version', 'look_up']) {
    await database.run(`create table kept_${table} as table sealward.${table}`)
  }
  return async () => {
    await database.run(`delete from sealward.erased`)
    await database.run(
      `insert into sealward.data_key select * from kept_data_key where patient = 'a'`,
    )
    await database.run(
      `insert into sealward.record overriding system value select * from kept_record where patient = 'a'`,
    )
    for (const table of ['version', 'look_up']) {
      await database.run(
        `insert into sealward.${table} select * from kept_${table} where id in ('a', 'film-a')`,
      )
    }
  }
}

test('a patient who is put back row by row is refused at the start', async () => {
  const { database, store } = await filled()
  const putBack = await keepRows(database)
  await erase(store, 'a')
  await database.close()
  await putBack()
  await expect(database.open({ sealer })).rejects.toThrow('not what was written')
})

test('whoever starts after an erasure knows of it, and shows nobody what is put back', async () => {
  const { database, store } = await filled()
  const putBack = await keepRows(database)
  await erase(store, 'a')
  await database.close()
  const later = await database.open({ sealer })
  await putBack()
  expect(await textAt(later, 'Patient', 'a')).toBe('record-refused')
  expect(await textAt(later, 'Patient', 'b')).toBe('name #b #all')
  await database.close()
})

test('whoever has erased a patient, or learnt of it, shows nobody what is put back, and writes nothing about it', async () => {
  const { database, store } = await filled()
  const near = new Map<string, Uint8Array>()
  const cache = {
    get: async (name: string) => near.get(name),
    set: async (name: string, sealed: Uint8Array) => void near.set(name, sealed),
  }
  const other = await database.open({ sealer, cache })
  expect(await textAt(other, 'Film', 'film-a')).toBe('pixels of a')
  const putBack = await keepRows(database)
  await erase(store, 'a')
  expect(await other.read('Film', 'film-a')).toEqual(ok(undefined))
  await putBack()
  for (const replica of [store, other]) {
    expect(await textAt(replica, 'Patient', 'a')).toBe('record-refused')
    expect(await textAt(replica, 'Film', 'film-a')).toBe('record-refused')
    expect(await idsFound(replica, '#a')).toEqual(['record-refused'])
    await expect(
      write(replica, draft('film-c', 'more', { type: 'Film', patient: 'a' })),
    ).rejects.toThrow('not-found')
  }
  expect(await textAt(store, 'Film', 'film-b')).toBe('pixels of b')
  await database.close()
})

/** Rows of b are stored as a's: with a's erasure they would go, and with a's data key nobody misses them. */
const moves: readonly (readonly [string, string])[] = [
  ['moved to the patient', `update sealward.record set patient = 'a' where id = 'film-b'`],
  [
    'moved to the patient, with a head that names the patient’s data key',
    `update sealward.record set patient = 'a' where id = 'film-b';
     update sealward.version set sealed = (select substring(sealed from 1 for 20) from sealward.version where id = 'film-a')
       || substring(sealed from 21) where id = 'film-b'`,
  ],
  [
    'moved to the patient, with the patient’s proof',
    `update sealward.record set patient = 'a' where id = 'film-b';
     update sealward.version set proof = (select proof from sealward.version where id = 'film-a') where id = 'film-b'`,
  ],
  [
    'of nobody’s, moved to the patient',
    `update sealward.record set patient = 'a' where id = 'device'`,
  ],
  ['moved away from the patient', `update sealward.record set patient = 'b' where id = 'film-a'`],
  ['moved to nobody', `update sealward.record set patient = null where id = 'film-a'`],
]

test.each(moves)('with a row that was %s nothing is erased', async (_, statement) => {
  const { database, store } = await filled()
  const count = async (): Promise<unknown> =>
    database.run(
      'select count(*) from sealward.version union all select count(*) from sealward.data_key',
    )
  await database.run(statement)
  const before = await count()
  expect(await erase(store, 'a')).toMatchObject({ problem: { code: 'record-refused' } })
  expect(await count()).toEqual(before)
  expect(await database.run('select patient from sealward.erased')).toEqual([])
  expect(await textAt(store, 'Patient', 'a')).toBe('changed #a #all')
  await database.close()
  await expect(database.open({ sealer })).rejects.toThrow('not what was written')
})

test('what is moved to a patient who is gone already is missed at the start', async () => {
  const { database, store } = await filled()
  await erase(store, 'a')
  await database.close()
  await database.run(`update sealward.record set patient = 'a' where id = 'film-b'`)
  await expect(database.open({ sealer })).rejects.toThrow('not what was written')
})

test('a record written while the patient is being erased is erased too, or refused', async () => {
  const { database, store } = await filled()
  const others = Array.from({ length: 20 }, (_, index) =>
    write(store, draft(`film-x${index}`, 'x', { type: 'Film', patient: 'a' })).then(
      () => 'written',
      (error: Error) => error.message,
    ),
  )
  const [, ...outcomes] = await Promise.all([erase(store, 'a'), ...others])
  expect(outcomes.filter((one) => one !== 'written' && one !== 'not-found')).toEqual([])
  expect(await database.run(`select id from sealward.record where patient = 'a'`)).toEqual([])
  await database.close()
  await database.open({ sealer })
  await database.close()
})

test('a record that is changed while its patient is being erased keeps neither from its end', async () => {
  for (const round of [1, 2, 3, 4, 5]) {
    const { database, store } = await filled()
    const outcomes = await Promise.all([
      erase(store, 'a'),
      ...Array.from({ length: 8 }, () =>
        store.transaction((transaction) =>
          transaction.update(draft('film-a', 'other', { type: 'Film', patient: 'a' }), 1),
        ),
      ),
    ])
    expect(outcomes[0], `round ${round}`).toMatchObject({ ok: true })
    expect(await database.run(`select id from sealward.record where patient = 'a'`)).toEqual([])
    await database.close()
  }
}, 30_000)

test('a patient whose look-ups are being moved to a new master key is erased with all of them', async () => {
  const { database } = await filled()
  await database.close()
  const erasing: Promise<unknown>[] = []
  const store: Store = await database.open({
    sealer: createSealer(masterKeysOf(newMasterKey(), masterKey), { tenant: 'hospital' }),
    lookUpsOf({ id }) {
      if (id === 'a') erasing.push(erase(store, 'a'))
      // It takes long enough to be met.
      return Array.from({ length: 400 }, (_, index) => ({ name: 'word', value: `#${id}${index}` }))
    },
  })
  expect(await store.rotation.sweep()).toEqual(ok(true))
  expect(await Promise.all(erasing)).toEqual([ok({ versions: 3 })])
  expect(await database.run(`select id from sealward.look_up where id = 'a'`)).toEqual([])
  await database.close()
}, 30_000)

test('with the old master key destroyed no copy of before can be read, erased or not', async () => {
  const { database, store } = await filled()
  await store.settled()
  const backup = await database.copy()
  const next = newMasterKey()
  await database.close()
  const rolled = await database.open({
    sealer: createSealer(masterKeysOf(next, masterKey), { tenant: 'hospital' }),
  })
  await erase(rolled, 'a')
  await rolled.rotation.sweep()
  expect(await rolled.rotation.retire(sealer.keyId)).toEqual(ok(true))
  await database.close()
  const alone = createSealer(next, { tenant: 'hospital' })
  await expect(backup.open({ sealer: alone })).rejects.toThrow('another master key')
  const rows = await backup.run('select patient, wrapped from sealward.data_key')
  expect(rows.length).toBeGreaterThan(3)
  for (const row of rows) {
    const key = { patient: String(row['patient']), wrapped: row['wrapped'] as Buffer }
    expect(alone.dataKeyId(key)).toMatchObject({ problem: { code: 'sealed-key-unknown' } })
  }
})
