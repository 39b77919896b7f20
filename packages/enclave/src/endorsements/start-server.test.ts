import { connect } from 'node:net'
import { verifySgxEvidence } from '@sealward/attestation/verification'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { createCachedSource } from './cached-source.ts'
import { createEndorsementsClient, type EndorsementsClient } from './endorsements-client.ts'
import type { EndorsementItem } from './item.ts'
import { endorsementsServerLimits } from './limits.ts'
import { createRemoteSource } from './remote-source.ts'
import {
  generateKdsBytes,
  reportOf,
  type SampleKds,
  startSampleKds,
} from './sample-kds.fixtures.ts'
import type { EndorsementSource } from './source.ts'
import { type EndorsementsServer, startEndorsementsServer } from './start-server.ts'
import { day, openWorld, start, type World } from './world.fixtures.ts'

const chipId = 'ab'.repeat(64)
const query = 'blSPL=4&teeSPL=0&snpSPL=24&ucodeSPL=219'

let world: World
let kds: SampleKds
let server: EndorsementsServer
const answers: object[] = []
beforeEach(async () => {
  answers.splice(0)
  world = await openWorld()
  kds = world.opening(
    await startSampleKds({ product: 'Milan', chipId, query }, await generateKdsBytes(start)),
  )
  const { proxy, clock, sleep } = world
  const source = createRemoteSource({
    pcs: { baseUrl: proxy.url },
    kds: { baseUrl: kds.url },
    clock,
    sleep,
  })
  server = world.opening(
    await startEndorsementsServer({
      source: world.opening(createCachedSource({ source, clock })),
      onAnswer: (answer) => answers.push(answer),
    }),
  )
})
afterEach(() => world.close())

/** What an isolated host has: the server's address, and nothing else. */
function insideClient(url = server.url): EndorsementsClient {
  const { clock, sleep } = world
  const source = createRemoteSource({
    pcs: { baseUrl: url },
    kds: { baseUrl: url },
    clock,
    sleep,
  })
  return world.opening(createEndorsementsClient(createCachedSource({ source, clock })))
}

test('services, server, client: what arrives is what was issued, and evidence verifies with it', async () => {
  const { quote, vendor } = world
  const inside = await insideClient().endorsementsFor(quote)
  if (!inside.ok) throw new Error(inside.problem.code)
  expect(
    await verifySgxEvidence({
      quote,
      endorsements: inside.value,
      roots: [vendor.rootSpkiSha256],
      at: start,
    }),
  ).toMatchObject({ ok: true, value: { tcbStatus: 'UpToDate' } })
  expect(await insideClient().snpEndorsementsFor(reportOf({}))).toMatchObject({
    ok: true,
    value: {
      certificate: kds.bytes.vcek,
      intermediate: kds.bytes.intermediate,
      root: kds.bytes.root,
      crl: kds.bytes.crl,
    },
  })
})

test('a server before a server serves as well', async () => {
  const { clock, quote } = world
  const source = world.opening(
    createRemoteSource({ pcs: { baseUrl: server.url }, kds: { baseUrl: server.url }, clock }),
  )
  const second = world.opening(await startEndorsementsServer({ source }))
  expect(await insideClient(second.url).endorsementsFor(quote)).toEqual(
    await insideClient().endorsementsFor(quote),
  )
})

test('bodies and issuer chains are those of the service before it, byte for byte', async () => {
  const { pcs, vendor, proxy } = world
  const targets = [
    `/sgx/certification/v4/tcb?fmspc=${vendor.fmspc}`,
    '/sgx/certification/v4/qe/identity',
    '/sgx/certification/v4/pckcrl?ca=platform&encoding=der',
    '/sgx/certification/v4/pckcrl?ca=platform&encoding=pem',
    '/sgx/certification/v4/pckcrl?ca=platform',
    '/sgx/certification/v4/rootcacrl',
  ]
  for (const target of targets) {
    // Signatures of the sample vendor are made anew for each answer: what passed the proxy is compared.
    const [ours, theirs] = await Promise.all([fetch(server.url + target), fetch(pcs.url + target)])
    expect(ours.status).toBe(200)
    expect(ours.headers.get('content-type')).toBe(theirs.headers.get('content-type'))
    for (const name of [
      'tcb-info-issuer-chain',
      'sgx-enclave-identity-issuer-chain',
      'sgx-pck-crl-issuer-chain',
    ]) {
      expect(ours.headers.get(name)).toBe(theirs.headers.get(name))
    }
    expect(ours.headers.get('request-id')).toMatch(/^[0-9a-f]{32}$/)
  }
  // Both encodings of the list are one endorsement.
  expect(proxy.targets).toHaveLength(4)
  const known = new Map(
    ['vcek', 'cert_chain', 'crl'].map((name, index) => [
      name,
      [`/vcek/v1/Milan/${chipId}?${query}`, '/vcek/v1/Milan/cert_chain', '/vcek/v1/Milan/crl'][
        index
      ],
    ]),
  )
  for (const target of known.values()) {
    const [ours, theirs] = await Promise.all([fetch(server.url + target), fetch(kds.url + target)])
    expect(ours.headers.get('content-type')).toBe(theirs.headers.get('content-type'))
    expect(await ours.arrayBuffer()).toEqual(await theirs.arrayBuffer())
  }
})

test('a body is the bytes that the source has', async () => {
  const body = Buffer.from('{"tcbInfo": {"a" : 1} , "signature":"ABC"}\n\n ')
  const source: EndorsementSource = {
    get: async () => ({
      ok: true,
      value: { body, issuerChain: 'A +/=%\n', issuedAt: 0, endsAt: 1 },
    }),
    addressOf: () => '',
    close: async () => {},
  }
  const { url } = world.opening(await startEndorsementsServer({ source }))
  const answer = await fetch(`${url}/tdx/certification/v4/tcb?fmspc=00806f050000`)
  expect(Buffer.from(await answer.arrayBuffer())).toEqual(body)
  expect(answer.headers.get('tcb-info-issuer-chain')).toBe('A%20%2B%2F%3D%25%0A')
  expect(answer.headers.get('content-length')).toBe(String(body.length))
})

test("statuses are Intel's", async () => {
  const { proxy, time, vendor } = world
  const statusOf = async (target: string, init?: RequestInit): Promise<number> =>
    (await fetch(server.url + target, init)).status
  expect(await statusOf('/')).toBe(404)
  expect(await statusOf('/sgx/certification/v4/tcb')).toBe(400)
  expect(await statusOf('/sgx/certification/v4/tcb?fmspc=ffffffffffff')).toBe(404)
  expect(await statusOf('/sgx/certification/v4/pckcrl?ca=nobody')).toBe(400)
  expect(await statusOf('/sgx/certification/v4/rootcacrl', { method: 'POST' })).toBe(405)
  expect(await statusOf('/sgx/certification/v4/rootcacrl', { method: 'HEAD' })).toBe(200)
  expect(await statusOf(`/vcek/v1/Milan/${'cd'.repeat(64)}?${query}`)).toBe(404)
  expect(await statusOf(`/sgx/certification/v4/${'x'.repeat(600)}`)).toBe(404)
  proxy.always = { status: 410 }
  const early = `/sgx/certification/v4/tcb?fmspc=${vendor.fmspc}&tcbEvaluationDataNumber=1`
  expect(await statusOf(early)).toBe(410)
  proxy.always = { status: 500 }
  time.now += day
  const down = await fetch(`${server.url}/tdx/certification/v4/qe/identity`)
  expect(down.status).toBe(503)
  expect(down.headers.get('retry-after')).toBe(String(endorsementsServerLimits.retryAfterSeconds))
  expect(await down.text()).toBe('')
  expect(answers).toContainEqual({
    kind: 'qe-identity',
    status: 503,
    code: 'endorsements-unavailable',
  })
  expect(JSON.stringify(answers)).not.toContain('cdcdcd')
})

test('a client inside waits when the server says so, and has its answer in the end', async () => {
  const { proxy, slept, clock, sleep } = world
  // All tries of the server.
  proxy.faults.push(...Array.from({ length: 3 }, () => ({ status: 500 })))
  const inside = world.opening(createRemoteSource({ pcs: { baseUrl: server.url }, clock, sleep }))
  expect(await inside.get({ kind: 'root-ca-crl' })).toMatchObject({ ok: true })
  expect(Math.max(...slept)).toBeGreaterThanOrEqual(1000)
  expect(answers).toMatchObject([{ status: 503 }, { status: 200 }])
})

test('no more wait at once than may', async () => {
  const { promise, resolve } = Promise.withResolvers<void>()
  const asked: EndorsementItem[] = []
  const source: EndorsementSource = {
    get: async (item) => {
      asked.push(item)
      await promise
      return { ok: true, value: { body: new Uint8Array(1), issuedAt: 0, endsAt: 1 } }
    },
    addressOf: () => '',
    close: async () => {},
  }
  const { url } = world.opening(await startEndorsementsServer({ source }))
  const { waitingMax } = endorsementsServerLimits
  const waiting = Array.from({ length: waitingMax }, () => fetch(`${url}/vcek/v1/Milan/crl`))
  await expect.poll(() => asked.length).toBe(waitingMax)
  expect((await fetch(`${url}/vcek/v1/Milan/crl`)).status).toBe(503)
  resolve()
  for (const one of waiting) expect((await one).status).toBe(200)
  expect((await fetch(`${url}/vcek/v1/Milan/crl`)).status).toBe(200)
})

test('what is not HTTP, or too much of it, ends the connection and not the server', async () => {
  const { port } = server
  for (const bytes of [
    '\0\x01\x02\r\n\r\n',
    `GET / HTTP/1.1\r\nx: ${'y'.repeat(20_000)}\r\n\r\n`,
  ]) {
    const answer = await new Promise<string>((resolve) => {
      let text = ''
      const socket = connect(port, '127.0.0.1', () => socket.write(bytes))
      socket.on('data', (chunk) => {
        text += chunk
      })
      socket.on('error', () => {})
      socket.on('close', () => resolve(text))
    })
    expect(answer).toMatch(/^HTTP\/1\.1 4(00|31) /)
  }
  expect((await fetch(`${server.url}/sgx/certification/v4/rootcacrl`)).status).toBe(200)
})

test('a source that breaks is a 500, and the server goes on', async () => {
  const source: EndorsementSource = {
    get: () => Promise.reject(new Error('a bug')),
    addressOf: () => '',
    close: async () => {},
  }
  const { url } = world.opening(await startEndorsementsServer({ source }))
  for (let count = 0; count < 3; count++) {
    expect((await fetch(`${url}/vcek/v1/Milan/crl`)).status).toBe(500)
  }
})
