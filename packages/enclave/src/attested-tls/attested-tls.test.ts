import { connect as connectPlain } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { ok } from '@sealward/attestation/bytes'
import type { PeerExpectation } from '@sealward/attestation/evidence'
import { createSampleVendor, type SampleVendor } from '@sealward/attestation/sample'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { type Clock, systemClock } from '../effects/index.ts'
import {
  createDenyListKeeper,
  createSignerKeys,
  type DenyListKeeper,
  type SignerKeys,
} from '../identity/index.ts'
import { createServer, type Server, sendProblem } from '../server/index.ts'
import { createLogger } from '../telemetry/index.ts'
import {
  startAttestationService,
  type TestAttestationService,
} from '../testing/attestation-service.ts'
import { createTestWorkload, sampleExpectation, type TestWorkload } from '../testing/attested.ts'
import {
  type Admission,
  type AdmissionOptions,
  type AttestedClient,
  type AttestedConnection,
  attestedSessionOf,
  connectAttested,
  createAdmission,
  createAttestedClient,
  createAttestedDispatcher,
  listenAttested,
} from './index.ts'

const start = systemClock.now()
let at = start
const clock: Clock = { now: () => at }
const audience = 'urn:uuid:00000000-0000-4000-8000-000000000001:diagnostics'
const logger = createLogger('diagnostics', { level: 'silent' })
const expectation: PeerExpectation = sampleExpectation('platform')

let vendor: SampleVendor
/** Who asks, who answers, and a third workload. */
let platform: TestWorkload
let provider: TestWorkload
let other: TestWorkload
let service: TestAttestationService
let passport: TestWorkload['passport']
let signerKeys: SignerKeys
let denyList: DenyListKeeper
const opened: { close(): Promise<unknown> }[] = []

beforeAll(async () => {
  vendor = await createSampleVendor({ at: clock.now() })
  service = await startAttestationService(vendor, clock)
  const common = { vendor, service, clock }
  platform = await createTestWorkload({ ...common, role: 'platform', peers: ['diagnostics'] })
  provider = await createTestWorkload({ ...common, role: 'diagnostics', peers: ['platform'] })
  other = await createTestWorkload({ ...common, role: 'platform', peers: ['diagnostics'] })
  passport = platform.passport
  signerKeys = platform.signerKeys
  denyList = platform.denyList
})
afterAll(async () => {
  for (const each of [platform, provider, other, service]) await each.close()
})
afterEach(async () => {
  at = start
  await Promise.all(opened.splice(0).map((one) => one.close()))
})

function opening<T extends { close(): Promise<unknown> }>(one: T): T {
  opened.push(one)
  return one
}

function keeperOf(keys: SignerKeys): DenyListKeeper {
  return createDenyListKeeper({
    url: service.issuer,
    issuer: service.issuer,
    signers: [service.signer],
    signerKeys: keys,
    clock,
  })
}

function admissionOf(changes: Partial<AdmissionOptions> = {}): Admission {
  return createAdmission({
    signerKeys,
    denyList,
    issuer: service.issuer,
    signers: [service.signer],
    policyHashes: [service.policyHash],
    development: true,
    deployment: platform.identity.deployment,
    audience,
    purposes: ['interpret'],
    expectation,
    clock,
    ...changes,
  })
}

/** A provider that answers with who asked, and on which connection. */
async function providerOf(
  changes: Partial<AdmissionOptions> = {},
  { attested }: Pick<TestWorkload, 'attested'> = provider,
): Promise<{ readonly origin: string; readonly server: Server; readonly port: number }> {
  const admission = admissionOf(changes)
  const server = opening(
    createServer({
      name: 'diagnostics',
      logger,
      tls: { attested, clients: ['platform'] },
    }),
  )
  server.app.get('/whoami', async (request, reply) => {
    const socket = request.raw.socket as TLSSocket
    const token = request.headers.authorization?.replace(/^Bearer /, '') ?? ''
    const admitted = await admission.admit(socket, token)
    if (!admitted.ok) return sendProblem(reply, 401, admitted.problem)
    return { role: admitted.value.subject, jti: admitted.value.id, from: socket.remotePort }
  })
  server.app.get('/large', async () => 'x'.repeat(100_000))
  server.app.get('/slow', () => new Promise(() => {}))
  const { port } = await server.listen()
  return { origin: `https://127.0.0.1:${port}`, server, port }
}

function clientOf(origin: string, changes: object = {}): AttestedClient {
  return opening(
    createAttestedClient({
      attested: platform.attested,
      origin,
      role: 'diagnostics',
      accessToken: (own) => passport.accessToken(audience, 'interpret', own),
      ...changes,
    }),
  )
}

async function tokenOf(forAudience = audience): Promise<string> {
  const token = await passport.accessToken(forAudience, 'interpret')
  if (!token.ok) throw new Error(token.problem.code)
  return token.value.token
}

/** One request on a connection of its own. */
async function askOver(connection: AttestedConnection, token: string): Promise<string> {
  const { socket } = connection
  socket.write(`GET /whoami HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n\r\n`)
  let text = ''
  for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
    text += chunk
    const length = /content-length: (\d+)/i.exec(text)?.[1]
    const body = text.split('\r\n\r\n')[1]
    if (length !== undefined && body?.length === Number(length)) return body
  }
  throw new Error('the connection ended')
}

/** The same, but it does not ask about peers again once it is connected: others have to. */
function careless({ attested }: TestWorkload): Pick<TestWorkload, 'attested'> {
  const standing = async (): Promise<{ readonly ok: true; readonly value: true }> => ok(true)
  return { attested: { ...attested, peers: { ...attested.peers, standing } } }
}

const connect = (
  port: number,
  who: Pick<TestWorkload, 'attested'>,
): ReturnType<typeof connectAttested> =>
  connectAttested(who.attested, { host: '127.0.0.1', port, role: 'diagnostics' })

async function connected(
  port: number,
  who: Pick<TestWorkload, 'attested'>,
): Promise<AttestedConnection> {
  const connection = await connect(port, who)
  if (!connection.ok) throw new Error(connection.problem.code)
  const { socket } = connection.value
  opening({ close: async () => socket.destroy() })
  return connection.value
}

test('an attested peer is admitted, with one token for all requests of one connection', async () => {
  const { origin } = await providerOf()
  const client = clientOf(origin, { connectionsMax: 1 })
  const answers = []
  for (let count = 0; count < 3; count++) {
    const answer = await client.request({ method: 'GET', path: '/whoami' })
    if (!answer.ok) throw new Error(answer.problem.code)
    answers.push(JSON.parse(Buffer.from(answer.value.body).toString()))
  }
  expect(answers[0]).toMatchObject({ role: 'platform' })
  expect(new Set(answers.map(({ jti }) => jti)).size).toBe(1)
  expect(new Set(answers.map(({ from }) => from)).size).toBe(1)
})

test('requests at once go over connections with a token each, no more than are allowed', async () => {
  const { origin } = await providerOf()
  const client = clientOf(origin, { connectionsMax: 3 })
  const answers = await Promise.all(
    Array.from({ length: 12 }, () => client.request({ method: 'GET', path: '/whoami' })),
  )
  const bodies = answers.map((answer) => {
    if (!answer.ok) throw new Error(answer.problem.code)
    expect(answer.value.status).toBe(200)
    return JSON.parse(Buffer.from(answer.value.body).toString())
  })
  expect(new Set(bodies.map(({ jti, from }) => `${jti} ${from}`)).size).toBe(3)
  expect(new Set(bodies.map(({ jti }) => jti)).size).toBe(3)
})

test('a connection that ended is replaced, with a new token', async () => {
  const { origin, server } = await providerOf()
  const client = clientOf(origin, { connectionsMax: 1 })
  const first = await client.request({ method: 'GET', path: '/whoami' })
  server.app.server.closeAllConnections()
  const second = await client.request({ method: 'GET', path: '/whoami' })
  if (!first.ok || !second.ok) throw new Error('refused')
  expect(second.value.status).toBe(200)
  expect(second.value.body).not.toEqual(first.value.body)
})

test('a token is replaced before it ends', async () => {
  const { origin } = await providerOf()
  const client = clientOf(origin, { connectionsMax: 1 })
  const jti = async (): Promise<string> => {
    const answer = await client.request({ method: 'GET', path: '/whoami' })
    if (!answer.ok) throw new Error(answer.problem.code)
    return JSON.parse(Buffer.from(answer.value.body).toString()).jti
  }
  const first = await jti()
  at = start + 289
  expect(await jti()).toBe(first)
  at = start + 290
  expect(await jti()).not.toBe(first)
})

test('a server of another role than the one that is meant is refused, and gets nothing', async () => {
  let bytes = 0
  const listener = opening(
    await listenAttested({
      attested: other.attested,
      clients: ['platform'],
      onConnection: (socket) => socket.on('data', (chunk) => (bytes += chunk.length)),
    }),
  )
  const origin = `https://127.0.0.1:${listener.port}`
  const answer = await clientOf(origin).request({ method: 'GET', path: '/whoami' })
  expect(answer).toMatchObject({ ok: false, problem: { kind: 'refused', code: 'wrong-role' } })
  const dispatcher = createAttestedDispatcher(platform.attested, { role: 'diagnostics' })
  await expect(
    dispatcher.request({ origin, path: '/whoami', method: 'GET' }),
  ).rejects.toMatchObject({ code: 'wrong-role' })
  await dispatcher.destroy()
  expect(bytes).toBe(0)
})

test('the dispatcher talks with an attested peer, and with nobody else', async () => {
  const { origin } = await providerOf()
  const dispatcher = createAttestedDispatcher(platform.attested, { role: 'diagnostics' })
  const { statusCode, body } = await dispatcher.request({ origin, path: '/healthz', method: 'GET' })
  expect(statusCode).toBe(200)
  expect(await body.json()).toEqual({ status: 'ok' })
  await expect(
    dispatcher.request({ origin: origin.replace('https', 'http'), path: '/', method: 'GET' }),
  ).rejects.toMatchObject({ code: 'tls-handshake' })
  await dispatcher.destroy()
})

test('a token that is shown on a second connection is replayed, also by its own holder', async () => {
  const { port } = await providerOf()
  const token = await tokenOf()
  const first = await connected(port, platform)
  const second = await connected(port, platform)
  expect(JSON.parse(await askOver(first, token))).toMatchObject({ role: 'platform' })
  expect(JSON.parse(await askOver(second, token))).toMatchObject({
    type: 'urn:sealward:problem:replayed',
  })
  expect(JSON.parse(await askOver(first, token))).toMatchObject({ role: 'platform' })
})

test('a stolen token is refused on a connection with another client certificate', async () => {
  const { port } = await providerOf()
  const thief = await connected(port, other)
  expect(JSON.parse(await askOver(thief, await tokenOf()))).toMatchObject({
    type: 'urn:sealward:problem:wrong-holder',
  })
})

test('a token for another audience is refused', async () => {
  const { port } = await providerOf()
  const connection = await connected(port, platform)
  expect(JSON.parse(await askOver(connection, await tokenOf('urn:x:cache-gateway')))).toMatchObject(
    { type: 'urn:sealward:problem:wrong-audience' },
  )
})

test('a token that has ended is refused, also on the connection that it was admitted on', async () => {
  const { port } = await providerOf()
  const token = await tokenOf()
  const connection = await connected(port, platform)
  expect(JSON.parse(await askOver(connection, token))).toMatchObject({ role: 'platform' })
  at = start + 300
  expect(JSON.parse(await askOver(connection, token))).toMatchObject({
    type: 'urn:sealward:problem:expired',
  })
  at = start + 330
  expect(JSON.parse(await askOver(await connected(port, platform), token))).toMatchObject({
    type: 'urn:sealward:problem:expired',
  })
})

test('another measurement, another deployment, another policy and a simulated TEE in production are refused', async () => {
  const refusals: [Partial<AdmissionOptions>, string][] = [
    [{ purposes: ['cache'] }, 'wrong-purpose'],
    [{ expectation: { ...expectation, mrEnclave: ['0'.repeat(64)] } }, 'wrong-measurement'],
    [{ deployment: 'urn:uuid:00000000-0000-4000-8000-000000000002' }, 'wrong-deployment'],
    [{ development: false }, 'simulated'],
    [{ signers: ['A'.repeat(43)] }, 'unknown-signer'],
    [{ policyHashes: ['A'.repeat(43)] }, 'wrong-policy'],
  ]
  for (const [changes, code] of refusals) {
    const { port } = await providerOf(changes)
    const connection = await connected(port, platform)
    expect(JSON.parse(await askOver(connection, await tokenOf()))).toMatchObject({
      type: `urn:sealward:problem:${code}`,
    })
  }
})

test('what is denied is admitted no more, on the connection that it was admitted on either', async () => {
  const keeper = opening(keeperOf(signerKeys))
  const { port } = await providerOf({ denyList: keeper }, careless(provider))
  const connection = await connected(port, careless(platform))
  const token = await tokenOf()
  expect(JSON.parse(await askOver(connection, token))).toMatchObject({ role: 'platform' })
  const value = expectation.mrEnclave[0] ?? ''
  service.denied = [{ kind: 'measurement', value }]
  service.sequence += 1
  at = start + 60
  const denied = { type: 'urn:sealward:problem:measurement-denied' }
  expect(JSON.parse(await askOver(connection, token))).toMatchObject(denied)
  // Another connection does not even come about.
  expect(await connect(port, platform)).toMatchObject({ problem: { code: 'measurement-denied' } })
  service.denied = []
  service.sequence += 1
  at = start + 120
  expect(JSON.parse(await askOver(connection, token))).toMatchObject({ role: 'platform' })
})

test('while it is not known who is denied, nobody is admitted', async () => {
  const keeper = opening(keeperOf(signerKeys))
  const { port } = await providerOf({ denyList: keeper }, careless(provider))
  const connection = await connected(port, careless(platform))
  const token = await tokenOf()
  expect(JSON.parse(await askOver(connection, token))).toMatchObject({ role: 'platform' })
  const later = await tokenOf()
  service.failing = 503
  const stale = { type: 'urn:sealward:problem:deny-list-stale' }
  at = start + 290
  const another = await connected(port, careless(platform))
  expect(JSON.parse(await askOver(another, later))).toMatchObject({ role: 'platform' })
  service.failing = undefined
  at = start + 200
  const fresh = await tokenOf()
  service.failing = 503
  at = start + 301
  expect(JSON.parse(await askOver(another, fresh))).toMatchObject(stale)
  // Nor does a connection come about.
  expect(await connect(port, platform)).toMatchObject({
    problem: { kind: 'unavailable', code: 'deny-list-stale' },
  })
  service.failing = undefined
  at = start + 306
  expect(JSON.parse(await askOver(await connected(port, careless(platform)), fresh))).toMatchObject(
    {
      role: 'platform',
    },
  )
})

test('while the attestation service is down and no keys are known, nobody is admitted', async () => {
  const keys = opening(createSignerKeys({ url: 'http://127.0.0.1:1', clock }))
  const { port } = await providerOf({ signerKeys: keys })
  const connection = await connected(port, platform)
  expect(JSON.parse(await askOver(connection, await tokenOf()))).toMatchObject({
    type: 'urn:sealward:problem:attestation-unavailable',
  })
})

test('an answer that is too large and one that does not come are told apart', async () => {
  const { origin } = await providerOf()
  expect(
    await clientOf(origin, { responseBytesMax: 1000 }).request({ method: 'GET', path: '/large' }),
  ).toMatchObject({ problem: { code: 'response-too-large' } })
  expect(
    await clientOf(origin, { requestSecondsMax: 0.2 }).request({ method: 'GET', path: '/slow' }),
  ).toMatchObject({ problem: { code: 'timed-out' } })
})

test('both ends of a raw connection know who is at the other', async () => {
  let seen: string | undefined
  const listener = opening(
    await listenAttested({
      attested: provider.attested,
      clients: ['platform'],
      onConnection: (socket, session) => {
        seen = `${session.peer.role} ${session.peer.deployment} ${session.certificateSha256}`
        socket.end('+OK\r\n')
      },
    }),
  )
  const connection = await connect(listener.port, platform)
  if (!connection.ok) throw new Error(connection.problem.code)
  const { socket, certificateSha256, peer, own } = connection.value
  expect(peer.runtimeData.keys[0].kid).toBe(provider.identity.kid)
  expect(certificateSha256).toBe(provider.identity.tls.certificateSha256)
  expect(own).toBe(platform.identity.tls)
  expect(attestedSessionOf(socket)).toMatchObject({ certificateSha256 })
  expect(socket.getProtocol()).toBe('TLSv1.3')
  let text = ''
  for await (const chunk of socket) text += chunk
  expect(text).toBe('+OK\r\n')
  const { deployment, tls } = platform.identity
  expect(seen).toBe(`platform ${deployment} ${tls.certificateSha256}`)
})

test('bytes that are no handshake break a connection and nothing else', async () => {
  const { port, origin } = await providerOf()
  const socket = connectPlain({ host: '127.0.0.1', port })
  socket.on('error', () => {})
  socket.write('GET / HTTP/1.1\r\n\r\n')
  socket.resume()
  await new Promise((resolve) => socket.once('close', resolve))
  expect(await clientOf(origin).request({ method: 'GET', path: '/whoami' })).toMatchObject({
    ok: true,
    value: { status: 200 },
  })
})
