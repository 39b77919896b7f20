import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { bytesOfBase64Url, bytesOfHex } from '@sealward/attestation/bytes'
import { parseEvidenceDocument } from '@sealward/attestation/evidence'
import { createSampleVendor, type SampleVendor } from '@sealward/attestation/sample'
import { verifyBindings, verifySgxEvidence } from '@sealward/attestation/verification'
import { parseCrl } from '@sealward/attestation/x509'
import { afterEach, beforeAll, expect, test } from 'vitest'
import { type Clock, systemClock, systemRandom } from '../effects/index.ts'
import { type SamplePcs, startSamplePcs } from '../evidence/index.ts'
import { sampleIdentity } from '../testing/sample.ts'
import type { PcsClient } from './endorsements-client.ts'
import { endorsementsLimits } from './limits.ts'
import { createPcsClient } from './pcs-client.ts'

const start = systemClock.now()
const day = 24 * 3600
let at = start
const clock: Clock = { now: () => at }
let vendor: SampleVendor
let quote: Uint8Array
const opened: { close(): Promise<void> }[] = []

beforeAll(async () => {
  vendor = await createSampleVendor({ at: start })
  const { identity } = await sampleIdentity({ vendor })
  quote = (await identity.quoted(new Uint8Array(32))).quote
})
afterEach(async () => {
  at = start
  await Promise.all(opened.splice(0).map((one) => one.close()))
})

function opening<T extends { close(): Promise<void> }>(one: T): T {
  opened.push(one)
  return one
}

/** A service in between that counts, and that can be made to fail. */
async function counted(upstream: string): Promise<{
  readonly url: string
  readonly targets: string[]
  down: boolean
}> {
  const state = { url: '', targets: [] as string[], down: false }
  const server = createServer(async (request, response) => {
    state.targets.push(request.url ?? '')
    if (state.down) {
      response.writeHead(503).end()
      return
    }
    const answer = await fetch(upstream + request.url)
    response.writeHead(answer.status, Object.fromEntries(answer.headers))
    response.end(Buffer.from(await answer.arrayBuffer()))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  state.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  opening({
    close: async () => {
      server.closeAllConnections()
      server.close()
    },
  })
  return state
}

const pcsOf = async (): Promise<SamplePcs> => opening(await startSamplePcs({ vendor, clock }))
const clientOf = (baseUrl: string): PcsClient => opening(createPcsClient({ baseUrl, clock }))

test('evidence with endorsements from the service verifies', async () => {
  const pcs = await pcsOf()
  const { identity } = await sampleIdentity({ vendor, endorsements: () => clientOf(pcs.url) })
  const nonce = systemRandom.bytes(32)
  const document = await identity.evidence(nonce)
  if (!document.ok) throw new Error(document.problem.code)
  const parsed = parseEvidenceDocument(document.value)
  if (!parsed.ok) throw new Error(parsed.problem.code)
  const evidence = await verifySgxEvidence({
    quote: bytesOfBase64Url(document.value.quote) ?? new Uint8Array(),
    endorsements: parsed.value.endorsements,
    roots: [vendor.rootSpkiSha256],
    at: start,
  })
  if (!evidence.ok) throw new Error(evidence.problem.code)
  expect(await verifyBindings(evidence.value, parsed.value)).toMatchObject({
    ok: true,
    value: {
      runtimeData: {
        nonce: Buffer.from(nonce).toString('base64url'),
        role: 'platform',
        keys: [{ kid: identity.kid }],
        tls: { 'x5t#S256': identity.tls.certificateSha256 },
      },
    },
  })
})

test('endorsements are asked for once, by all who ask at once, until they are half a day old', async () => {
  const between = await counted((await pcsOf()).url)
  const client = clientOf(between.url)
  await Promise.all([client.endorsementsFor(quote), client.endorsementsFor(quote)])
  await client.endorsementsFor(quote)
  expect(between.targets.toSorted()).toEqual([
    '/sgx/certification/v4/pckcrl?ca=platform&encoding=der',
    '/sgx/certification/v4/qe/identity',
    '/sgx/certification/v4/rootcacrl',
    `/sgx/certification/v4/tcb?fmspc=${vendor.fmspc.toLowerCase()}`,
  ])
  at = start + endorsementsLimits.freshSeconds
  // The old ones are handed out, the new ones asked for.
  await client.endorsementsFor(quote)
  await expect.poll(() => between.targets.length).toBe(8)
})

test('a service that is down is survived as long as what is kept is valid, and no longer', async () => {
  const between = await counted((await pcsOf()).url)
  const client = clientOf(between.url)
  const before = await client.endorsementsFor(quote)
  between.down = true
  at = start + 6 * day
  expect(await client.endorsementsFor(quote)).toEqual(before)
  at = start + 7 * day
  expect(await client.endorsementsFor(quote)).toMatchObject({
    ok: false,
    problem: { code: 'endorsements-unavailable' },
  })
  between.down = false
  at += endorsementsLimits.failureSeconds
  expect(await client.endorsementsFor(quote)).toMatchObject({ ok: true })
})

test('a failure is remembered for a moment', async () => {
  const between = await counted((await pcsOf()).url)
  between.down = true
  const client = clientOf(between.url)
  for (let count = 0; count < 5; count++) await client.endorsementsFor(quote)
  expect(between.targets).toHaveLength(4 * endorsementsLimits.triesMax)
})

test('nobody there, another answer and another platform are told apart', async () => {
  expect(await clientOf('http://127.0.0.1:1').endorsementsFor(quote)).toMatchObject({
    problem: { code: 'endorsements-unavailable' },
  })
  const server = createServer((_request, response) => response.end('{}'))
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  expect(await clientOf(url).endorsementsFor(quote)).toMatchObject({
    problem: { code: 'endorsements-malformed' },
  })
  server.closeAllConnections()
  server.close()
  expect(await clientOf(url).endorsementsFor(quote.subarray(0, 40))).toMatchObject({
    problem: { code: 'truncated' },
  })
})

test("a service that knows the platform's family not is told apart from one that is down", async () => {
  const server = createServer((_request, response) => response.writeHead(404).end())
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  opening({
    close: async () => {
      server.closeAllConnections()
      server.close()
    },
  })
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  expect(await clientOf(url).endorsementsFor(quote)).toMatchObject({
    problem: { code: 'platform-unknown' },
  })
})

test("the sample service answers with Intel's statuses, headers and encodings", async () => {
  const { url } = await pcsOf()
  const get = (path: string): Promise<Response> => fetch(`${url}/sgx/certification/v4/${path}`)
  expect((await get('tcb')).status).toBe(400)
  expect((await get('tcb?fmspc=xyz')).status).toBe(400)
  expect((await get('tcb?fmspc=ffffffffffff')).status).toBe(404)
  expect((await get('pckcrl?ca=none')).status).toBe(400)
  expect((await get('pckcrl?ca=processor')).status).toBe(404)
  expect((await get('nothing')).status).toBe(404)
  expect((await fetch(`${url}/sgx/certification/v4/rootcacrl`, { method: 'POST' })).status).toBe(
    405,
  )

  const tcb = await get(`tcb?fmspc=${vendor.fmspc}`)
  const chain = tcb.headers.get('tcb-info-issuer-chain') ?? ''
  expect(chain).toMatch(/^-----BEGIN%20CERTIFICATE-----%0A/)
  expect(decodeURIComponent(chain).match(/BEGIN CERTIFICATE/g)).toHaveLength(2)
  expect(await tcb.json()).toMatchObject({ tcbInfo: { id: 'SGX', version: 3 } })

  const der = new Uint8Array(await (await get('pckcrl?ca=platform&encoding=der')).arrayBuffer())
  expect(parseCrl(der)).toMatchObject({ ok: true })
  const pem = await (await get('pckcrl?ca=platform')).text()
  expect(pem.startsWith('-----BEGIN X509 CRL-----\n')).toBe(true)
  const root = bytesOfHex(await (await get('rootcacrl')).text())
  expect(parseCrl(root ?? new Uint8Array())).toMatchObject({ ok: true })
})
