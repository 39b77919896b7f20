/** Two replicas behind a plain TCP balancer: processes, a database and clients, all real. */

import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { bytesOfBase64Url } from '@sealward/attestation/bytes'
import { createSampleVendor, type SampleVendor } from '@sealward/attestation/sample'
import { type SigningKeys, signerOf, verifyAttestationToken } from '@sealward/attestation/token'
import { type SamplePcs, startSamplePcs } from '@sealward/enclave/evidence'
import { createPassport, type Identity } from '@sealward/enclave/identity'
import { createSealer, type MasterKey } from '@sealward/enclave/sealing'
import { systemClock, systemRandom } from '@sealward/enclave/server'
import { decodeProtectedHeader } from 'jose'
import { request } from 'undici'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Line, startLine } from '../../../packages/enclave/src/testing/line.ts'
import {
  startTestPostgres,
  type TestPostgres,
} from '../../../packages/enclave/src/testing/postgres.ts'
import { createReplica, type Replica } from '../../../packages/enclave/src/testing/replica.ts'
import { sampleIdentity } from '../../../packages/enclave/src/testing/sample.ts'
import { openStoredKeyRing } from './keys/stored-key-ring.ts'
import { openStore } from './store/open-store.ts'
import { attestBodyOf } from './testing/attester.fixtures.ts'
import { type Balancer, startBalancer } from './testing/balancer.fixtures.ts'
import {
  createTestSigner,
  policyPayload,
  signed,
  type TestSigner,
} from './testing/policy-signer.fixtures.ts'

const main = fileURLToPath(new URL('main.ts', import.meta.url))
const issuer = 'https://attest.example'
const deployment = 'urn:uuid:00000000-0000-4000-8000-000000000001'
const rotation = {
  signsForSeconds: undefined,
  publishedAheadSeconds: 6,
  tokenLifetimeSeconds: 60,
}

let postgres: TestPostgres
let vendor: SampleVendor
let pcs: SamplePcs
let identity: Identity
let policySigner: TestSigner
let folder: string
let line: Line
let replicas: readonly [Replica, Replica]
let balancer: Balancer

beforeAll(async () => {
  postgres = await startTestPostgres()
  vendor = await createSampleVendor({ at: systemClock.now() })
  pcs = await startSamplePcs({ vendor, clock: systemClock })
  const initTimeData = { deployment, role: 'platform', roots: [vendor.rootSpkiSha256] } as const
  identity = (await sampleIdentity({ vendor, initTimeData })).identity
  policySigner = await createTestSigner('first')
}, 60_000)
afterAll(async () => {
  await pcs?.close()
  await postgres?.stop()
})
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealward-replicas-'))
  await postgres.run('drop schema if exists attestation cascade')
  line = await startLine(Number(new URL(postgres.url).port))
  const policySignersFile = join(folder, 'signers.pem')
  await writeFile(policySignersFile, policySigner.certificatePem)
  const databaseUrl = new URL(postgres.url)
  databaseUrl.port = String(line.port)
  const config = {
    databaseUrl: databaseUrl.href,
    stateFolder: join(folder, 'state'),
    pcsUrl: pcs.url,
    kdsUrl: pcs.url,
    refreshSeconds: 1,
    instances: [
      {
        name: 'default',
        issuer,
        development: true,
        roots: [vendor.rootSpkiSha256],
        mode: 'isolated',
        policySignersFile,
        attestationLifetimeSeconds: rotation.tokenLifetimeSeconds,
        keys: {
          algorithm: 'ES256',
          signsForSeconds: 'never',
          publishedAheadSeconds: rotation.publishedAheadSeconds,
        },
        limits: { requestsPerSecond: 10_000, burst: 10_000 },
      },
    ],
  }
  replicas = [
    await createReplica({ main, name: 'one', folder, config }),
    await createReplica({ main, name: 'two', folder, config }),
  ]
  balancer = await startBalancer(replicas.map(({ port }) => port))
  await Promise.all(replicas.map((replica) => replica.start()))
}, 60_000)
afterEach(async () => {
  await balancer.close()
  await Promise.all(replicas.map((replica) => replica.stop('SIGKILL')))
  await line.close()
  await rm(folder, { recursive: true })
})

interface Reply {
  readonly status: number
  readonly body: unknown
}

/** Each request on a connection of its own, so that the balancer decides about each. */
async function ask(url: string, body?: string): Promise<Reply> {
  const reply = await request(url, {
    reset: true,
    ...(body === undefined
      ? {}
      : { method: 'POST', headers: { 'content-type': 'application/json' }, body }),
  })
  return { status: reply.statusCode, body: await reply.body.json() }
}

const attestPath = '/attest/SgxEnclave?api-version=2025-06-01'
const kidsAt = async (url: string): Promise<readonly string[]> =>
  ((await ask(`${url}/certs`)).body as { keys: { kid: string }[] }).keys
    .map(({ kid }) => kid)
    .sort()

/** Rotates by hand, as an operator who has the key-encryption key does. */
async function rotate(): Promise<void> {
  const file = await readFile(join(folder, 'state', 'key-encryption-key'), 'utf8')
  const masterKey = bytesOfBase64Url(file.trim()) as MasterKey
  const database = await openStore({ url: postgres.url })
  const ring = await openStoredKeyRing({
    database,
    sealer: createSealer(masterKey, { tenant: 'default' }),
    instance: { name: 'default', issuer },
    kind: { algorithm: 'ES256', rsaBits: 2048 },
    rotation,
    clock: systemClock,
    random: systemRandom,
  })
  if (!ring.ok) throw new Error(ring.problem.code)
  expect(await ring.value.rotate()).toMatchObject({ ok: true })
  await database.destroy()
}

/** A relying party under load: attests, and verifies with keys that it keeps as long as it may. */
function startClient(): { readonly seen: Seen; stop(): Promise<Seen> } {
  const seen: Seen = { tokens: 0, retries: 0, wrong: [], kids: new Set() }
  let isOver = false
  let known: { readonly keys: SigningKeys; readonly until: number } | undefined
  const keys = async (): Promise<SigningKeys> => {
    if (known !== undefined && performance.now() < known.until) return known.keys
    const reply = await retrying(seen, () => request(`${balancer.url}/certs`, { reset: true }))
    const { 'cache-control': control = '' } = reply.headers
    const seconds = Number(/max-age=([0-9]+)/.exec(String(control))?.[1])
    known = {
      keys: (await reply.body.json()) as SigningKeys,
      until: performance.now() + seconds * 1000,
    }
    return known.keys
  }
  const running = (async () => {
    const body = JSON.stringify(await attestBodyOf(identity))
    while (!isOver) {
      const { status, body: answer } = await retrying(seen, () =>
        ask(`${balancer.url}${attestPath}`, body),
      )
      const { token } = answer as { readonly token?: string }
      if (token === undefined) {
        seen.wrong.push(`${status} ${JSON.stringify(answer)}`)
        continue
      }
      const jwks = await keys()
      const signers = await Promise.all(jwks.keys.map((jwk) => signerOf(jwk)))
      const verified = await verifyAttestationToken(token, {
        issuer,
        jwks,
        signers: signers.filter((signer) => signer !== undefined),
        at: systemClock.now(),
        clockSkewSeconds: 1,
        denyList: { unchecked: 'nobody is denied here' },
      })
      if (!verified.ok) seen.wrong.push(verified.problem.code)
      seen.tokens += 1
      seen.kids.add(String(decodeProtectedHeader(token).kid))
    }
  })()
  return {
    seen,
    async stop() {
      isOver = true
      await running
      return seen
    },
  }
}

interface Seen {
  tokens: number
  /** Connections that were cut before they were answered, and the request sent again. */
  retries: number
  /** Whatever a client should not have seen. */
  readonly wrong: string[]
  readonly kids: Set<string>
}

async function retrying<T>(seen: Seen, send: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await send()
    } catch (error) {
      if (tries === 3) throw error
      seen.retries += 1
      await sleep(20)
    }
  }
}

test('restarts, a crash and a rotation change nothing for clients', async () => {
  const [one, two] = replicas
  expect(await kidsAt(one.url)).toEqual(await kidsAt(two.url))
  const clients = [startClient(), startClient(), startClient()]
  const retries = (): number => clients.reduce((sum, { seen }) => sum + seen.retries, 0)
  await sleep(500)

  await rotate()
  for (const replica of [one, two]) {
    await replica.stop('SIGTERM')
    await sleep(300)
    await replica.start()
  }
  const restarted = retries()
  await one.stop('SIGKILL')
  await sleep(300)
  const crashed = retries() - restarted
  await one.start()

  const before = await kidsAt(one.url)
  expect(before).toHaveLength(2)
  expect(await kidsAt(two.url)).toEqual(before)
  // Until both keys have signed; the second does 6 seconds after it was published.
  for (let waited = 0; waited < 100; waited++) {
    if (clients.every(({ seen }) => seen.kids.size === 2)) break
    await sleep(100)
  }
  const outcomes = await Promise.all(clients.map((client) => client.stop()))
  for (const { wrong, kids, tokens } of outcomes) {
    expect(wrong).toEqual([])
    expect([...kids].sort()).toEqual(before)
    expect(tokens).toBeGreaterThan(20)
  }
  for (const taken of balancer.taken) expect(taken).toBeGreaterThan(20)
  // Who asks one by one has at most one request under way when its replica ends.
  expect(crashed).toBeLessThanOrEqual(clients.length)
  const tokens = outcomes.reduce((sum, outcome) => sum + outcome.tokens, 0)
  process.stdout.write(
    `${tokens} tokens; ${restarted} requests sent again for restarts, ${crashed} for the crash\n`,
  )
}, 90_000)

test('a token of one replica is exchanged by the other', async () => {
  const [one, two] = replicas
  const audience = `${deployment}:diagnostics`
  const passport = createPassport({
    identity,
    attestation: { issuer, url: balancer.url },
    clock: systemClock,
    random: systemRandom,
  })
  for (let turn = 0; turn < 4; turn++) {
    expect(await passport.accessToken(audience, 'inference')).toMatchObject({ ok: true })
  }
  // Whoever issued the passport is gone; the other goes on with it.
  await one.stop('SIGKILL')
  expect(await passport.accessToken(audience, 'inference')).toMatchObject({ ok: true })
  await one.start()
  await two.stop('SIGKILL')
  expect(await passport.accessToken(audience, 'inference')).toMatchObject({ ok: true })
  await passport.close()
}, 60_000)

test('a policy set at one replica is in force at the other within seconds, and with the database away no other is', async () => {
  const [one, two] = replicas
  const body = JSON.stringify(await attestBodyOf(identity))
  const attest = (): Promise<Reply> => ask(`${two.url}${attestPath}`, body)
  expect((await attest()).status).toBe(200)
  const policy = 'version=1.0; authorizationrules { => deny(); }; issuancerules {};'
  const set = await request(`${one.url}/policies/SgxEnclave?api-version=2022-08-01`, {
    method: 'PUT',
    headers: { 'content-type': 'text/plain' },
    body: await signed(policyPayload(policy), policySigner),
  })
  expect([set.statusCode, await set.body.json()]).toMatchObject([
    200,
    { token: expect.any(String) },
  ])
  const since = performance.now()
  const denied = await until(attest, ({ status }) => status !== 200)
  expect(denied).toMatchObject({ status: 400, body: { error: { code: 'PolicyEvaluationError' } } })
  expect(performance.now() - since).toBeLessThan(8000)

  line.cut()
  const statuses = new Set<number>()
  for (let tries = 0; tries < 80; tries++) {
    statuses.add((await attest()).status)
    await sleep(100)
  }
  expect(statuses).toEqual(new Set([400, 503]))
}, 60_000)

test('without a database attestation goes on as long as no other can have changed the keys, then stops, then goes on', async () => {
  const [one] = replicas
  const body = JSON.stringify(await attestBodyOf(identity))
  const attest = (): Promise<Reply> => ask(`${one.url}${attestPath}`, body)
  expect((await attest()).status).toBe(200)
  line.cut()
  await sleep(1500)
  expect((await attest()).status).toBe(200)
  const reply = await until(attest, ({ status }) => status !== 200)
  expect(reply).toMatchObject({
    status: 503,
    body: { error: { code: 'ServiceUnavailable', innererror: { code: 'keys-stale' } } },
  })
  expect((await ask(`${one.url}/healthz`)).status).toBe(503)
  line.mend()
  expect((await until(attest, ({ status }) => status === 200)).status).toBe(200)
  expect(one.log.join('\n')).toContain('"code":"store-unavailable"')
}, 60_000)

async function until(what: () => Promise<Reply>, is: (reply: Reply) => boolean): Promise<Reply> {
  for (let tries = 0; ; tries++) {
    const reply = await what()
    if (is(reply) || tries === 150) return reply
    await sleep(100)
  }
}
