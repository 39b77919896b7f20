import { createHash, generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ok, refuse, utf8Of } from '@sealward/attestation/bytes'
import {
  type Anchor,
  type AnchorState,
  openFileAnchor,
  restorerOf,
  sameState,
  signRestoreStatement,
} from '@sealward/enclave/anchor'
import { createSealer } from '@sealward/enclave/sealing'
import { StartRefusal } from '@sealward/enclave/server'
import { createLogger } from '@sealward/enclave/telemetry'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  startTestPostgres,
  type TestPostgres,
} from '../../../../packages/enclave/src/testing/postgres.ts'
import type { Departure } from './compare-with-anchor.ts'
import { restoreBy } from './open-anchor.ts'
import {
  draft,
  newDatabase,
  newMasterKey,
  type TestDatabase,
  textAt,
  write,
} from './store.fixtures.ts'

const sealer = createSealer(newMasterKey(), { tenant: 'hospital' })
let postgres: TestPostgres

beforeAll(async () => {
  postgres = await startTestPostgres()
}, 60_000)

afterAll(() => postgres?.stop(), 60_000)

/** An anchor in memory: what a broker does, in this process. */
function memoryAnchor(): Anchor & { state: AnchorState | undefined; isAway: boolean } {
  const anchor = {
    state: undefined as AnchorState | undefined,
    isAway: false,
    read: async () => (anchor.isAway ? away : ok(anchor.state)),
    advance: async (expected: AnchorState | undefined, next: AnchorState) => {
      if (anchor.isAway) return away
      if (!sameState(expected, anchor.state) || next.sequence <= (expected?.sequence ?? 0)) {
        return refuse('anchor-conflict', 'anchor', 'moved')
      }
      anchor.state = next
      return ok(true as const)
    },
  }
  return anchor
}
const away = refuse('anchor-unavailable', 'anchor', 'away')

/** The code with which a store does not open. */
async function startCode(
  database: TestDatabase,
  anchor: Anchor,
  restore?: (departure: Departure) => Promise<Uint8Array | undefined>,
): Promise<string> {
  try {
    const store = await database.open({ sealer, anchor, restore })
    await store.close()
    return 'opened'
  } catch (error) {
    if (error instanceof StartRefusal) return error.problem.code
    throw error
  }
}

/** A database with one patient in it, all of it anchored. */
async function begun(anchor: Anchor): Promise<TestDatabase> {
  const database = await newDatabase(postgres)
  const store = await database.open({ sealer, anchor })
  await write(store, draft('a', 'yesterday'))
  expect(await store.settled()).toEqual(ok(true))
  await database.close()
  return database
}

async function goOn(database: TestDatabase, anchor: Anchor, id: string): Promise<void> {
  const store = await database.open({ sealer, anchor })
  await write(store, draft(id, 'later'))
  expect(await store.settled()).toEqual(ok(true))
  await database.close()
}

test('a database that goes on from where it was is opened', async () => {
  const anchor = memoryAnchor()
  const database = await begun(anchor)
  await goOn(database, anchor, 'b')
  expect(await startCode(database, anchor)).toBe('opened')
  expect(anchor.state?.sequence).toBeGreaterThan(1)
})

test("yesterday's database is refused at the start, and the refusal names both states", async () => {
  const anchor = memoryAnchor()
  const today = await begun(anchor)
  const yesterday = await today.copy()
  const then = anchor.state
  await goOn(today, anchor, 'b')
  const refused = await yesterday.open({ sealer, anchor }).catch((error: unknown) => error)
  if (!(refused instanceof StartRefusal)) throw new Error('it was opened')
  expect(refused.problem.code).toBe('database-rolled-back')
  for (const part of [then?.digest, anchor.state?.digest, 'accept-restore']) {
    expect(refused.problem.detail).toContain(part)
  }
  expect(await startCode(today, anchor)).toBe('opened')
})

test('of two databases that both go on from one state the second is refused, at the start and while it runs', async () => {
  const anchor = memoryAnchor()
  const one = await begun(anchor)
  const other = await one.copy()
  // The second runs already when the first goes on.
  const second = await other.open({ sealer, anchor })
  await goOn(one, anchor, 'b')
  await write(second, draft('c', 'elsewhere'))
  expect(await second.settled()).toMatchObject({ ok: false, problem: { code: 'database-forked' } })
  // From here on it gives nothing out and takes nothing in.
  expect(await textAt(second, 'Patient', 'a')).toBe('database-forked')
  await expect(write(second, draft('d', 'x'))).rejects.toThrow('database-forked')
  await other.close()
  expect(await startCode(other, anchor)).toBe('database-forked')
  expect(await startCode(one, anchor)).toBe('opened')
})

test('a database that is put back under a running process is refused by it, and no new block hides that', async () => {
  const anchor = memoryAnchor()
  const database = await begun(anchor)
  const store = await database.open({ sealer, anchor })
  const then = await ledgerRows(database)
  for (const id of ['b', 'c', 'd']) {
    await write(store, draft(id, 'later'))
    expect(await store.settled()).toEqual(ok(true))
  }
  // As a restore, or a fail-over to a copy that lags, leaves it: what came later is not there any more.
  await forgetAfter(database, then)
  expect(await store.settled()).toMatchObject({
    ok: false,
    problem: { code: 'database-rolled-back' },
  })
  expect(await textAt(store, 'Patient', 'a')).toBe('database-rolled-back')
  await database.close()
})

test('blocks that are made up between two states that an anchor knew are found while it runs', async () => {
  const anchor = memoryAnchor()
  const database = await begun(anchor)
  const store = await database.open({ sealer, anchor, anchorEveryMs: 3_600_000 })
  await write(store, draft('b', 'later'))
  expect(await store.settled()).toEqual(ok(true))
  const state = anchor.state
  if (state === undefined) throw new Error('it was anchored')
  await write(store, draft('c', 'later'))
  // The entry goes, and a block without it comes in its place.
  await database.run('delete from sealward.ledger_entry where block is null', [])
  await database.run('insert into sealward.ledger_block (sequence, digest) values ($1, $2)', [
    state.sequence + 1,
    Buffer.alloc(32, 7),
  ])
  expect(await store.settled()).toMatchObject({ ok: false, problem: { code: 'database-altered' } })
  await database.close()
})

test('a database whose rows and entries were taken out is refused, though the block that the anchor knows is there', async () => {
  const anchor = memoryAnchor()
  const database = await begun(anchor)
  await database.run('delete from sealward.version', [])
  await database.run('delete from sealward.ledger_entry', [])
  expect(await startCode(database, anchor)).toBe('database-altered')
})

async function ledgerRows(database: TestDatabase): Promise<number> {
  const [row] = await database.run('select max(sequence) as head from sealward.ledger_block', [])
  return Number(row?.['head'])
}

async function forgetAfter(database: TestDatabase, sequence: number): Promise<void> {
  await database.run('delete from sealward.ledger_entry where block > $1 or block is null', [
    sequence,
  ])
  await database.run('delete from sealward.ledger_block where sequence > $1', [sequence])
}

test('an empty database in the place of one with data is refused', async () => {
  const anchor = memoryAnchor()
  await begun(anchor)
  expect(await startCode(await newDatabase(postgres), anchor)).toBe('database-rolled-back')
})

test('data without the anchor that it had is refused', async () => {
  const database = await begun(memoryAnchor())
  expect(await startCode(database, memoryAnchor())).toBe('anchor-missing')
})

test('an anchor that does not answer is no anchor that agrees', async () => {
  const anchor = memoryAnchor()
  const database = await begun(anchor)
  anchor.isAway = true
  expect(await startCode(database, anchor)).toBe('anchor-unavailable')
})

test('a process that dies between a commit and the anchor leaves nothing that is refused', async () => {
  const anchor = memoryAnchor()
  const database = await begun(anchor)
  const then = anchor.state
  // Committed, in no block yet.
  const dying = await database.open({ sealer, anchor, anchorEveryMs: 3_600_000 })
  await write(dying, draft('b', 'committed'))
  const early = await database.copy()
  expect(await startCode(early, memoryAnchorAt(then))).toBe('opened')
  // In a block, and the anchor was not moved.
  anchor.isAway = true
  await dying.settled()
  await database.close()
  anchor.isAway = false
  expect(anchor.state).toEqual(then)
  const late = await database.open({ sealer, anchor })
  expect(await textAt(late, 'Patient', 'b')).toBe('committed')
  await write(late, draft('c', 'on'))
  expect(await late.settled()).toEqual(ok(true))
  await database.close()
  expect(anchor.state?.sequence).toBeGreaterThan(then?.sequence ?? 0)
})

function memoryAnchorAt(state: AnchorState | undefined): Anchor {
  const anchor = memoryAnchor()
  anchor.state = state
  return anchor
}

test('while the anchor is away writing goes on for a while, then ends; reading does not', async () => {
  const anchor = memoryAnchor()
  const database = await begun(anchor)
  const told: (string | undefined)[] = []
  const store = await database.open({
    sealer,
    anchor,
    anchorLagSecondsMax: 0.3,
    onAnchorProblem: (problem) => told.push(problem?.code),
  })
  anchor.isAway = true
  await write(store, draft('b', 'within'))
  await sleep(400)
  await expect(write(store, draft('c', 'beyond'))).rejects.toThrow('anchor-behind')
  expect(await textAt(store, 'Patient', 'b')).toBe('within')
  anchor.isAway = false
  expect(await store.settled()).toEqual(ok(true))
  await write(store, draft('c', 'again'))
  expect(told).toEqual(['anchor-unavailable', undefined])
  await database.close()
})

test('what is committed while the anchor moves is waited for like all else, when the anchor is away after that', async () => {
  const anchor = memoryAnchor()
  const database = await begun(anchor)
  let meanwhile = async (): Promise<void> => {}
  const store = await database.open({
    sealer,
    anchor: {
      ...anchor,
      read: anchor.read,
      async advance(expected, next) {
        const moved = await anchor.advance(expected, next)
        await meanwhile()
        return moved
      },
    },
    anchorLagSecondsMax: 0.3,
  })
  expect(await store.settled()).toEqual(ok(true))
  meanwhile = async () => {
    meanwhile = async () => {}
    await write(store, draft('c', 'not covered'))
    anchor.isAway = true
  }
  await write(store, draft('b', 'covered'))
  await expect.poll(() => anchor.isAway).toBe(true)
  await sleep(400)
  await expect(write(store, draft('d', 'beyond'))).rejects.toThrow('anchor-behind')
  expect(await textAt(store, 'Patient', 'c')).toBe('not covered')
  anchor.isAway = false
  await database.close()
})

test('replicas that share a database move one anchor on together', async () => {
  const anchor = memoryAnchor()
  const database = await newDatabase(postgres)
  const replicas = await Promise.all(
    [1, 2, 3].map(() => database.open({ sealer, anchor, anchorEveryMs: 5 })),
  )
  await Promise.all(
    replicas.flatMap((store, replica) =>
      Array.from({ length: 20 }, (_, index) => write(store, draft(`r${replica}-${index}`, 'x'))),
    ),
  )
  for (const store of replicas) expect(await store.settled()).toEqual(ok(true))
  const rows = await database.run(
    'select count(*)::int as n from sealward.ledger_entry where block is null',
  )
  expect(rows).toEqual([{ n: 0 }])
  await database.close()
  expect(await startCode(database, anchor)).toBe('opened')
})

const tampering: readonly (readonly [string, string])[] = [
  [
    'a version was taken out',
    `delete from sealward.version where id = 'a' and version = 2; update sealward.record set version = 1 where id = 'a'`,
  ],
  [
    'a record was taken out whole',
    `delete from sealward.look_up where id = 'a'; delete from sealward.version where id = 'a'; delete from sealward.record where id = 'a'`,
  ],
  [
    'a patient was taken out whole',
    `delete from sealward.look_up where id = 'a'; delete from sealward.version where id = 'a'; delete from sealward.record where id = 'a'; delete from sealward.data_key where patient = 'a'`,
  ],
  [
    'a version was put back under the newest number',
    `update sealward.version set sealed = (select sealed from sealward.version where id = 'a' and version = 1) where id = 'a' and version = 2`,
  ],
  ['a data key was taken out', `delete from sealward.data_key where patient = 'a'`],
  [
    'two data keys were swapped',
    `update sealward.data_key d set wrapped = o.wrapped from sealward.data_key o where d.patient in ('a','b') and o.patient in ('a','b') and d.patient <> o.patient`,
  ],
  [
    'an entry of the ledger was taken out',
    `delete from sealward.ledger_entry where id = (select id from sealward.ledger_entry order by id limit 1)`,
  ],
  [
    'an entry of the ledger was moved to another block',
    `update sealward.ledger_entry set block = (select max(sequence) from sealward.ledger_block) where id = (select id from sealward.ledger_entry where block is not null order by block, id limit 1)`,
  ],
  [
    'a block of the ledger was changed',
    `update sealward.ledger_block set digest = sha256(digest) where sequence = 1`,
  ],
  [
    'an entry was made up',
    `insert into sealward.ledger_entry select gen_random_uuid(), sealed, null from sealward.ledger_entry limit 1`,
  ],
]

test.each(tampering)('at the start it is noticed that %s', async (_, statement) => {
  const anchor = memoryAnchor()
  const database = await newDatabase(postgres)
  const store = await database.open({ sealer, anchor })
  await write(store, draft('a', 'old #x'))
  await store.settled()
  await write(store, draft('b', 'other'))
  await store.transaction((transaction) => transaction.update(draft('a', 'new #x'), 1))
  await store.settled()
  await database.close()
  expect(await startCode(database, anchor)).toBe('opened')
  await database.run(statement)
  expect(await startCode(database, anchor)).toMatch(/^database-(altered|forked)$/)
})

test('yesterday’s rows with today’s ledger are refused: the ledger is no cover', async () => {
  const anchor = memoryAnchor()
  const today = await begun(anchor)
  const before = await today.run('select sealed from sealward.version')
  const store = await today.open({ sealer, anchor })
  await store.transaction((transaction) => transaction.update(draft('a', 'today'), 1))
  await store.settled()
  await today.close()
  await today.run(`delete from sealward.version where version = 2`)
  await today.run(`update sealward.record set version = 1`)
  expect(await today.run('select sealed from sealward.version')).toEqual(before)
  expect(await startCode(today, anchor)).toBe('database-altered')
})

test('a restore that somebody allows is gone on with, once, and is in the ledger', async () => {
  const anchor = memoryAnchor()
  const today = await begun(anchor)
  const yesterday = await today.copy()
  const then = anchor.state
  await goOn(today, anchor, 'b')
  const now = anchor.state
  const asked: Departure[] = []
  const allow = async (departure: Departure): Promise<Uint8Array> => {
    asked.push(departure)
    return utf8Of('a statement')
  }
  expect(await startCode(yesterday, anchor, allow)).toBe('opened')
  expect(asked).toEqual([{ anchor: now, database: then }])
  expect(anchor.state?.sequence).toBe((now?.sequence ?? 0) + 1)
  // From now on it is the database, without asking again; the other one is not any more.
  expect(await startCode(yesterday, anchor)).toBe('opened')
  expect(await startCode(today, anchor)).toMatch(/^database-(rolled-back|forked)$/)
  const notes = await yesterday.run('select note from sealward.ledger_block where note is not null')
  expect(notes).toEqual([{ note: Buffer.from('a statement') }])
  await goOn(yesterday, anchor, 'c')
})

test('a start that was allowed, and died before the anchor moved, is allowed again by the same statement', async () => {
  const anchor = memoryAnchor()
  const today = await begun(anchor)
  const yesterday = await today.copy()
  const then = anchor.state
  await goOn(today, anchor, 'b')
  const asked: Departure[] = []
  const allow = async (departure: Departure): Promise<Uint8Array> => {
    asked.push(departure)
    return utf8Of('a statement')
  }
  const dying: Anchor = { read: anchor.read, advance: async () => away }
  expect(await startCode(yesterday, dying, allow)).toBe('anchor-unavailable')
  expect(await startCode(yesterday, anchor)).toMatch(/^database-(rolled-back|forked)$/)
  expect(await startCode(yesterday, anchor, allow)).toBe('opened')
  expect(asked.map(({ database }) => database)).toEqual([then, then])
})

test('a file outside the database does for an anchor: a database put back without it is refused', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'sealward-anchor-'))
  try {
    const anchor = await openFileAnchor({ folder, name: 'hospital platform', sealer })
    const today = await begun(anchor)
    const yesterday = await today.copy()
    await goOn(today, anchor, 'b')
    const again = await openFileAnchor({ folder, name: 'hospital platform', sealer })
    expect(await startCode(yesterday, again)).toBe('database-rolled-back')
    expect(await startCode(today, again)).toBe('opened')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})

test('a restore is allowed by what an administrator signed, whom the measured init-time data names, and by nobody else', async () => {
  const anchor = memoryAnchor()
  const today = await begun(anchor)
  const yesterday = await today.copy()
  const then = anchor.state
  await goOn(today, anchor, 'b')
  const now = anchor.state
  if (then === undefined || now === undefined) throw new Error('nothing was anchored')
  const [administrator, operator] = [1, 2].map(() =>
    generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  )
  if (administrator === undefined || operator === undefined) throw new Error('no keys')
  const instant = 1_795_000_000
  const deployment = 'urn:uuid:00000000-0000-4000-8000-000000000001'
  const statement = { deployment, anchor: now, database: then, reason: 'disk', at: instant }
  const measured = { deployment, restorers: [restorerOf(administrator.publicKey)] }
  const lines: string[] = []
  const log = createLogger('test', { write: (line) => void lines.push(line) })
  const by = (
    jws: string | undefined,
    initTimeData: typeof measured | { deployment: string } = measured,
  ) => startCode(yesterday, anchor, restoreBy(jws, initTimeData, { now: () => instant }, log))
  const signed = signRestoreStatement(statement, administrator.privateKey)
  expect(await by(undefined)).toBe('database-rolled-back')
  expect(await by(signRestoreStatement(statement, operator.privateKey))).toBe(
    'database-rolled-back',
  )
  expect(await by(signed, { deployment })).toBe('database-rolled-back')
  expect(await by(signed)).toBe('opened')
  expect(lines.filter((line) => line.includes('restore-accepted'))).toHaveLength(1)
  expect(lines.filter((line) => line.includes('restore-statement-refused'))).toHaveLength(2)
})

/** Says yes to whatever it is asked, and keeps what it was asked. */
function allowing(asked: Departure[], text = 'a statement') {
  return async (departure: Departure): Promise<Uint8Array> => {
    asked.push(departure)
    return utf8Of(text)
  }
}

test('what waits for a block is named: a database that has more of it, or less, is another one', async () => {
  const anchor = memoryAnchor()
  const today = await begun(anchor)
  const dying = await today.open({ sealer, anchor, anchorEveryMs: 3_600_000 })
  await write(dying, draft('waiting', 'committed'))
  // As a machine that loses its power leaves it.
  const yesterday = await today.copy()
  await today.close()
  await goOn(today, anchor, 'b')
  const waiting = await yesterday.run('select * from sealward.ledger_entry where block is null')
  expect(waiting).toHaveLength(1)
  const asked: Departure[] = []
  expect(await startCode(yesterday, anchor, refusing(asked))).toBe('database-rolled-back')
  // Being asked writes nothing.
  expect(
    await yesterday.run('select id from sealward.ledger_entry where block is null'),
  ).toHaveLength(1)
  const other = await yesterday.copy()
  await other.run(`delete from sealward.ledger_entry where block is null`)
  await other.run(`delete from sealward.version where id = 'waiting'`)
  await other.run(`delete from sealward.look_up where id = 'waiting'`)
  await other.run(`delete from sealward.record where id = 'waiting'`)
  await other.run(`delete from sealward.data_key where patient = 'waiting'`)
  expect(await startCode(other, anchor, refusing(asked))).toBe('database-rolled-back')
  expect(asked[0]?.database).not.toEqual(asked[1]?.database)
  // The block that is made of it is the one that was named.
  expect(await startCode(yesterday, anchor, allowing(asked))).toBe('opened')
  expect(asked[2]).toEqual(asked[0])
  const [{ digest } = {}] = await yesterday.run(
    'select digest from sealward.ledger_block where sequence = $1',
    [asked[0]?.database.sequence],
  )
  expect(Buffer.from(digest as Buffer).toString('hex')).toBe(asked[0]?.database.digest)
})

function refusing(asked: Departure[]) {
  return async (departure: Departure): Promise<undefined> => {
    asked.push(departure)
  }
}

test('what is committed between the question and the answer is asked about again', async () => {
  const anchor = memoryAnchor()
  const today = await begun(anchor)
  const yesterday = await today.copy()
  // A replica that has not noticed yet that its database was put back.
  const unaware = await yesterday.open({ sealer, anchor, anchorEveryMs: 3_600_000 })
  await goOn(today, anchor, 'b')
  const asked: Departure[] = []
  const late = async (departure: Departure): Promise<Uint8Array | undefined> => {
    asked.push(departure)
    if (asked.length > 1) return undefined
    await write(unaware, draft('late', 'unnamed'))
    return utf8Of('a statement')
  }
  const opening = yesterday.open({ sealer, anchor, restore: late })
  await expect(opening).rejects.toThrow('database')
  expect(asked).toHaveLength(2)
  expect(asked[0]?.database).not.toEqual(asked[1]?.database)
  expect(
    await yesterday.run('select note from sealward.ledger_block where note is not null'),
  ).toEqual([])
  await yesterday.close()
})

test('a block that accepts a restore holds nothing else: what is put into it is not accepted with it', async () => {
  const anchor = memoryAnchor()
  const today = await begun(anchor)
  const dying = await today.open({ sealer, anchor, anchorEveryMs: 3_600_000 })
  await write(dying, draft('waiting', 'committed'))
  const yesterday = await today.copy()
  await today.close()
  await goOn(today, anchor, 'b')
  const [head] = await yesterday.run(
    'select sequence, digest from sealward.ledger_block order by sequence desc limit 1',
  )
  const [entry] = await yesterday.run(
    'select sealed from sealward.ledger_entry where block is null',
  )
  const sequence = Number(head?.['sequence']) + 9
  const note = utf8Of('a statement')
  // Everything that such a digest is made of is there for whoever owns the database.
  const sha256 = (...parts: readonly Uint8Array[]): Buffer =>
    createHash('sha256').update(Buffer.concat(parts)).digest()
  const counted = Buffer.alloc(8)
  counted.writeBigUInt64BE(BigInt(sequence))
  const digest = sha256(
    utf8Of('sealward ledger block 2'),
    head?.['digest'] as Buffer,
    counted,
    sha256(note),
    sha256(entry?.['sealed'] as Buffer),
  )
  await yesterday.run('insert into sealward.ledger_block values ($1, $2, $3)', [
    sequence,
    digest,
    note,
  ])
  await yesterday.run('update sealward.ledger_entry set block = $1 where block is null', [sequence])
  const asked: Departure[] = []
  expect(await startCode(yesterday, anchor, allowing(asked))).toBe('database-altered')
  expect(asked).toEqual([])
})

test('each loss of the anchor has a name of its own, so what allowed to go on after one allows nothing after another', async () => {
  const first = memoryAnchor()
  const database = await begun(first)
  const backup = await database.copy()
  const lost = memoryAnchor()
  const asked: Departure[] = []
  expect(await startCode(database, lost)).toBe('anchor-missing')
  expect(await startCode(database, lost, refusing(asked))).toBe('anchor-missing')
  // Asked again after another start it is the same, so that there is time to sign.
  expect(await startCode(database, lost, allowing(asked))).toBe('opened')
  expect(asked[1]).toEqual(asked[0])
  await goOn(database, lost, 'b')
  // The same backup, and no anchor again.
  const again = memoryAnchor()
  const only = asked[1]?.anchor
  const strict = async (departure: Departure): Promise<Uint8Array | undefined> => {
    asked.push(departure)
    return sameState(departure.anchor, only) ? utf8Of('a statement') : undefined
  }
  expect(await startCode(backup, again, strict)).toBe('anchor-missing')
  expect(asked[2]?.database).toEqual(asked[1]?.database)
  expect(asked[2]?.anchor).not.toEqual(only)
})

test('after the loss of an anchor an empty database begins anew, and goes on', async () => {
  const lost = memoryAnchor()
  expect(await startCode(await begun(memoryAnchor()), lost)).toBe('anchor-missing')
  const empty = await newDatabase(postgres)
  expect(await startCode(empty, lost)).toBe('opened')
  await goOn(empty, lost, 'a')
  expect(await startCode(empty, lost)).toBe('opened')
})

test('after a start that was allowed, and died before the anchor moved, a new statement serves as well', async () => {
  const anchor = memoryAnchor()
  const today = await begun(anchor)
  const yesterday = await today.copy()
  const then = anchor.state
  await goOn(today, anchor, 'b')
  const dying: Anchor = { read: anchor.read, advance: async () => away }
  const asked: Departure[] = []
  for (const text of ['first', 'second']) {
    expect(await startCode(yesterday, dying, allowing(asked, text))).toBe('anchor-unavailable')
  }
  expect(await startCode(yesterday, anchor, allowing(asked, 'third'))).toBe('opened')
  expect(asked.map(({ database }) => database)).toEqual([then, then, then])
  await goOn(yesterday, anchor, 'c')
})

test('replicas that start with one statement at once all go on from it', async () => {
  const anchor = memoryAnchor()
  const today = await begun(anchor)
  const yesterday = await today.copy()
  await goOn(today, anchor, 'b')
  const codes = await Promise.all([1, 2, 3].map(() => startCode(yesterday, anchor, allowing([]))))
  expect(codes).toEqual(['opened', 'opened', 'opened'])
  const notes = await yesterday.run('select note from sealward.ledger_block where note is not null')
  expect(notes).toHaveLength(1)
})

test('what a process that died had committed is anchored by the next start, and by replicas that write nothing', async () => {
  const uncovered = async (database: TestDatabase): Promise<unknown> =>
    (
      await database.run('select count(*)::int as n from sealward.ledger_entry where block is null')
    )[0]
  for (const isReplica of [false, true]) {
    const anchor = memoryAnchor()
    const database = await begun(anchor)
    const idle = isReplica ? await database.open({ sealer, anchor, anchorIdleMs: 20 }) : undefined
    const dying = await database.open({ sealer, anchor, anchorEveryMs: 3_600_000 })
    await write(dying, draft('b', 'committed'))
    const then = anchor.state
    if (idle === undefined) {
      const left = await database.copy()
      expect(await uncovered(left)).toEqual({ n: 1 })
      await left.open({ sealer, anchor })
      await expect.poll(() => uncovered(left)).toEqual({ n: 0 })
      await left.close()
    } else {
      await expect.poll(() => uncovered(database)).toEqual({ n: 0 })
    }
    expect(anchor.state?.sequence).toBeGreaterThan(then?.sequence ?? 0)
    await database.close().catch(() => {})
  }
})

test('a database that is put back under a process that writes nothing is refused by it', async () => {
  const anchor = memoryAnchor()
  const database = await begun(anchor)
  const then = await ledgerRows(database)
  await goOn(database, anchor, 'b')
  const store = await database.open({ sealer, anchor, anchorIdleMs: 20 })
  await forgetAfter(database, then)
  await expect.poll(() => textAt(store, 'Patient', 'a')).toBe('database-rolled-back')
  await database.close()
})

test.each(['', 'hospital'])(
  'at the start it is noticed that the key of what belongs to no patient was taken out (tenant "%s")',
  async (tenant) => {
    const anchor = memoryAnchor()
    const database = await begun(anchor)
    const store = await database.open({ sealer, anchor })
    await write(store, draft('device', 'a model', { type: 'Device', patient: undefined }))
    expect(await store.settled()).toEqual(ok(true))
    await database.close()
    await database.run(`delete from sealward.data_key where patient = '' and tenant = $1`, [tenant])
    expect(await startCode(database, anchor)).toBe('database-altered')
    // And again: a key that is drawn in its place makes nothing good.
    expect(await startCode(database, anchor)).toBe('database-altered')
  },
)

test.each(['', 'hospital'])(
  'at the start it is said that the key of what belongs to no patient was changed (tenant "%s")',
  async (tenant) => {
    const anchor = memoryAnchor()
    const database = await begun(anchor)
    await database.run(
      `update sealward.data_key set wrapped = (select wrapped from sealward.data_key where patient = 'a')
      where patient = '' and tenant = $1`,
      [tenant],
    )
    expect(await startCode(database, anchor)).toBe('database-altered')
  },
)

test('replicas learn of each other’s erasures, and show nobody what is put back', async () => {
  const anchor = memoryAnchor()
  const database = await begun(anchor)
  const one = await database.open({ sealer, anchor })
  const other = await database.open({ sealer, anchor, anchorIdleMs: 20 })
  await write(one, draft('b', 'stays'))
  const tables = ['data_key', 'record', 'version']
  for (const table of tables) {
    await database.run(`create table kept_${table} as table sealward.${table}`)
  }
  await one.transaction((transaction) => transaction.erase('a', { reason: 'asked for' }))
  expect(await one.settled()).toEqual(ok(true))
  expect(await other.settled()).toEqual(ok(true))
  await database.run(`delete from sealward.erased`)
  for (const table of tables) {
    await database.run(`insert into sealward.${table} overriding system value
      select * from kept_${table} where ${table === 'version' ? 'id' : 'patient'} = 'a'`)
  }
  expect(await textAt(other, 'Patient', 'a')).toBe('record-refused')
  expect(await textAt(other, 'Patient', 'b')).toBe('stays')
  await database.close()
})

test('an entry that nobody wrote, in a block of its own, is found while a platform runs', async () => {
  const anchor = memoryAnchor()
  const database = await begun(anchor)
  const store = await database.open({ sealer, anchor, anchorIdleMs: 20 })
  expect(await store.settled()).toEqual(ok(true))
  const [head] = await database.run(
    'select sequence, digest from sealward.ledger_block order by sequence desc limit 1',
  )
  const sequence = Number(head?.['sequence']) + 1
  const entry = Buffer.from('nobody wrote this')
  const counted = Buffer.alloc(8)
  counted.writeBigUInt64BE(BigInt(sequence))
  const digest = createHash('sha256')
    .update('sealward ledger block 2')
    .update(head?.['digest'] as Buffer)
    .update(counted)
    .update(Buffer.alloc(32))
    .update(createHash('sha256').update(entry).digest())
    .digest()
  await database.run(
    `with block as (insert into sealward.ledger_block values ($1, $2, null) returning sequence)
      insert into sealward.ledger_entry select gen_random_uuid(), $3, sequence from block`,
    [String(sequence), digest, entry],
  )
  await expect.poll(() => textAt(store, 'Patient', 'a')).toBe('database-altered')
  expect(anchor.state?.sequence).toBeLessThan(sequence)
  await database.close()
})

test('at the start it is said that a master key is missing, in a sentence', async () => {
  const anchor = memoryAnchor()
  const database = await begun(anchor)
  const other = createSealer(newMasterKey(), { tenant: 'hospital' })
  const refused = await database.open({ sealer: other, anchor }).catch((error: unknown) => error)
  expect(refused).toBeInstanceOf(StartRefusal)
  expect(refused).toMatchObject({ problem: { code: 'key-unavailable' } })
})
