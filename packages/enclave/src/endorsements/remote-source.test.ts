import { createServer as createHttpServer, type RequestListener } from 'node:http'
import { type AddressInfo, createServer } from 'node:net'
import { textOf } from '@sealward/attestation/bytes'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { Fault } from './fault-proxy.fixtures.ts'
import type { EndorsementItem } from './item.ts'
import { endorsementsLimits } from './limits.ts'
import { createRemoteSource, type RemoteSourceOptions } from './remote-source.ts'
import {
  generateKdsBytes,
  type KdsChip,
  type SampleKds,
  startSampleKds,
} from './sample-kds.fixtures.ts'
import type { EndorsementSource } from './source.ts'
import { day, openWorld, start, type World } from './world.fixtures.ts'

let world: World
beforeEach(async () => {
  world = await openWorld()
})
afterEach(() => world.close())

function sourceOf(options: Partial<RemoteSourceOptions> = {}): EndorsementSource {
  const { clock, sleep, proxy } = world
  return world.opening(
    createRemoteSource({ pcs: { baseUrl: proxy.url }, clock, sleep, ...options }),
  )
}

function tcbInfo(): EndorsementItem {
  return {
    kind: 'tcb-info',
    tee: 'sgx',
    fmspc: world.vendor.fmspc.toLowerCase(),
    baseline: 'standard',
  }
}

/** A service that answers everything alike. */
async function serving(listener: RequestListener): Promise<string> {
  const server = createHttpServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  world.opening({
    close: async () => {
      server.closeAllConnections()
      server.close()
    },
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

test('an answer keeps its bytes, its issuer chain and its dates', async () => {
  const { pcs, proxy, vendor } = world
  const piece = await sourceOf().get(tcbInfo())
  if (!piece.ok) throw new Error(piece.problem.code)
  const direct = await fetch(`${pcs.url}/sgx/certification/v4/tcb?fmspc=${vendor.fmspc}`)
  expect(JSON.parse(textOf(piece.value.body) ?? '').tcbInfo).toEqual((await direct.json()).tcbInfo)
  expect(piece.value.issuerChain?.match(/BEGIN CERTIFICATE/g)).toHaveLength(2)
  expect(piece.value).toMatchObject({ issuedAt: start, endsAt: start + 7 * day })
  expect(proxy.targets).toEqual([`/sgx/certification/v4/tcb?fmspc=${vendor.fmspc.toLowerCase()}`])
})

test.each<[string, Fault]>([
  ['a connection reset in the middle of a body', 'reset'],
  ['500', { status: 500 }],
  ['503', { status: 503 }],
  ['429', { status: 429 }],
])('after %s it is tried again', async (_name, fault) => {
  world.proxy.faults.push(fault, fault)
  expect(await sourceOf().get(tcbInfo())).toMatchObject({ ok: true })
  expect(world.proxy.targets).toHaveLength(3)
  expect(world.slept).toHaveLength(2)
  const [first = -1, second = -1] = world.slept
  expect(first).toBeGreaterThanOrEqual(0)
  expect(first).toBeLessThanOrEqual(endorsementsLimits.backoffMs)
  expect(second).toBeLessThanOrEqual(2 * endorsementsLimits.backoffMs)
})

test('a silent service is given up after its time, and asked again', async () => {
  world.proxy.faults.push('silent')
  expect(await sourceOf({ answerSecondsMax: 0.2 }).get(tcbInfo())).toMatchObject({ ok: true })
  expect(world.proxy.targets).toHaveLength(2)
})

test('tries come to an end, and the last failure is told', async () => {
  world.proxy.always = { status: 500 }
  expect(await sourceOf({ triesMax: 4 }).get(tcbInfo())).toMatchObject({
    problem: { code: 'endorsements-unavailable', detail: 'answered 500' },
  })
  expect(world.proxy.targets).toHaveLength(4)
  world.proxy.always = { status: 429 }
  expect(await sourceOf({ triesMax: 2 }).get(tcbInfo())).toMatchObject({
    problem: { code: 'endorsements-rate-limited' },
  })
})

test('a port where nobody listens is unavailable', async () => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  const source = sourceOf({ pcs: { baseUrl: `http://127.0.0.1:${port}` } })
  expect(await source.get(tcbInfo())).toMatchObject({
    problem: { code: 'endorsements-unavailable' },
  })
  expect(world.slept).toHaveLength(2)
})

test.each<[Fault, string]>([
  ['other-json', 'endorsements-malformed'],
  ['no-chain', 'endorsements-malformed'],
  ['oversize', 'endorsements-malformed'],
  [{ status: 400 }, 'endorsements-unavailable'],
  [{ status: 302 }, 'endorsements-unavailable'],
  [{ status: 404 }, 'platform-unknown'],
  [{ status: 410 }, 'evaluation-withdrawn'],
])('what no second try changes is not tried again: %j', async (fault, code) => {
  world.proxy.always = fault
  expect(await sourceOf().get(tcbInfo())).toMatchObject({ problem: { code } })
  expect(world.proxy.targets).toHaveLength(1)
})

test('what has run out is not handed out', async () => {
  const { time } = world
  const source = sourceOf()
  world.proxy.faults.push({ status: 503 })
  // The answer is for seven days; it arrives later than that.
  const late = sourceOf({
    clock: { now: () => time.now + (world.proxy.targets.length < 2 ? 0 : 7 * day) },
  })
  expect(await late.get(tcbInfo())).toMatchObject({ problem: { code: 'endorsements-expired' } })
  expect(await source.get(tcbInfo())).toMatchObject({ ok: true })
})

test('another platform family, another TEE and another document than asked for are refused', async () => {
  const { proxy, vendor } = world
  const fmspc = 'ffffffffffff'
  // A service that answers everything with the family that it has.
  const url = await serving(async (_request, response) => {
    const answer = await fetch(`${world.pcs.url}/sgx/certification/v4/tcb?fmspc=${vendor.fmspc}`)
    const chain = answer.headers.get('tcb-info-issuer-chain') ?? ''
    response.setHeader('TCB-Info-Issuer-Chain', chain)
    response.setHeader('SGX-Enclave-Identity-Issuer-Chain', chain)
    response.end(await answer.text())
  })
  const source = sourceOf({ pcs: { baseUrl: url } })
  const items: readonly EndorsementItem[] = [
    { kind: 'tcb-info', tee: 'sgx', fmspc, baseline: 'standard' },
    { kind: 'tcb-info', tee: 'tdx', fmspc: vendor.fmspc.toLowerCase(), baseline: 'standard' },
    { kind: 'qe-identity', tee: 'sgx', baseline: 'standard' },
    { kind: 'pck-crl', ca: 'platform' },
    { kind: 'root-ca-crl' },
  ]
  for (const item of items) {
    expect(await source.get(item)).toMatchObject({ problem: { code: 'endorsements-malformed' } })
  }
  expect(await source.get(tcbInfo())).toMatchObject({ ok: true })
  expect(proxy.targets).toEqual([])
})

test('a baseline is asked for by its parameter', async () => {
  const source = sourceOf()
  for (const baseline of ['early', 17] as const) {
    await source.get({ kind: 'qe-identity', tee: 'sgx', baseline })
    await source.get({ kind: 'tcb-info', tee: 'tdx', fmspc: '00806f050000', baseline })
  }
  expect(world.proxy.targets).toEqual([
    '/sgx/certification/v4/qe/identity?update=early',
    '/tdx/certification/v4/tcb?fmspc=00806f050000&update=early',
    '/sgx/certification/v4/qe/identity?tcbEvaluationDataNumber=17',
    '/tdx/certification/v4/tcb?fmspc=00806f050000&tcbEvaluationDataNumber=17',
  ])
})

test("the root's revocation list is had where it is said to be", async () => {
  const { vendor, proxy } = world
  const { rootCaCrl } = await vendor.pcsResponses({ at: start, lifetimeSeconds: day })
  const pem = `-----BEGIN X509 CRL-----\n${Buffer.from(rootCaCrl).toString('base64')}\n-----END X509 CRL-----\n`
  for (const form of [rootCaCrl, Buffer.from(rootCaCrl).toString('hex'), pem]) {
    const url = await serving((_request, response) => response.end(form))
    const rootCaCrlUrl = `${url}/root.der`
    const source = sourceOf({ pcs: { baseUrl: proxy.url, rootCaCrlUrl } })
    expect(await source.get({ kind: 'root-ca-crl' })).toMatchObject({
      ok: true,
      value: { body: rootCaCrl },
    })
  }
  expect(proxy.targets).toEqual([])
})

const chip: KdsChip = {
  product: 'Milan',
  chipId: 'ab'.repeat(64),
  query: 'blSPL=4&teeSPL=0&snpSPL=24&ucodeSPL=219',
}
const vcek: EndorsementItem = {
  kind: 'vcek',
  product: 'milan',
  chipId: chip.chipId,
  tcb: { fmc: undefined, bootloader: 4, tee: 0, snp: 24, microcode: 219 },
}

async function kdsOf(): Promise<SampleKds> {
  return world.opening(await startSampleKds(chip, await generateKdsBytes(start)))
}

test('a service that says when to come again is waited for, by everybody', async () => {
  const kds = await kdsOf()
  kds.allowance = 0
  const refill = sourceOf({
    kds: { baseUrl: kds.url },
    sleep: async (milliseconds, signal) => {
      await world.sleep(milliseconds, signal)
      if (milliseconds >= 1000) kds.allowance = 10
    },
  })
  expect(await refill.get(vcek)).toMatchObject({ ok: true, value: { body: kds.bytes.vcek } })
  expect(Math.max(...world.slept)).toBeGreaterThanOrEqual(1000)
  expect(kds.targets).toHaveLength(2)
  // Another that is told to wait longer than it may refuses at once, and asks nobody meanwhile.
  kds.allowance = 0
  const hasty = sourceOf({
    kds: { baseUrl: kds.url },
    waitSecondsMax: 1,
    triesMax: 5,
    sleep: async () => {},
  })
  const asked = kds.targets.length
  expect(await hasty.get(vcek)).toMatchObject({ problem: { code: 'endorsements-rate-limited' } })
  expect(await hasty.get({ ...vcek, tcb: { ...vcek.tcb, snp: 23 } })).toMatchObject({
    problem: { code: 'endorsements-rate-limited' },
  })
  expect(kds.targets).toHaveLength(asked + 1)
})

test('a host is asked no oftener than its rate, however many ask', async () => {
  const source = sourceOf({ rates: { pcs: { burst: 2, perSecond: 0.5 } } })
  const families = [1, 2, 3, 4, 5].map((family): EndorsementItem => {
    return { kind: 'tcb-info', tee: 'sgx', fmspc: `00000000000${family}`, baseline: 'standard' }
  })
  const answers = await Promise.all(families.map((item) => source.get(item)))
  for (const answer of answers) {
    expect(answer).toMatchObject({ problem: { code: 'platform-unknown' } })
  }
  // Sleeping moves this clock, so each of the three beyond the burst waits for its own turn only.
  expect(world.slept).toEqual([2000, 2000, 2000])
})

test('whoever names ever more chips, or numbers, leaves turns for what everybody needs', async () => {
  const kds = await kdsOf()
  const rate = { burst: 8, perSecond: 0.01 }
  const source = sourceOf({ kds: { baseUrl: kds.url }, rates: { kds: rate, pcs: rate } })
  const levels = Array.from({ length: 20 }, (_, level) => level)
  const chips = await Promise.all(
    levels.map((snp) => source.get({ ...vcek, tcb: { ...vcek.tcb, snp } })),
  )
  const numbered = await Promise.all(
    levels.map((baseline) => source.get({ kind: 'qe-identity', tee: 'sgx', baseline })),
  )
  const limited = { problem: { code: 'endorsements-rate-limited' } }
  expect(chips.at(-1)).toMatchObject(limited)
  expect(numbered.at(-1)).toMatchObject(limited)
  const crl: EndorsementItem = { kind: 'amd-crl', key: 'vcek', product: 'milan' }
  expect(await source.get(crl)).toMatchObject({ ok: true })
  expect(await source.get(tcbInfo())).toMatchObject({ ok: true })
})

test('closing ends what waits', async () => {
  world.proxy.always = { status: 503, retryAfter: '5' }
  const source = createRemoteSource({ pcs: { baseUrl: world.proxy.url }, clock: world.clock })
  const waiting = source.get(tcbInfo())
  await expect.poll(() => world.proxy.targets.length).toBe(1)
  await source.close()
  expect(await waiting).toMatchObject({ problem: { code: 'endorsements-unavailable' } })
})

test('what no service is known for is missing, and nobody is asked', async () => {
  expect(await sourceOf().get(vcek)).toMatchObject({ problem: { code: 'endorsements-missing' } })
})

test('a chip id is in no problem', async () => {
  const source = sourceOf({ kds: { baseUrl: 'http://127.0.0.1:1' } })
  const outcome = await source.get(vcek)
  expect(outcome).toMatchObject({ problem: { code: 'endorsements-unavailable' } })
  expect(JSON.stringify(outcome)).not.toContain('abababab')
})
