import { createHash, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { InitTimeData, PeerExpectation } from '@sealward/attestation/evidence'
import { createSampleVendor, type SampleVendor } from '@sealward/attestation/sample'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { type Clock, systemRandom as random, systemClock } from '../effects/index.ts'
import { createEncryptionKey, type EncryptionKey } from '../identity/index.ts'
import { createLogger } from '../telemetry/index.ts'
import {
  startAttestationService,
  type TestAttestationService,
} from '../testing/attestation-service.ts'
import { createTestWorkload, sampleExpectation, type TestWorkload } from '../testing/attested.ts'
import { followKey } from './follow-key.ts'
import { type Answer, startTestBroker, type TestBroker } from './key-broker.fixtures.ts'
import { createKeyBroker, type KeyBroker } from './key-broker.ts'
import type { WantedKey } from './open-release.ts'
import { type ReleaseEncryption, releaseEncryptions } from './unwrap-key.ts'
import { waitForKey } from './wait-for-key.ts'

let at = systemClock.now()
const clock: Clock = { now: () => at }
const master: WantedKey = { name: 'platform-master', type: { kty: 'oct', bytes: 32 } }
const digestOf = (text: string): string => createHash('sha256').update(text).digest('hex')

let vendor: SampleVendor
let encryptionKey: EncryptionKey
let otherKey: EncryptionKey
let service: TestAttestationService
let brokerWorkload: TestWorkload
let server: TestBroker
const undo: (() => Promise<unknown>)[] = []
const lines: Record<string, unknown>[] = []
const log = createLogger('workload', {
  write: (line) => void lines.push(JSON.parse(line) as Record<string, unknown>),
})
const logged = (): unknown[] => lines.map(({ event, code }) => [event, code])

beforeAll(async () => {
  vendor = await createSampleVendor({ at })
  ;[encryptionKey, otherKey] = await Promise.all([createEncryptionKey(), createEncryptionKey()])
})
beforeEach(async () => {
  at = systemClock.now()
  lines.length = 0
  service = await startAttestationService(vendor, clock)
  undo.push(() => service.close())
  brokerWorkload = await brokerOf({})
  server = await startTestBroker(brokerWorkload)
  undo.push(() => server.close())
  server.keys.set('platform-master', [{ kty: 'oct', secret: random.bytes(32) }])
})
afterEach(async () => {
  for (const each of undo.splice(0).reverse()) await each()
})
afterAll(() => expect(lines.some((line) => JSON.stringify(line).includes('eyJ'))).toBe(false))

/** One whose deployment or role may be others than the right ones. */
async function brokerOf(changes: Partial<InitTimeData>): Promise<TestWorkload> {
  const broker = await createTestWorkload({
    vendor,
    service,
    clock,
    role: changes.role ?? 'key-broker',
    peers: ['platform'],
    initTimeData: changes,
  })
  undo.push(() => broker.close())
  return broker
}

const brokerExpected = (changes: Partial<PeerExpectation> = {}): PeerExpectation =>
  sampleExpectation('key-broker', { configId: [brokerWorkload.configId], ...changes })

async function workload(
  options: {
    readonly expected?: Partial<PeerExpectation>
    readonly peer?: PeerExpectation
    readonly url?: string
    readonly encryption?: ReleaseEncryption
  } = {},
): Promise<KeyBroker> {
  const { attested, passport, close } = await createTestWorkload({
    vendor,
    service,
    clock,
    role: 'platform',
    peers: [options.peer ?? brokerExpected(options.expected)],
    encryptionKey,
    denyListPollSeconds: 1,
  })
  const broker = createKeyBroker({
    url: options.url ?? server.url,
    attested,
    encryptionKey,
    passport,
    ...(options.encryption && { encryption: options.encryption }),
  })
  undo.push(async () => {
    await broker.close()
    await close()
  })
  return broker
}

const secretOf = (name: string, index = 0): Uint8Array | undefined =>
  server.keys.get(name)?.[index]?.secret

test.each(Object.keys(releaseEncryptions) as ReleaseEncryption[])(
  'a symmetric key, an RSA key and an EC key are released by %s',
  async (encryption) => {
    const broker = await workload({ encryption })
    const rsa = generateKeyPairSync('rsa', { modulusLength: 4096 })
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-521' })
    const pkcs8 = (key: KeyObject): Uint8Array => key.export({ type: 'pkcs8', format: 'der' })
    server.keys.set('rsa', [{ kty: 'RSA-HSM', secret: pkcs8(rsa.privateKey) }])
    server.keys.set('ec', [{ kty: 'EC', secret: pkcs8(ec.privateKey) }])
    expect(await broker.release(master)).toMatchObject({
      ok: true,
      value: {
        kid: 'https://broker.example/keys/platform-master/1',
        name: 'platform-master',
        version: '1',
        secret: secretOf('platform-master'),
      },
    })
    for (const [name, { privateKey }] of [['rsa', rsa] as const, ['ec', ec] as const]) {
      const released = await broker.release({ name, type: { kty: name === 'rsa' ? 'RSA' : 'EC' } })
      expect(released.ok && released.value.privateKey?.equals(privateKey)).toBe(true)
    }
  },
)

test('a version is asked for by its name, and the newest without one', async () => {
  const broker = await workload()
  server.keys.get('platform-master')?.push({ kty: 'oct', secret: random.bytes(32) })
  expect(await broker.release(master)).toMatchObject({
    value: { version: '2', secret: secretOf('platform-master', 1) },
  })
  expect(await broker.release({ ...master, version: '1' })).toMatchObject({
    value: { version: '1', secret: secretOf('platform-master', 0) },
  })
})

describe('an answer is refused', () => {
  const hsm = (answer: Answer): Record<string, unknown> => answer.response.key.key
  test.each<[string, string, (answer: Answer) => void]>([
    ['to another question', 'release-nonce', ({ request }) => (request['nonce'] = 'AAAA')],
    ['wrapped by another hash', 'release-nonce', ({ request }) => (request['enc'] = 'none')],
    [
      'with another key',
      'release-mismatch',
      (answer) => (hsm(answer)['kid'] = 'https://broker.example/keys/other/1'),
    ],
    ['with a key of another kind', 'release-mismatch', (answer) => (hsm(answer)['kty'] = 'RSA')],
    ['without a key', 'release-malformed', (answer) => delete hsm(answer)['key_hsm']],
    ['with a key in another form', 'release-malformed', (answer) => (hsm(answer)['key_hsm'] = '{')],
    [
      'whose wrapped key was changed',
      'release-not-ours',
      (answer) => {
        const json = Buffer.from(String(hsm(answer)['key_hsm']), 'base64url').toString()
        const parsed = JSON.parse(json) as { ciphertext: string }
        const last = parsed.ciphertext.at(-5) === 'A' ? 'B' : 'A'
        parsed.ciphertext = parsed.ciphertext.slice(0, -5) + last + parsed.ciphertext.slice(-4)
        hsm(answer)['key_hsm'] = Buffer.from(JSON.stringify(parsed)).toString('base64url')
      },
    ],
  ])('%s', async (_, code, change) => {
    const broker = await workload()
    server.change = change
    expect(await broker.release(master)).toMatchObject({ problem: { code, kind: 'refused' } })
  })

  test('with a key of another length', async () => {
    server.keys.set('platform-master', [{ kty: 'oct', secret: random.bytes(16) }])
    expect(await (await workload()).release(master)).toMatchObject({
      problem: { code: 'release-mismatch' },
    })
  })

  test('with another version than was asked for', async () => {
    const broker = await workload()
    server.change = (answer) => {
      hsm(answer)['kid'] = 'https://broker.example/keys/platform-master/2'
    }
    expect(await broker.release({ ...master, version: '1' })).toMatchObject({
      problem: { code: 'release-mismatch' },
    })
  })

  test('that is wrapped for another workload', async () => {
    server.target = otherKey.publicJwk
    const broker = await workload()
    expect(await broker.release(master)).toMatchObject({ problem: { code: 'release-not-ours' } })
    // As before, under our own name.
    server.target = { ...otherKey.publicJwk, kid: encryptionKey.publicJwk.kid }
    expect(await broker.release(master)).toMatchObject({ problem: { code: 'release-not-ours' } })
  })

  test('that somebody else signed', async () => {
    server.signer = (await brokerOf({})).identity
    expect(await (await workload()).release(master)).toMatchObject({
      problem: { code: 'release-signature' },
    })
    const { tls } = server.signer
    // The broker's certificate before another's signature.
    server.signer = {
      ...server.signer,
      tls: { ...brokerWorkload.identity.tls, privateKeyPem: tls.privateKeyPem },
    }
    expect(await (await workload()).release(master)).toMatchObject({
      problem: { code: 'release-signature' },
    })
  })
})

describe('nothing is asked of a broker', () => {
  test.each<[string, string, Partial<PeerExpectation>]>([
    ['of other code', 'measurement', { mrEnclave: ['0'.repeat(64)] }],
    ['of another publisher', 'signer', { mrSigner: ['0'.repeat(64)] }],
    ['that is too old', 'svn-too-low', { isvSvnMin: 2 }],
    ['with another configuration', 'configuration', { configId: ['0'.repeat(64)] }],
  ])('%s', async (_, code, expected) => {
    const broker = await workload({ expected })
    expect(await broker.release(master)).toMatchObject({ problem: { code, kind: 'refused' } })
    expect(server.asked).toEqual([])
  })

  test('of the same code that believes another attestation service or other officers', async () => {
    const identity = { issuer: 'https://operator.example', audience: 'a', roleClaim: 'roles' }
    const diverted = await startTestBroker(await brokerOf({ identity }))
    undo.push(() => diverted.close())
    const broker = await workload({ url: diverted.url })
    expect(await broker.release(master)).toMatchObject({ problem: { code: 'configuration' } })
    // And where nobody says which one is meant, any might be such a one.
    const { configId: _, ...open } = brokerExpected()
    const trusting = await workload({ peer: open, url: diverted.url })
    expect(await trusting.release(master)).toMatchObject({
      problem: { code: 'key-broker-configuration-open', kind: 'refused' },
    })
    expect(diverted.asked).toEqual([])
  })

  test('of another deployment, or with another role', async () => {
    for (const [changes, code] of [
      [
        { role: 'key-broker', deployment: 'urn:uuid:00000000-0000-4000-8000-000000000002' },
        'wrong-deployment',
      ],
      [{ role: 'diagnostics' }, 'wrong-role'],
    ] as const) {
      const other = await startTestBroker(await brokerOf(changes))
      undo.push(() => other.close())
      const broker = await workload({ url: other.url })
      expect(await broker.release(master)).toMatchObject({ problem: { code, kind: 'refused' } })
      expect(other.asked).toEqual([])
    }
  })

  test('that was denied since it was verified', async () => {
    const broker = await workload()
    expect(await broker.release(master)).toMatchObject({ ok: true })
    service.sequence += 1
    service.denied = [{ kind: 'measurement', value: digestOf('code') }]
    await expect
      .poll(async () => broker.release(master), { timeout: 5000, interval: 200 })
      .toMatchObject({ problem: { code: 'measurement-denied', kind: 'refused' } })
  })
})

test('what the broker says of its refusal is handed on as a code, and what may pass is not a refusal', async () => {
  const broker = await workload()
  server.failing = [403, 'release-policy-not-met']
  expect(await broker.release(master)).toMatchObject({
    problem: {
      code: 'release-refused',
      kind: 'refused',
      detail: expect.stringContaining('release-policy-not-met'),
    },
  })
  server.failing = [503, 'store-unavailable']
  expect(await broker.release(master)).toMatchObject({
    problem: { code: 'key-broker-unavailable', kind: 'unavailable' },
  })
  server.failing = undefined
  expect(await broker.release({ ...master, name: 'none' })).toMatchObject({
    problem: { code: 'key-unknown', kind: 'refused' },
  })
})

test('a broker that was started anew is verified anew, and asked once more', async () => {
  const broker = await workload()
  expect(await broker.release(master)).toMatchObject({ ok: true })
  const { port } = server
  await server.close()
  expect(await broker.release(master)).toMatchObject({
    problem: { code: 'key-broker-unreachable', kind: 'unavailable' },
  })
  const again = await startTestBroker(await brokerOf({}), port)
  undo.push(() => again.close())
  again.keys.set('platform-master', [{ kty: 'oct', secret: random.bytes(32) }])
  expect(await broker.release(master)).toMatchObject({ ok: true })
  // Another still, while a connection to the one before is open.
  await again.close()
  const impostor = await startTestBroker(await brokerOf({ role: 'diagnostics' }), port)
  undo.push(() => impostor.close())
  expect(await broker.release(master)).toMatchObject({ problem: { code: 'wrong-role' } })
  expect(impostor.asked).toEqual([])
})

test('a start waits for a broker that is not there yet, says why once, and goes on when it comes', async () => {
  const { port } = server
  await server.close()
  const broker = await workload()
  const why: string[] = []
  const waited = waitForKey(broker, master, { log, onWaiting: ({ code }) => void why.push(code) })
  await expect.poll(() => why.length).toBeGreaterThan(2)
  expect(logged()).toEqual([['waiting-for-key-broker', 'key-broker-unreachable']])
  const late = await startTestBroker(await brokerOf({}), port)
  undo.push(() => late.close())
  late.keys.set('platform-master', [{ kty: 'oct', secret: random.bytes(32) }])
  expect(await waited).toMatchObject({ ok: true })
  expect(logged().at(-1)).toEqual(['key-released', undefined])
})

test('a start does not wait for longer than it may, nor for what will not change', async () => {
  await server.close()
  const broker = await workload()
  expect(await waitForKey(broker, master, { log, secondsMax: 0.5 })).toMatchObject({
    problem: { code: 'key-broker-unreachable' },
  })
  expect(logged().at(-1)).toEqual(['key-not-released', 'key-broker-unreachable'])
  const again = await startTestBroker(brokerWorkload)
  undo.push(() => again.close())
  again.failing = [403, 'release-policy-not-met']
  const refused = await workload({ url: again.url })
  expect(await waitForKey(refused, master, { log })).toMatchObject({
    problem: { code: 'release-refused' },
  })
  expect(again.asked).toHaveLength(1)
})

test('a newer version is found and handed on once; a broker that is away takes nothing', async () => {
  const broker = await workload()
  const first = await broker.release(master)
  if (!first.ok) throw new Error(first.problem.code)
  const found: string[] = []
  const following = followKey({
    broker,
    wanted: master,
    version: first.value.version,
    onVersion: ({ version }) => void found.push(version),
    log,
    everySeconds: 0.05,
  })
  undo.push(() => following.close())
  server.failing = [503, 'store-unavailable']
  await expect.poll(logged).toContainEqual(['key-not-renewed', 'key-broker-unavailable'])
  server.failing = undefined
  server.keys.get('platform-master')?.push({ kty: 'oct', secret: random.bytes(32) })
  await expect.poll(() => found).toEqual(['2'])
  const { length } = server.asked
  await expect.poll(() => server.asked.length).toBeGreaterThan(length + 2)
  expect(found).toEqual(['2'])
  expect(logged().map((line) => (line as unknown[])[0])).toEqual([
    'key-not-renewed',
    'key-broker-back',
    'key-rotated',
  ])
})

test('every code of a release is explained', () => {
  const page = readFileSync(
    new URL('../../../../docs/spec/problem-codes.md', import.meta.url),
    'utf8',
  )
  const codes = ['open-release.ts', 'key-broker.ts'].flatMap((name) => {
    const source = readFileSync(new URL(name, import.meta.url), 'utf8')
    return [...source.matchAll(/'((?:release|key)-[a-z-]+)'/g)].map(([, code]) => code ?? '')
  })
  const known = [...new Set(codes)].filter((code) => code !== 'key-broker')
  expect(known.length).toBeGreaterThan(7)
  expect(known.filter((code) => !page.includes(`\`${code}\``))).toEqual([])
})
