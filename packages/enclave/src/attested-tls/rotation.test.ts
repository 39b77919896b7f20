/** Certificates that change while requests are under way, and replicas whose certificates differ: nobody notices. */

import { connect, createServer as createPlain, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { createSampleVendor, type SampleVendor } from '@sealward/attestation/sample'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Clock, systemClock } from '../effects/index.ts'
import { keepTlsNew } from '../identity/index.ts'
import { createServer, type Server } from '../server/index.ts'
import { createLogger } from '../telemetry/index.ts'
import {
  startAttestationService,
  type TestAttestationService,
} from '../testing/attestation-service.ts'
import { createTestWorkload, sampleExpectation, type TestWorkload } from '../testing/attested.ts'
import { endorsementsOf } from '../testing/sample.ts'
import {
  type AttestedClient,
  attestedSessionOf,
  createAdmission,
  createAttestedClient,
  createAttestedDispatcher,
} from './index.ts'

let at = systemClock.now()
const clock: Clock = { now: () => at }
const logger = createLogger('test', { level: 'silent' })
let vendor: SampleVendor
let service: TestAttestationService
let platform: TestWorkload
const undo: (() => unknown)[] = []

beforeEach(async () => {
  at = systemClock.now()
  vendor = await createSampleVendor({ at })
  service = await startAttestationService(vendor, clock)
  undo.push(() => service.close())
  platform = await workload('platform')
})
afterEach(async () => {
  for (const each of undo.splice(0).reverse()) await each()
})

async function workload(role: 'platform' | 'diagnostics'): Promise<TestWorkload> {
  const peers = [role === 'platform' ? 'diagnostics' : 'platform'] as const
  const made = await createTestWorkload({ vendor, service, clock, role, peers })
  undo.push(() => made.close())
  return made
}

const audienceOf = ({ identity }: TestWorkload): string => `${identity.deployment}:diagnostics`

/** Answers with who answers, and with which certificate; to who is admitted. */
async function serverOf(provider: TestWorkload): Promise<{ server: Server; port: number }> {
  const { attested, identity, signerKeys, denyList } = provider
  const admission = createAdmission({
    signerKeys,
    denyList,
    issuer: service.issuer,
    signers: [service.signer],
    policyHashes: [service.policyHash],
    development: true,
    deployment: identity.deployment,
    audience: audienceOf(provider),
    purposes: ['interpret'],
    expectation: sampleExpectation('platform'),
    clock,
  })
  const server = createServer({
    name: 'diagnostics',
    logger,
    tls: { attested, clients: ['platform'] },
  })
  server.app.get('/whoami', async ({ raw, headers }, reply) => {
    const token = headers.authorization?.replace(/^Bearer /, '') ?? ''
    const admitted = await admission.admit(raw.socket as never, token)
    if (!admitted.ok) return reply.code(401).send({ code: admitted.problem.code })
    await sleep(3)
    return { kid: identity.kid, shown: attestedSessionOf(raw.socket)?.own.certificateSha256 }
  })
  undo.push(() => server.close())
  return { server, port: (await server.listen()).port }
}

function clientOf(port: number, connectionsMax = 4): AttestedClient {
  const client = createAttestedClient({
    attested: platform.attested,
    origin: `https://127.0.0.1:${port}`,
    role: 'diagnostics',
    accessToken: (own) => platform.passport.accessToken(audienceOf(platform), 'interpret', own),
    connectionsMax,
  })
  undo.push(() => client.close())
  return client
}

/** A balancer that knows nothing of TLS: one connection here, the next there. */
async function balancerOf(ports: readonly number[]): Promise<{ port: number; cut(): void }> {
  const open = new Set<Socket>()
  let count = 0
  const server = createPlain((near) => {
    const far = connect({ host: '127.0.0.1', port: ports[count++ % ports.length] ?? 0 })
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      open.add(one)
      one.on('error', () => other.destroy())
      one.on('close', () => other.destroy())
      one.pipe(other)
    }
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const cut = (): void => {
    for (const socket of open) socket.destroy()
    open.clear()
  }
  undo.push(() => {
    cut()
    server.close()
  })
  return { port: (server.address() as { port: number }).port, cut }
}

test('certificates of both sides change every 200 ms under load, connections come and go, and no request fails', async () => {
  const provider = await workload('diagnostics')
  const { port } = await serverOf(provider)
  let rotations = 0
  let isOver = false
  const rotating = (async () => {
    while (!isOver) {
      await Promise.all([provider.identity.renewTls(), platform.identity.renewTls()])
      rotations += 1
      await sleep(200)
    }
  })()
  const answers: string[] = []
  const failures: unknown[] = []
  const shown = new Set<string>()
  const end = Date.now() + 5000
  const asking = Array.from({ length: 4 }, async () => {
    while (Date.now() < end) {
      // Connections that stay open over rotations, and new ones between them.
      const client = clientOf(port, 2)
      for (let count = 0; count < 40 && Date.now() < end; count++) {
        const answer = await client.request({ method: 'GET', path: '/whoami' })
        if (!answer.ok || answer.value.status !== 200) {
          failures.push(answer.ok ? Buffer.from(answer.value.body).toString() : answer.problem)
          continue
        }
        const said = JSON.parse(Buffer.from(answer.value.body).toString()) as { shown: string }
        answers.push(said.shown)
        shown.add(said.shown)
        expect(answer.value.session.certificateSha256).toBe(said.shown)
      }
      await client.close()
    }
  })
  await Promise.all(asking)
  isOver = true
  await rotating
  process.stdout.write(
    `rotation: ${answers.length} requests, ${rotations} rotations, ${shown.size} certificates\n`,
  )
  expect(failures).toEqual([])
  expect(rotations).toBeGreaterThan(8)
  expect(shown.size).toBeGreaterThan(4)
  expect(answers.length).toBeGreaterThan(100)
}, 30_000)

test('two replicas with certificates of their own work behind a TCP balancer, and one goes unnoticed', async () => {
  const replicas = [await workload('diagnostics'), await workload('diagnostics')] as const
  const servers = await Promise.all(replicas.map(serverOf))
  const balancer = await balancerOf(servers.map(({ port }) => port))
  const client = clientOf(balancer.port)
  const ask = async (): Promise<string> => {
    const answer = await client.request({ method: 'GET', path: '/whoami' })
    if (!answer.ok) throw new Error(answer.problem.code)
    const { kid } = JSON.parse(Buffer.from(answer.value.body).toString()) as { kid: string }
    // Who answered is who was verified on that very connection.
    expect(answer.value.session.peer.runtimeData.keys[0].kid).toBe(kid)
    return kid
  }
  const kids = await Promise.all(Array.from({ length: 16 }, ask))
  expect(new Set(kids)).toEqual(new Set(replicas.map(({ identity }) => identity.kid)))
  balancer.cut()
  expect(await Promise.all(Array.from({ length: 8 }, ask))).toHaveLength(8)
})

test('who was verified long ago is verified anew on another connection, and nothing is dropped', async () => {
  const provider = await workload('diagnostics')
  const { port } = await serverOf(provider)
  const client = clientOf(port, 1)
  const dispatcher = createAttestedDispatcher(platform.attested, {
    role: 'diagnostics',
    connections: 1,
  })
  undo.push(() => dispatcher.destroy())
  const probe = async (): Promise<readonly [number, unknown]> => {
    const { statusCode, headers, body } = await dispatcher.request({
      origin: `https://127.0.0.1:${port}`,
      path: '/healthz',
      method: 'GET',
    })
    await body.dump()
    return [statusCode, headers['connection']]
  }
  const evidenceLook = (): number => service.asked.filter((one) => one.includes('/attest/')).length
  const first = await client.request({ method: 'GET', path: '/whoami' })
  if (!first.ok) throw new Error(first.problem.code)
  expect(await probe()).toEqual([200, 'keep-alive'])
  const looked = evidenceLook()
  at += 901
  // Whoever asks is verified anew as well, and comes on another connection.
  expect(await probe()).toEqual([200, 'keep-alive'])
  expect(await client.request({ method: 'GET', path: '/whoami' })).toMatchObject({
    ok: true,
    value: { status: 200 },
  })
  expect(evidenceLook()).toBe(looked + 2)
})

test('a certificate is replaced before it is old, and when the vendor says something else', async () => {
  const { identity } = platform
  const genuine = endorsementsOf(vendor, clock)
  let said = await genuine.endorsementsFor(new Uint8Array())
  const codes: unknown[] = []
  const keeping = keepTlsNew({
    identity,
    endorsements: { endorsementsFor: async () => said },
    clock,
    log: createLogger('test', {
      write: (line) => void codes.push((JSON.parse(line) as { code?: string }).code),
    }),
    everySeconds: 0.02,
  })
  undo.push(() => keeping.close())
  const first = identity.tls
  await sleep(100)
  expect(identity.tls).toBe(first)
  at += 1800
  await expect.poll(() => identity.tls === first).toBe(false)
  const second = identity.tls
  expect(second.privateKeyPem).not.toBe(first.privateKeyPem)
  at += 60
  said = await genuine.endorsementsFor(new Uint8Array())
  await expect.poll(() => identity.tls === second).toBe(false)
  expect(codes).toEqual(['age', 'new-endorsements'])
  // The first is known still: connections may be open that it was shown on.
  expect(identity.shownTls(first.certificateSha256)).toBe(first)
})
