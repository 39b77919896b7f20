import { afterAll, beforeAll, expect, test } from 'vitest'
import { systemRandom as random } from '../effects/index.ts'
import { startTestPostgres, type TestPostgres } from '../testing/postgres.ts'
import { createChannelKeys } from './channel-keys.ts'
import {
  configsOf,
  post,
  type Replica,
  refusalOf,
  seal,
  startReplica,
} from './sealed-server.fixtures.ts'
import { openSharedReplayMemory } from './shared-replay-memory.ts'

const seed = new Uint8Array(32).fill(3)
const day = 24 * 3600
const clock = { instant: 20_000 * day + 100, now: () => clock.instant }

let postgres: TestPostgres
let one: Replica
let other: Replica

async function replica(openedInPartMax?: number): Promise<Replica> {
  const memory = await openSharedReplayMemory({ url: postgres.url, clock })
  const started = await startReplica({
    shared: { seed, memory },
    clock,
    ...(openedInPartMax !== undefined && { openedInPartMax }),
  })
  return {
    ...started,
    async stop() {
      await started.stop()
      await memory.close()
    },
  }
}

beforeAll(async () => {
  postgres = await startTestPostgres()
  ;[one, other] = await Promise.all([replica(), replica()])
}, 60_000)

afterAll(async () => {
  await Promise.all([one, other].map((each) => each?.stop()))
  await postgres?.stop()
})

const hello = async (to: Replica) => seal((await configsOf(to.keys))[0], { path: '/hello' })
const count = async (): Promise<number> =>
  Number((await postgres.run('select count(*) from sealed_http.opened'))[0]?.['count'])

test('what is sealed to one replica the other answers', async () => {
  const { message, open } = await hello(one)
  const answer = await post(other.url, message)
  expect(await open(answer)).toMatchObject({ status: 200 })
  expect(other.reached).toEqual(['GET /hello'])
})

test('a captured request sent to the other replica, or to one that was started again, is refused', async () => {
  const { message } = await hello(one)
  expect((await post(one.url, message)).status).toBe(200)
  const before = [...other.reached]
  expect(await refusalOf(await post(other.url, message))).toEqual([409, 'replayed'])
  expect(await refusalOf(await post(one.url, message))).toEqual([409, 'replayed'])
  const again = await replica()
  try {
    expect(await refusalOf(await post(again.url, message))).toEqual([409, 'replayed'])
    expect(again.reached).toEqual([])
  } finally {
    await again.stop()
  }
  expect(other.reached).toEqual(before)
})

test('of many copies sent to both at once one is answered', async () => {
  const { message } = await hello(one)
  const urls = Array.from({ length: 16 }, (_, index) => (index % 2 === 0 ? one.url : other.url))
  const answers = await Promise.all(urls.map((url) => post(url, message)))
  const statuses = answers.map(({ status }) => status)
  expect(statuses.filter((status) => status === 200)).toHaveLength(1)
  expect(statuses.filter((status) => status === 409)).toHaveLength(15)
})

test('when one has opened as many as are remembered both offer other keys', async () => {
  const small = await replica(2)
  try {
    const before = await configsOf(one.keys)
    for (let round = 0; round < 2; round++) {
      const { message } = await hello(small)
      expect((await post(small.url, message)).status).toBe(200)
    }
    const after = await configsOf(small.keys)
    expect(after).not.toEqual(before)
    expect(await configsOf(one.keys)).toEqual(after)
    // The other has not been asked for its keys yet, and opens what is sealed to them.
    const { message, open } = await seal(after[0], { path: '/hello' })
    expect(await open(await post(other.url, message))).toMatchObject({ status: 200 })
  } finally {
    await small.stop()
  }
})

test('what was remembered goes with its epoch, and the epoch does not come back', async () => {
  const { message } = await hello(one)
  expect((await post(one.url, message)).status).toBe(200)
  expect(await count()).toBeGreaterThan(0)
  clock.instant += 2 * day
  await Promise.all([one, other].map(({ keys }) => keys.offered()))
  clock.instant += day
  await Promise.all([one, other].map(({ keys }) => keys.offered()))
  expect(await count()).toBe(0)
  // A machine whose clock is set back to when the message was fresh.
  const memory = await openSharedReplayMemory({ url: postgres.url, clock })
  const past = { now: () => clock.instant - 3 * day }
  const keys = await createChannelKeys({ clock: past, random, shared: { seed, memory } })
  expect(await keys.open(message)).toMatchObject({ problem: { code: 'stale-key' } })
  await memory.close()
})

test('whoever deletes rows does not get a replica to open again what it opened itself', async () => {
  const { message } = await hello(one)
  expect((await post(one.url, message)).status).toBe(200)
  await postgres.run('delete from sealed_http.opened')
  expect(await refusalOf(await post(one.url, message))).toEqual([409, 'replayed'])
})

test('without the row of epochs nothing is opened', async () => {
  const { message } = await hello(one)
  const rows = await postgres.run('delete from sealed_http.epochs returning *')
  expect(await refusalOf(await post(other.url, message))).toEqual([422, 'stale-key'])
  await postgres.run(
    'insert into sealed_http.epochs select * from json_populate_record(null::sealed_http.epochs, $1)',
    [JSON.stringify(rows[0])],
  )
  expect((await post(other.url, (await hello(one)).message)).status).toBe(200)
})

const begun = `update sealed_http.epochs set newest_day = newest_day + $1, newest_part = 0,
  previous_day = $2::integer, previous_part = 0`

test.each([
  ['days ahead', 3, null],
  ['a day ahead, with more than minutes to go', 1, null],
  ['of a day before the one before it', 0, 99_999],
])(
  'with epochs that are %s nothing is offered or opened, and what was goes on when they are not',
  async (_, ahead, previous) => {
    const before = await configsOf(one.keys)
    const rows = await postgres.run('select * from sealed_http.epochs')
    const { message } = await hello(one)
    await postgres.run(begun, [ahead, previous])
    for (const { keys } of [one, other]) {
      expect(await keys.offered()).toMatchObject({
        problem: { code: 'replay-memory-unavailable' },
      })
    }
    // A replica that starts now does not begin with keys of that day.
    const memory = await openSharedReplayMemory({ url: postgres.url, clock })
    const starting = createChannelKeys({ clock, random, shared: { seed, memory } })
    await expect(starting).rejects.toThrow('a day that has not come')
    await memory.close()
    await postgres.run('delete from sealed_http.epochs')
    await postgres.run(
      'insert into sealed_http.epochs select * from json_populate_record(null::sealed_http.epochs, $1)',
      [JSON.stringify(rows[0])],
    )
    expect(await configsOf(one.keys)).toEqual(before)
    expect((await post(other.url, message)).status).toBe(200)
  },
)

test('a replica whose clock is minutes ahead begins the next day, and the others follow', async () => {
  const until = (Math.floor(clock.instant / day) + 1) * day
  clock.instant = until - 240
  const before = await configsOf(one.keys)
  const fast = await createChannelKeys({
    clock: { now: () => clock.instant + 241 },
    random,
    shared: { seed, memory: await openSharedReplayMemory({ url: postgres.url, clock }) },
  })
  const after = await configsOf(fast)
  expect(after).not.toEqual(before)
  expect(await configsOf(one.keys)).toEqual(after)
  await fast.close()
})

test('the database learns nothing of what was said', async () => {
  const secret = 'Quetzalcanary'
  const { message, open } = await seal((await configsOf(one.keys))[0], {
    path: '/hello',
    headers: [['x-name', secret]],
  })
  const { body } = await open(await post(one.url, message))
  expect(Buffer.from(body).includes(secret)).toBe(true)
  const everything = await postgres.everything()
  expect(everything.length).toBeGreaterThan(100)
  for (const form of [secret, Buffer.from(secret).toString('hex')])
    expect(everything.includes(form)).toBe(false)
})

test('while the database is away nothing is opened and no evidence promises that it would be', async () => {
  const { message } = await hello(one)
  const reached = one.reached.length
  await postgres.stop()
  expect(await refusalOf(await post(one.url, message))).toEqual([503, 'replay-memory-unavailable'])
  expect(await one.keys.offered()).toMatchObject({
    problem: { code: 'replay-memory-unavailable' },
  })
  expect(one.reached).toHaveLength(reached)
}, 60_000)
