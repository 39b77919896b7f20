import type { MasterKey } from '@sealward/enclave/sealing'
import { createSealer } from '@sealward/enclave/sealing'
import { systemClock, systemRandom } from '@sealward/enclave/server'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import {
  startTestPostgres,
  type TestPostgres,
} from '../../../../packages/enclave/src/testing/postgres.ts'
import { type Database, openStore } from '../store/open-store.ts'
import { type AuditLog, openAuditLog } from './audit.ts'
import type { AuditEvent } from './audit-event.ts'
import { verifyCheckpoint } from './checkpoint.ts'
import { entryLine, lineHash } from './entry.ts'
import { verdictOf } from './log.fixtures.ts'

let postgres: TestPostgres
let databases: Database[]
const sealer = createSealer(systemRandom.bytes(32) as MasterKey)
const clock = systemClock

beforeAll(async () => {
  postgres = await startTestPostgres()
})
afterAll(() => postgres.stop())
beforeEach(async () => {
  await postgres.run('drop schema if exists broker cascade')
  databases = await Promise.all([1, 2].map(() => openStore({ url: postgres.url })))
  return async () => {
    for (const database of databases) await database.destroy()
  }
})

const event = (number = 0, more: Partial<AuditEvent> = {}): AuditEvent => ({
  at: clock.now(),
  actor: { kind: 'person', subject: 'officer' },
  action: 'key-create',
  target: `keys/key-${number}`,
  outcome: 'done',
  ...more,
})

async function opened(database = databases[0]): Promise<AuditLog> {
  const log = await openAuditLog({ database: database as Database, sealer, clock })
  if (!log.ok) throw new Error(log.problem.detail)
  return log.value
}

async function append(log: AuditLog, one: AuditEvent, database = databases[0]): Promise<void> {
  await database?.transaction().execute((transaction) => log.append(transaction, one))
}

const linesOf = async (log: AuditLog): Promise<readonly string[]> =>
  (await log.page(0, 1000)).filter((line) => !line.startsWith('{"checkpoint"'))

/** As whoever owns the tables, past what forbids it. */
async function asOwner(statement: string): Promise<void> {
  for (const table of ['audit_entry', 'audit_checkpoint']) {
    await postgres.run(`alter table broker.${table} disable trigger all`)
    await postgres.run(`grant all on broker.${table} to current_user`)
  }
  await postgres.run(statement)
}

test('a log begins with the key that signs it, and grows by what is done', async () => {
  const log = await opened()
  await append(log, event(1, { details: { keyType: 'RSA', count: 2 } }))
  const lines = await linesOf(log)
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { sequence: 1, action: 'log-begin', details: { auditKey: log.keys[0]?.kid } },
    { sequence: 2, action: 'key-create', details: { keyType: 'RSA', count: 2 } },
  ])
  const checkpoint = await log.checkpoint()
  expect(verdictOf(lines, [checkpoint], log.keys)).toMatchObject({ signedTo: 2, findings: [] })
  expect((await opened()).keys).toEqual(log.keys)
})

test('replicas that write at once write one chain', async () => {
  const logs = await Promise.all(databases.map((database) => opened(database)))
  await Promise.all(
    Array.from({ length: 80 }, (_, number) => {
      const [log, database] = [logs[number % 2], databases[number % 2]]
      return append(log as AuditLog, event(number), database)
    }),
  )
  const lines = await linesOf(logs[0] as AuditLog)
  expect(lines).toHaveLength(81)
  const checkpoint = (await logs[1]?.checkpoint()) ?? ''
  expect(verdictOf(lines, [checkpoint], logs[0]?.keys)).toMatchObject({
    signedTo: 81,
    findings: [],
  })
  const targets = lines.map((line) => JSON.parse(line).target)
  expect(new Set(targets).size).toBe(81)
})

test('what is undone is not in the log, and leaves no gap', async () => {
  const log = await opened()
  const undone = databases[0]?.transaction().execute(async (transaction) => {
    await log.append(transaction, event(1))
    await log.append(transaction, event(2))
    throw new Error('undone')
  })
  await expect(undone).rejects.toThrow('undone')
  await append(log, event(3))
  const lines = await linesOf(log)
  expect(lines.map((line) => JSON.parse(line).target)).toEqual(['audit', 'keys/key-3'])
  expect(verdictOf(lines).findings).toEqual([])
})

test('a checkpoint is signed with every 256th entry, with what asks for one, and on demand', async () => {
  const log = await opened()
  for (let number = 0; number < 299; number++) await append(log, event(number))
  await databases[0]
    ?.transaction()
    .execute((transaction) => log.append(transaction, event(300), { signed: true }))
  const checkpoints = (await log.page(0, 1000))
    .filter((line) => line.startsWith('{"checkpoint"'))
    .map((line) => verifyCheckpoint(JSON.parse(line).checkpoint, log.keys))
  expect(checkpoints).toMatchObject([
    { ok: true, value: { sequence: 256 } },
    { ok: true, value: { sequence: 301 } },
  ])
  await append(log, event(301))
  expect(verifyCheckpoint(await log.checkpoint(), log.keys)).toMatchObject({
    value: { sequence: 302 },
  })
})

test('the database itself lets nobody change, remove or fork the log', async () => {
  const log = await opened()
  await append(log, event(1))
  await log.checkpoint()
  for (const statement of [
    `update broker.audit_entry set line = 'x' where sequence = 2`,
    'delete from broker.audit_entry where sequence = 2',
    'truncate broker.audit_entry cascade',
    'delete from broker.audit_checkpoint',
    'update broker.audit_checkpoint set sequence = 1',
    `insert into broker.audit_entry (sequence, line, seal) values (4, '{"sequence":4}', 'x')`,
    `insert into broker.audit_entry (sequence, line, seal) values (3, '{"sequence":3,"previous":"0"}', 'x')`,
  ]) {
    await expect(postgres.run(statement)).rejects.toThrow(/append-only|a chain|permission denied/)
  }
  expect(await linesOf(log)).toHaveLength(2)
})

test('the owner of the database who changes an entry is found out by an auditor', async () => {
  const log = await opened()
  for (let number = 0; number < 5; number++) await append(log, event(number))
  const kept = await log.checkpoint()
  await asOwner(
    `update broker.audit_entry set line = replace(line, 'key-1', 'key-9') where sequence = 3`,
  )
  const { findings } = verdictOf(await linesOf(log), [kept], log.keys)
  expect(findings).toMatchObject([{ code: 'entry-changed', sequence: 3 }])
})

test('the owner of the database who changes, removes or adds the last entry ends the writing', async () => {
  const refused = { problem: { code: 'audit-log-changed' } }
  const log = await opened()
  for (let number = 0; number < 4; number++) await append(log, event(number))
  await asOwner(
    `update broker.audit_entry set line = replace(line, 'key-3', 'key-9') where sequence = 5`,
  )
  await expect(append(log, event(9))).rejects.toMatchObject(refused)
  await asOwner('delete from broker.audit_entry where sequence >= 4')
  await expect(append(log, event(9))).rejects.toMatchObject(refused)
  await expect(log.checkpoint()).rejects.toMatchObject(refused)

  // One of their own: of the right form, and not sealed by the broker.
  const previous = lineHash((await linesOf(log)).at(-1) ?? '')
  const line = entryLine({ sequence: 4, previous }, event(4))
  await asOwner(
    `insert into broker.audit_entry (sequence, line, seal) select 4, '${line}', seal from broker.audit_entry where sequence = 3`,
  )
  await expect(append(log, event(9))).rejects.toMatchObject(refused)
  await expect(opened()).rejects.toThrow('was not written by the broker')
})

test('a log that was cut off is not gone on with: not where a checkpoint is left, nor from the beginning', async () => {
  const log = await opened()
  for (let number = 0; number < 4; number++) await append(log, event(number))
  const kept = await log.checkpoint()
  await asOwner(
    'alter table broker.audit_checkpoint drop constraint audit_checkpoint_sequence_fkey',
  )
  await asOwner('delete from broker.audit_entry where sequence > 2')
  await expect(opened()).rejects.toThrow('not the one that a checkpoint signed')
  // A checkpoint of before, played again, is one of a shorter log: whoever kept the later one knows.
  await asOwner('delete from broker.audit_checkpoint')
  const shortened = await opened()
  const replayed = await shortened.checkpoint()
  const lines = await linesOf(shortened)
  expect(verdictOf(lines, [replayed], log.keys).findings).toEqual([])
  expect(verdictOf(lines, [replayed, kept], log.keys).findings).toMatchObject([
    { code: 'log-truncated', sequence: 3 },
  ])
  await append(shortened, event(7))
  await append(shortened, event(8))
  await append(shortened, event(9))
  expect(verdictOf(await linesOf(shortened), [kept], log.keys).findings).toMatchObject([
    { code: 'log-forked', sequence: 5 },
  ])
  await asOwner('delete from broker.audit_entry')
  await expect(opened()).rejects.toThrow('Entry 1')
})

test('a key that signs checkpoints is kept sealed, and another one is refused', async () => {
  const log = await opened()
  const other = createSealer(systemRandom.bytes(32) as MasterKey)
  expect(
    await openAuditLog({ database: databases[0] as Database, sealer: other, clock }),
  ).toMatchObject({ ok: false, problem: { code: 'audit-log-changed' } })
  const { everything } = postgres
  expect((await everything()).includes('PRIVATE')).toBe(false)
  await postgres.run('delete from broker.audit_key')
  await expect(opened()).rejects.toThrow('The key that signed the log is not there.')
  expect(log.keys).toHaveLength(1)
})

test('only what the list of details allows is written, and what has another form is not', async () => {
  const log = await opened()
  const details = { keyType: 'oct', patient: 'canary', material: 'canary' }
  await append(log, event(1, { details }))
  expect((await linesOf(log)).at(-1)).not.toContain('canary')
  for (const wrong of [
    { details: { keyType: 'a\nb' } },
    { details: { count: 1.5 } },
    { details: { reason: `a${String.fromCharCode(0x1b)}[2J` } },
    { action: 'not a code' },
    { outcome: '' },
    { target: 'x'.repeat(600) },
  ]) {
    await expect(append(log, event(1, wrong))).rejects.toThrow('audit entry')
  }
  expect(await linesOf(log)).toHaveLength(2)
})
