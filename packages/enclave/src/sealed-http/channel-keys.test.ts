import { expect, test } from 'vitest'
import { systemRandom as random } from '../effects/index.ts'
import { type ChannelKeys, createChannelKeys } from './channel-keys.ts'
import { createReplayMemory, type ReplayMemory } from './replay-memory.ts'
import { configsOf, seal } from './sealed-server.fixtures.ts'

const day = 24 * 3600
const noon = 20_000 * day + day / 2

function at(instant: number): { now(): number; instant: number } {
  const clock = { instant, now: () => clock.instant }
  return clock
}

async function messageTo(keys: ChannelKeys): Promise<Uint8Array> {
  const [config] = await configsOf(keys)
  return (await seal(config, { path: '/hello' })).message
}

const seed = new Uint8Array(32).fill(7)
const together = async (memory: ReplayMemory, clock = at(noon)): Promise<ChannelKeys> =>
  createChannelKeys({ clock, random, shared: { seed, memory } })

test('replicas of one seed offer the same keys, and those of another seed, day or process others', async () => {
  const keys = async (
    options: Partial<Parameters<typeof createChannelKeys>[0]>,
  ): Promise<readonly string[]> => {
    const configs = await configsOf(
      await createChannelKeys({ clock: at(noon), random, ...options }),
    )
    return configs.map(({ publicKey }) => Buffer.from(publicKey).toString('hex'))
  }
  const shared = (byte: number) => ({
    shared: { seed: new Uint8Array(32).fill(byte), memory: createReplayMemory() },
  })
  const here = await keys(shared(7))
  expect(await keys(shared(7))).toEqual(here)
  const others = await Promise.all([
    keys(shared(8)),
    keys({ ...shared(7), clock: at(noon + day) }),
    keys({}),
    keys({}),
  ])
  expect(new Set([here, ...others].flat()).size).toBe(5 * here.length)
})

test('keys next to each other in time have other ids', async () => {
  const clock = at(noon)
  const keys = await createChannelKeys({ clock, random })
  const seen: number[] = []
  for (let count = 0; count < 8; count++) {
    seen.push(...(await configsOf(keys)).map(({ keyId }) => keyId))
    clock.instant += day
  }
  expect(new Set(seen).size).toBe(seen.length)
})

test('what was sealed yesterday is opened for five minutes more, and then it is stale', async () => {
  for (const shared of [undefined, { seed, memory: createReplayMemory() }]) {
    const clock = at(20_000 * day + day - 10)
    const keys = await createChannelKeys({ clock, random, ...(shared && { shared }) })
    const [before, late] = [await messageTo(keys), await messageTo(keys)]
    clock.instant += 309
    expect(await keys.open(before)).toMatchObject({ ok: true })
    // The new day's keys are offered meanwhile.
    expect(await keys.open(await messageTo(keys))).toMatchObject({ ok: true })
    expect(await keys.open(before)).toMatchObject({ problem: { code: 'replayed' } })
    clock.instant += 1
    expect(await keys.open(late)).toMatchObject({ problem: { code: 'stale-key' } })
  }
})

test('a message is opened once among replicas that share a memory', async () => {
  const memory = createReplayMemory()
  const [one, other] = [await together(memory), await together(memory)]
  const message = await messageTo(one)
  expect(await other.open(message)).toMatchObject({ ok: true })
  expect(await one.open(message)).toMatchObject({ problem: { code: 'replayed' } })
  expect(await other.open(message)).toMatchObject({ problem: { code: 'replayed' } })
})

test('a replica whose clock is behind opens what was sealed to the keys of another', async () => {
  const memory = createReplayMemory()
  const midnight = 20_001 * day
  const behind = await together(memory, at(midnight - 2))
  const ahead = await together(memory, at(midnight + 2))
  expect(await behind.open(await messageTo(ahead))).toMatchObject({ ok: true })
  // It offers what the others do from now on.
  expect(await configsOf(behind)).toEqual(await configsOf(ahead))
})

test('a memory that is full is followed by another key, and what came before is opened no more', async () => {
  const keys = await createChannelKeys({ clock: at(noon), random, openedInPartMax: 3 })
  const first = await configsOf(keys)
  const early = [await messageTo(keys), await messageTo(keys), await messageTo(keys)]
  const [kept, lost] = [await messageTo(keys), await messageTo(keys)]
  for (const message of early) expect(await keys.open(message)).toMatchObject({ ok: true })
  expect(await configsOf(keys)).not.toEqual(first)
  expect(await keys.open(kept)).toMatchObject({ ok: true })
  expect(await keys.open(early[0] ?? kept)).toMatchObject({ problem: { code: 'replayed' } })
  for (let count = 0; count < 3; count++) await keys.open(await messageTo(keys))
  await keys.offered()
  expect(await keys.open(lost)).toMatchObject({ problem: { code: 'stale-key' } })
  expect(await keys.open(early[0] ?? kept)).toMatchObject({ problem: { code: 'stale-key' } })
})

test('a memory that has gone back opens nothing', async () => {
  const memory = createReplayMemory()
  const clock = at(noon)
  let isBack = false
  const rolledBack: ReplayMemory = {
    ...memory,
    begin: async (epoch) =>
      isBack
        ? { ok: true, value: { newest: { day: 1, part: 0 }, previous: undefined } }
        : memory.begin(epoch),
  }
  const keys = await together(rolledBack, clock)
  isBack = true
  expect(await keys.offered()).toMatchObject({ problem: { code: 'replay-memory-unavailable' } })
  clock.instant += day
  const stranger = await messageTo(await together(createReplayMemory(), clock))
  expect(await keys.open(stranger)).toMatchObject({
    problem: { code: 'replay-memory-unavailable' },
  })
})

test('what is not a message at all is refused before any key is looked for', async () => {
  const keys = await createChannelKeys({ clock: at(noon), random })
  for (const length of [0, 1, 6])
    expect(await keys.open(new Uint8Array(length))).toMatchObject({
      problem: { code: 'malformed' },
    })
  expect(await keys.open(new Uint8Array(7))).toMatchObject({ problem: { code: 'stale-key' } })
})
