import { mkdtemp, readdir, readFile, rm, truncate, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ok, refuse } from '@sealward/attestation/bytes'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { startSamplePcs } from '../evidence/index.ts'
import { createCachedSource } from './cached-source.ts'
import type { EndorsementItem } from './item.ts'
import { endorsementsLimits } from './limits.ts'
import { openPieceFolder, type PieceFolderOptions } from './piece-folder.ts'
import { createRemoteSource } from './remote-source.ts'
import { generateKdsBytes, startSampleKds } from './sample-kds.fixtures.ts'
import type { EndorsementSource } from './source.ts'
import { targetOf } from './target.ts'
import { day, openWorld, start, type World } from './world.fixtures.ts'

let world: World
let path: string
beforeEach(async () => {
  world = await openWorld()
  path = await mkdtemp(join(tmpdir(), 'sealward-endorsements-'))
})
afterEach(async () => {
  await world.close()
  await rm(path, { recursive: true, force: true })
})

const qeIdentity = { kind: 'qe-identity', tee: 'sgx', baseline: 'standard' } as const
const pckCrl: EndorsementItem = { kind: 'pck-crl', ca: 'platform' }

/** A cache as a process makes it when it starts. */
function cacheOf(folder?: Partial<PieceFolderOptions>, kds?: string): EndorsementSource {
  const { clock, sleep, proxy } = world
  const source = createRemoteSource({
    pcs: { baseUrl: proxy.url },
    ...(kds === undefined ? {} : { kds: { baseUrl: kds } }),
    clock,
    sleep,
    triesMax: 1,
  })
  return world.opening(
    createCachedSource({
      source,
      clock,
      ...(folder === undefined ? {} : { folder: openPieceFolder({ path, clock, ...folder }) }),
    }),
  )
}

async function endsAtOf(source: EndorsementSource): Promise<number | string> {
  const piece = await source.get(qeIdentity)
  return piece.ok ? piece.value.endsAt : piece.problem.code
}

const filesOf = async (): Promise<readonly string[]> => (await readdir(path)).toSorted()

test('one request answers all who ask at once', async () => {
  const source = cacheOf()
  await Promise.all(Array.from({ length: 20 }, () => source.get(qeIdentity)))
  expect(world.proxy.targets).toHaveLength(1)
})

test('what is no longer fresh is handed out while a newer one is fetched', async () => {
  const { time, proxy } = world
  const source = cacheOf()
  expect(await endsAtOf(source)).toBe(start + 7 * day)
  time.now = start + endorsementsLimits.freshSeconds
  // The newer one does not come, and nobody waits for it.
  proxy.always = 'silent'
  expect(await endsAtOf(source)).toBe(start + 7 * day)
  await expect.poll(() => proxy.targets.length).toBe(2)
})

test('the newer one is handed out once it is there', async () => {
  const { time } = world
  const source = cacheOf()
  await endsAtOf(source)
  time.now = start + endorsementsLimits.freshSeconds
  await endsAtOf(source)
  await expect.poll(() => endsAtOf(source)).toBe(time.now + 7 * day)
})

test('nothing is handed out in the second in which it runs out, whoever is down', async () => {
  const { time, proxy } = world
  const source = cacheOf({})
  await endsAtOf(source)
  proxy.always = { status: 503 }
  time.now = start + 7 * day - 1
  expect(await endsAtOf(source)).toBe(start + 7 * day)
  time.now = start + 7 * day
  await expect.poll(() => endsAtOf(source)).toBe('endorsements-unavailable')
  // Nor by a process that finds it on the disk.
  expect(await endsAtOf(cacheOf({}))).toBe('endorsements-unavailable')
})

test('what has run out when it comes is handed on where that is asked for, and never kept', async () => {
  const { vendor, clock, proxy } = world
  const issue = { expired: ['qe-identity'] } as const
  const pcs = world.opening(await startSamplePcs({ vendor, clock, issue }))
  for (const expired of ['refused', 'handed-on'] as const) {
    const remote = world.opening(
      createRemoteSource({ pcs: { baseUrl: pcs.url }, clock, sleep: world.sleep, expired }),
    )
    const folder = openPieceFolder({ path, clock })
    const source = createCachedSource({ source: remote, clock, folder })
    expect(await endsAtOf(source)).toBe(expired === 'refused' ? 'endorsements-expired' : start - 1)
    expect(await filesOf()).toEqual([])
  }
  expect(proxy.targets).toEqual([])
})

test('a clock that is turned back makes nothing fresh', async () => {
  const { time, proxy } = world
  const source = cacheOf()
  await endsAtOf(source)
  time.now = start - day
  await endsAtOf(source)
  await expect.poll(() => proxy.targets.length).toBe(2)
})

test('an older answer takes nothing back that still holds', async () => {
  const { time, clock, proxy, vendor } = world
  const ahead = world.opening(createRemoteSource({ pcs: { baseUrl: proxy.url }, clock }))
  // A service that lags behind: what it says was issued earlier, and is still valid.
  const pcs = world.opening(await startSamplePcs({ vendor, clock: { now: () => start - day } }))
  const behind = world.opening(createRemoteSource({ pcs: { baseUrl: pcs.url }, clock }))
  let asked = 0
  const source = createCachedSource({
    clock,
    source: {
      get: (item) => (asked++ === 0 ? ahead : behind).get(item),
      addressOf: (item) => ahead.addressOf(item),
      close: async () => {},
    },
  })
  expect(await endsAtOf(source)).toBe(start + 7 * day)
  time.now = start + endorsementsLimits.freshSeconds
  await endsAtOf(source)
  await expect.poll(() => asked).toBe(2)
  await behind.get(qeIdentity)
  expect(await endsAtOf(source)).toBe(start + 7 * day)
  expect(await endsAtOf(behind)).toBe(start + 6 * day)
})

test('failures are remembered for a moment; what is not known, for longer', async () => {
  const { time, proxy } = world
  const source = cacheOf()
  proxy.always = { status: 503 }
  for (let count = 0; count < 3; count++) await endsAtOf(source)
  expect(proxy.targets).toHaveLength(1)
  time.now += endorsementsLimits.failureSeconds
  proxy.always = { status: 404 }
  for (let count = 0; count < 3; count++) {
    expect(await endsAtOf(source)).toBe('platform-unknown')
  }
  expect(proxy.targets).toHaveLength(2)
  proxy.always = 'none'
  time.now += endorsementsLimits.unknownSeconds - 1
  expect(await endsAtOf(source)).toBe('platform-unknown')
  time.now += 1
  expect(await endsAtOf(source)).toBe(time.now + 7 * day)
})

test('memory holds a bounded number of endorsements', async () => {
  const made: string[] = []
  const source = createCachedSource({ source: fakeSource(made), clock: world.clock })
  const numbered = (baseline: number) => source.get({ ...qeIdentity, baseline })
  for (let number = 0; number <= endorsementsLimits.slotsMax; number++) await numbered(number)
  const asked = made.length
  await numbered(endorsementsLimits.slotsMax)
  expect(made).toHaveLength(asked)
  await numbered(0)
  expect(made).toHaveLength(asked + 1)
})

test('what strangers can name any number of pushes out nothing that everybody needs', async () => {
  const made: string[] = []
  const source = createCachedSource({ source: fakeSource(made), clock: world.clock })
  await source.get(qeIdentity)
  for (let number = 0; number < 2 * endorsementsLimits.slotsMax; number++) {
    await source.get({ ...qeIdentity, baseline: number })
    await source.get({
      kind: 'vcek',
      product: 'milan',
      chipId: 'ab'.repeat(64),
      tcb: { fmc: undefined, bootloader: 4, tee: 0, snp: number >> 8, microcode: number & 0xff },
    })
  }
  const asked = made.length
  await source.get(qeIdentity)
  expect(made).toHaveLength(asked)
})

test('what does not exist is forgotten before what does', async () => {
  const made: string[] = []
  const source = createCachedSource({
    source: fakeSource(made, (address) => !address.includes('fmspc=ff')),
    clock: world.clock,
  })
  const family = (fmspc: string) =>
    source.get({ kind: 'tcb-info', tee: 'sgx', fmspc, baseline: 'standard' })
  expect(await family('00906ed50000')).toMatchObject({ ok: true })
  for (let number = 0; number < 2 * endorsementsLimits.slotsMax; number++) {
    const madeUp = `ff${number.toString(16).padStart(10, '0')}`
    expect(await family(madeUp)).toMatchObject({ problem: { code: 'platform-unknown' } })
  }
  const asked = made.length
  await family('00906ed50000')
  expect(made).toHaveLength(asked)
})

/** Has everything that is there, for a week, and writes down what it was asked for. */
function fakeSource(
  asked: string[],
  isThere: (address: string) => boolean = () => true,
): EndorsementSource {
  return {
    addressOf: targetOf,
    async get(item) {
      const address = targetOf(item)
      asked.push(address)
      return isThere(address)
        ? ok({ body: new Uint8Array(), issuedAt: start, endsAt: start + 7 * day })
        : refuse('platform-unknown', '', 'not there')
    },
    close: async () => {},
  }
}

test('a folder outlives the process, and drafts are not left in it', async () => {
  const { proxy } = world
  const before = await cacheOf({}).get(qeIdentity)
  expect(await cacheOf({}).get(qeIdentity)).toEqual(before)
  expect(proxy.targets).toHaveLength(1)
  expect(await filesOf()).toHaveLength(1)
  expect((await filesOf())[0]).toMatch(/^[0-9a-f]{64}\.endorsement$/)
})

test('a VCEK is asked for once, however long ago', async () => {
  const { time } = world
  const bytes = await generateKdsBytes(start)
  const chipId = 'ab'.repeat(64)
  const query = 'blSPL=4&teeSPL=0&snpSPL=24&ucodeSPL=219'
  const kds = world.opening(await startSampleKds({ product: 'Milan', chipId, query }, bytes))
  const vcek: EndorsementItem = {
    kind: 'vcek',
    product: 'milan',
    chipId,
    tcb: { fmc: undefined, bootloader: 4, tee: 0, snp: 24, microcode: 219 },
  }
  const crl: EndorsementItem = { kind: 'amd-crl', key: 'vcek', product: 'milan' }
  const chain: EndorsementItem = { kind: 'amd-chain', key: 'vcek', product: 'milan' }
  const source = cacheOf({}, kds.url)
  for (const item of [vcek, crl, chain]) expect(await source.get(item)).toMatchObject({ ok: true })
  time.now = start + 5 * 365 * day
  kds.allowance = 0
  const later = cacheOf({}, kds.url)
  expect(await later.get(vcek)).toMatchObject({ ok: true, value: { body: bytes.vcek } })
  expect(await later.get(chain)).toMatchObject({ ok: true })
  expect(await later.get(crl)).toMatchObject({ problem: { code: 'endorsements-rate-limited' } })
  time.now = start + 8 * 365 * day
  expect(await later.get(vcek)).toMatchObject({ ok: false })
  expect(kds.targets.filter((target) => target.includes(chipId)).length).toBe(2)
})

test('a file that is damaged in any way is as good as none', async () => {
  const { proxy } = world
  await cacheOf({}).get(qeIdentity)
  const [name = ''] = await filesOf()
  const file = join(path, name)
  const whole = await readFile(file)
  const text = whole.toString()
  const damaged: readonly (Uint8Array | string)[] = [
    '',
    'not JSON',
    '[]',
    '{}',
    whole.subarray(0, whole.length - 200),
    text.replace('sealward-endorsement-1', 'sealward-endorsement-2'),
    text.replace(/"fetchedAt":\d+/, '"fetchedAt":"yesterday"'),
    text.replace(/"body":".{4}/, '"body":"AAAA'),
    text.replace(/"sha256":"../, '"sha256":"zz'),
    text.replace('-----BEGIN', '-----BEGUN'),
    text.replace('{', '{"more":1,'),
    Buffer.alloc(endorsementsLimits.entryBytesMax + 1, 0x20),
  ]
  for (const bytes of damaged) {
    await writeFile(file, bytes)
    const asked = proxy.targets.length
    expect(await cacheOf({}).get(qeIdentity)).toMatchObject({ ok: true })
    expect(proxy.targets).toHaveLength(asked + 1)
    expect(JSON.parse(await readFile(file, 'utf8'))).toMatchObject({
      format: 'sealward-endorsement-1',
    })
    // The next process finds it whole again.
    await cacheOf({}).get(qeIdentity)
    expect(proxy.targets).toHaveLength(asked + 1)
  }
})

test('every truncation of a file is as good as none', async () => {
  const folder = openPieceFolder({ path, clock: world.clock })
  const source = cacheOf({})
  await source.get(qeIdentity)
  const [name = ''] = await filesOf()
  const file = join(path, name)
  const { length } = await readFile(file)
  const address = source.addressOf(qeIdentity)
  expect(await folder.read(qeIdentity, address)).toBeDefined()
  // The last byte is the line feed, without which it is still whole.
  for (let size = length - 2; size >= 0; size -= Math.ceil(length / 150)) {
    await truncate(file, size)
    expect(await folder.read(qeIdentity, address)).toBeUndefined()
  }
})

test("another endorsement's file under this one's name is as good as none", async () => {
  const folder = openPieceFolder({ path, clock: world.clock })
  const source = cacheOf({})
  await source.get(qeIdentity)
  const [first = ''] = await filesOf()
  await source.get(pckCrl)
  const second = (await filesOf()).find((name) => name !== first) ?? ''
  await writeFile(join(path, first), await readFile(join(path, second)))
  expect(await folder.read(qeIdentity, source.addressOf(qeIdentity))).toBeUndefined()
  expect(await folder.read(pckCrl, source.addressOf(pckCrl))).toBeDefined()
})

test('a folder that cannot be written is no folder, and that is told', async () => {
  const told: string[] = []
  await writeFile(join(path, 'file'), '')
  const onUnwritten = (cause: string): void => void told.push(cause)
  const source = cacheOf({ path: join(path, 'file', 'below'), onUnwritten })
  expect(await source.get(qeIdentity)).toMatchObject({ ok: true })
  expect(await source.get(qeIdentity)).toMatchObject({ ok: true })
  expect(world.proxy.targets).toHaveLength(1)
  expect(told).toEqual(['ENOTDIR'])
})

test('the folder is bounded in entries and in bytes: the oldest go', async () => {
  const few = cacheOf({ entriesMax: 3 })
  const itemOf = (baseline: number): EndorsementItem => ({ ...qeIdentity, baseline })
  for (let number = 0; number < 6; number++) {
    await few.get(itemOf(number))
    // Files of one millisecond have no order; what is written later is newer than all of these.
    for (const name of await filesOf()) {
      const file = join(path, name)
      const isOfThis = (await readFile(file, 'utf8')).includes(`Number=${number}"`)
      if (isOfThis) await utimes(file, start - 100 + number, start - 100 + number)
    }
  }
  expect(await filesOf()).toHaveLength(3)
  const asked = world.proxy.targets.length
  const again = cacheOf({ entriesMax: 3 })
  for (const number of [3, 4, 5]) await again.get(itemOf(number))
  expect(world.proxy.targets).toHaveLength(asked)

  await cacheOf({ bytesMax: 1 }).get(pckCrl)
  expect(await filesOf()).toEqual([])
})

test('what is of somebody else in the folder stays; what a dead process left goes', async () => {
  await writeFile(join(path, 'README'), 'mine')
  const abandoned = join(path, 'a.endorsement.00.draft')
  const underWay = join(path, 'b.endorsement.00.draft')
  await writeFile(abandoned, '')
  await writeFile(underWay, '')
  const old = start - endorsementsLimits.draftSecondsMax - 1
  await utimes(abandoned, old, old)
  await utimes(underWay, start, start)
  await cacheOf({}).get(qeIdentity)
  const names = await filesOf()
  expect(names).toContain('README')
  expect(names).toContain('b.endorsement.00.draft')
  expect(names).not.toContain('a.endorsement.00.draft')
})

test('processes that share a folder never see half a file', async () => {
  const folder = openPieceFolder({ path, clock: world.clock })
  const source = cacheOf()
  const piece = await source.get(qeIdentity)
  if (!piece.ok) throw new Error(piece.problem.code)
  const address = source.addressOf(qeIdentity)
  const kept = { piece: piece.value, fetchedAt: start }
  await folder.write(address, kept)
  const writing = Promise.all(Array.from({ length: 20 }, () => folder.write(address, kept)))
  for (let count = 0; count < 50; count++) {
    expect(await folder.read(qeIdentity, address)).toEqual(kept)
  }
  await writing
  expect(await filesOf()).toHaveLength(1)
})
