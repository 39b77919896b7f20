import { createSealer, type MasterKey } from '@sealward/enclave/sealing'
import { systemClock as clock, systemRandom as random } from '@sealward/enclave/server'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import {
  startTestPostgres,
  type TestPostgres,
} from '../../../../packages/enclave/src/testing/postgres.ts'
import { openAuditLog } from '../audit/audit.ts'
import { verdictOf } from '../audit/log.fixtures.ts'
import { type Database, openStore } from '../store/open-store.ts'
import {
  addKeyEncryption,
  createRecovery,
  type OpenCustody,
  rehearseRecovery,
  restoreRecovery,
  retireKeyEncryption,
} from './change-custody.ts'
import { type KeyEncryption, keyEncryptionOf } from './key-encryption.ts'
import { openRootKey, readWraps, unwrapRootKey } from './root-key.ts'
import { shareText } from './share.ts'

let postgres: TestPostgres
let database: Database
let first: KeyEncryption
let custody: OpenCustody

beforeAll(async () => {
  postgres = await startTestPostgres()
})
afterAll(() => postgres.stop())
beforeEach(async () => {
  await postgres.run('drop schema if exists broker cascade')
  database = await openStore({ url: postgres.url })
  first = newKey()
  custody = { database, clock, random, rootKey: await rootKeyBy(first) }
  return () => database.destroy()
})

const newKey = (): KeyEncryption => keyEncryptionOf('file', random.bytes(32) as MasterKey, random)

async function rootKeyBy(key: KeyEncryption): Promise<MasterKey> {
  const opened = await openRootKey(database, key, { clock, random })
  if (!opened.ok) throw new Error(opened.problem.detail)
  return opened.value
}

const refusedBy = async (key: KeyEncryption): Promise<string> => {
  const opened = await unwrapRootKey(database, key)
  return opened.ok ? 'opened' : opened.problem.code
}

async function audited(): Promise<readonly string[]> {
  const log = await openAuditLog({
    database,
    sealer: createSealer(custody.rootKey, { random }),
    clock,
  })
  if (!log.ok) throw new Error(log.problem.detail)
  const lines = await log.value.page(0, 1000)
  const entries = lines.filter((line) => !line.startsWith('{"checkpoint"'))
  expect(verdictOf(entries).findings).toEqual([])
  // Each is signed for itself: nobody can cut it off again.
  expect(lines.length - entries.length).toBe(entries.length - 1)
  return entries.map((line) => JSON.parse(line).action)
}

async function created(shares = 5, threshold = 3, keep = false): Promise<readonly string[]> {
  const made = await createRecovery(custody, { shares, threshold, keep })
  if (!made.ok) throw new Error(made.problem.detail)
  return made.value.shares
}

test('replicas that start at once over an empty database have the same root key', async () => {
  await postgres.run('delete from broker.root_key; delete from broker.root_key_wrap')
  const other = await openStore({ url: postgres.url })
  const keys = await Promise.all(
    [database, other, database, other].map((one) => openRootKey(one, first, { clock, random })),
  )
  await other.destroy()
  for (const key of keys) expect(key).toEqual(keys[0])
  expect(keys[0]).toMatchObject({ ok: true })
})

test('a new key-encryption key is added while the old one opens, and the old one is retired after that', async () => {
  const next = newKey()
  expect(await refusedBy(next)).toBe('another-master-key')
  expect(await addKeyEncryption(custody, next)).toEqual({ ok: true, value: true })
  // Interrupted here, replicas of both kinds go on, and doing it again changes nothing.
  expect(await rootKeyBy(first)).toEqual(await rootKeyBy(next))
  expect(await addKeyEncryption(custody, next)).toEqual({ ok: true, value: false })
  expect(await retireKeyEncryption(custody, first.id)).toMatchObject({
    ok: true,
    value: { id: first.id, kind: 'file' },
  })
  expect(await refusedBy(first)).toBe('another-master-key')
  expect(await rootKeyBy(next)).toEqual(custody.rootKey)
  expect(await retireKeyEncryption(custody, next.id)).toMatchObject({
    ok: false,
    problem: { code: 'wrap-last' },
  })
  expect(await retireKeyEncryption(custody, 'unknown')).toMatchObject({
    problem: { code: 'wrap-unknown' },
  })
  expect(await audited()).toEqual(['log-begin', 'custody-add', 'custody-retire'])
})

test('a key that wraps and does not open what it wrapped is not added', async () => {
  const broken = { ...newKey(), unwrap: newKey().unwrap }
  expect(await addKeyEncryption(custody, broken)).toMatchObject({
    ok: false,
    problem: { code: 'key-encryption-refused' },
  })
  expect(await readWraps(database)).toHaveLength(1)
  expect(await audited()).toEqual(['log-begin'])
})

test('shares are proven by a rehearsal, which changes nothing', async () => {
  const shares = await created()
  const before = await readWraps(database)
  const rehearsed = await rehearseRecovery(custody, [
    shares[4] ?? '',
    shares[0] ?? '',
    shares[2] ?? '',
  ])
  expect(rehearsed).toMatchObject({ ok: true, value: { numbers: [5, 1, 3] } })
  expect(await readWraps(database)).toEqual(before)
  expect(await audited()).toEqual(['log-begin', 'recovery-create', 'recovery-rehearse'])
})

test('what is wrong with shares is said: too few, a typing error, another set, a replaced one', async () => {
  const old = await created()
  const shares = await created(3, 2)
  const rehearsal = async (...texts: readonly (string | undefined)[]) => {
    const done = await rehearseRecovery(custody, texts.map(String))
    return done.ok ? 'done' : `${done.problem.code} ${done.problem.at}`
  }
  const [a, b, c] = shares
  expect(await rehearsal(a, c)).toBe('done')
  expect(await rehearsal(a)).toBe('shares-too-few shares')
  expect(await rehearsal(a, a)).toBe('share-repeated share 1')
  const wrong = `${a?.startsWith('0') ? '1' : '0'}${a?.slice(1)}`
  expect(await rehearsal(b, wrong)).toBe('share-mistyped shares[1] group 1')
  expect(await rehearsal(b, 'ABC')).toBe('share-malformed shares[1] share')
  expect(await rehearsal(a, old[1])).toBe('recovery-set-mixed share 2')
  expect(await rehearsal(old[0], old[1], old[2])).toBe('recovery-set-unknown shares')
  const kept = await created(3, 3, true)
  expect(await rehearsal(a, b)).toBe('done')
  expect(await rehearsal(...kept)).toBe('done')
  const set = { set: '00000000', number: 1, threshold: 2, shares: 2, bytes: random.bytes(33) }
  expect(await rehearsal(shareText(set), shareText({ ...set, number: 2 }))).toBe(
    'recovery-set-unknown shares',
  )
  for (const [count, threshold] of [
    [3, 1],
    [2, 3],
    [17, 2],
  ] as const) {
    expect(await createRecovery(custody, { shares: count, threshold, keep: false })).toMatchObject({
      problem: { code: 'recovery-set-refused' },
    })
  }
})

test('shares give the database to another key-encryption key, where the first one is lost', async () => {
  const shares = await created()
  const replacement = newKey()
  expect(await refusedBy(replacement)).toBe('another-master-key')
  const restored = await restoreRecovery(
    { database, clock, random },
    [shares[1] ?? '', shares[3] ?? '', shares[4] ?? ''],
    replacement,
  )
  expect(restored).toMatchObject({ ok: true, value: { added: true, numbers: [2, 4, 5] } })
  expect(await rootKeyBy(replacement)).toEqual(custody.rootKey)
  expect(await retireKeyEncryption(custody, first.id)).toMatchObject({ ok: true })
  expect(await audited()).toEqual([
    'log-begin',
    'recovery-create',
    'recovery-restore',
    'custody-retire',
  ])
})

test('the keys of a broker in a TEE are opened by no shares, and none are missed', async () => {
  const shares = await created()
  await postgres.run("delete from broker.root_key_wrap where kind = 'recovery'")
  await postgres.run("update broker.root_key_wrap set kind = 'tee'")
  const refused = { ok: false, problem: { code: 'custody-in-tee', at: 'database' } }
  expect(await rehearseRecovery(custody, shares)).toMatchObject(refused)
  expect(await restoreRecovery({ database, clock, random }, shares, newKey())).toMatchObject(
    refused,
  )
  expect(await readWraps(database)).toMatchObject([{ kind: 'tee' }])
})

test('neither shares nor the root key are in the database', async () => {
  const shares = await created()
  const everything = await postgres.everything()
  const secrets = [...shares, ...shares.map((share) => share.replaceAll('-', '')), custody.rootKey]
  for (const secret of secrets) expect(everything.includes(Buffer.from(secret))).toBe(false)
  for (const form of ['hex', 'base64', 'base64url'] as const) {
    expect(everything.includes(Buffer.from(custody.rootKey).toString(form))).toBe(false)
  }
})

test('wraps that were swapped, moved, or taken from another database open nothing', async () => {
  const second = newKey()
  await addKeyEncryption(custody, second)
  const swap = `update broker.root_key_wrap one set wrapped = other.wrapped
    from broker.root_key_wrap other where one.id <> other.id`
  await postgres.run(swap)
  expect(await refusedBy(first)).toBe('another-master-key')
  expect(await refusedBy(second)).toBe('another-master-key')
  await postgres.run(swap)
  expect(await refusedBy(first)).toBe('opened')

  // A row that is given another name, though its key would open it.
  await postgres.run('delete from broker.root_key_wrap where id = $1', [second.id])
  await postgres.run('update broker.root_key_wrap set id = $1', [second.id])
  expect(await refusedBy({ ...first, id: second.id, opens: () => true })).toBe('another-master-key')
  await postgres.run('update broker.root_key_wrap set id = $1', [first.id])
  expect(await refusedBy(first)).toBe('opened')

  // The root key of another database, under the same key-encryption key.
  const [{ wrapped: before } = { wrapped: '' }] = await postgres.run(
    'select wrapped from broker.root_key_wrap',
  )
  await postgres.run('delete from broker.root_key_wrap; delete from broker.root_key')
  await rootKeyBy(first)
  await postgres.run('update broker.root_key_wrap set wrapped = $1', [before])
  expect(await refusedBy(first)).toBe('another-master-key')
})

test('a database without a root key is not restored, and no more keys open it than are bearable', async () => {
  for (let count = 0; count < 31; count++) await addKeyEncryption(custody, newKey())
  expect(await addKeyEncryption(custody, newKey())).toMatchObject({
    problem: { code: 'wraps-too-many' },
  })
  await postgres.run('delete from broker.root_key_wrap; delete from broker.root_key')
  expect(await refusedBy(first)).toBe('root-key-missing')
})
