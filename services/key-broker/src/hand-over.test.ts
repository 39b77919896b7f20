/** The root key of a broker in a TEE, handed over to its like on another machine, and to nobody else. */

import { createHash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { hexOf } from '@sealward/attestation/bytes'
import {
  encodeInitTimeData,
  type InitTimeData,
  type PeerExpectation,
} from '@sealward/attestation/evidence'
import { sampleCpuSvn } from '@sealward/attestation/sample'
import { createAttestedClient, createAttestedTls } from '@sealward/enclave/attested-tls'
import {
  createSampleTee,
  type SamplePcs,
  type SampleTeeOptions,
  type SealingPolicy,
  startSamplePcs,
  type Tee,
} from '@sealward/enclave/evidence'
import { createDenyListKeeper, createIdentity, createSignerKeys } from '@sealward/enclave/identity'
import { masterKeyOf } from '@sealward/enclave/sealing'
import { type Running, systemRandom as random, StartRefusal } from '@sealward/enclave/server'
import { createLogger } from '@sealward/enclave/telemetry'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  startTestPostgres,
  type TestPostgres,
} from '../../../packages/enclave/src/testing/postgres.ts'
import { endorsementsOf, sampleInitTimeData } from '../../../packages/enclave/src/testing/sample.ts'
import { brokerConfig } from './config.ts'
import { askForRootKey, expectationOfLike } from './custody/hand-over.ts'
import { keyEncryptionOf } from './custody/key-encryption.ts'
import { unwrapRootKey } from './custody/root-key.ts'
import { startKeyBroker } from './start.ts'
import { openStore } from './store/open-store.ts'
import { startTestBroker, type TestBroker } from './testing/broker.fixtures.ts'

const code = (name: string): Buffer => createHash('sha256').update(name).digest()
const newer = sampleCpuSvn.map((svn, index) => (index === 0 ? svn + 1 : svn))

let broker: TestBroker
let pcs: SamplePcs
let first: Tee
let folder: string
let settings: object
const running: Running[] = []
const closing: (() => Promise<void>)[] = []

type Machine = Partial<Omit<SampleTeeOptions, 'initTimeData'>>

function teeOf(
  around: Pick<TestBroker, 'authority' | 'vendor'>,
  machine: Machine = {},
  changes: Partial<InitTimeData> = {},
): Promise<Tee> {
  const { authority, vendor } = around
  const { issuer, signer, policyHash } = authority
  return createSampleTee({
    vendor,
    initTimeData: encodeInitTimeData(
      sampleInitTimeData({
        role: 'key-broker',
        attestation: { issuer, signers: [signer], policyHashes: [policyHash] },
        roots: [vendor.rootSpkiSha256],
        identity: {
          issuer: 'https://identity.example',
          audience: 'urn:sealward:test',
          roleClaim: 'roles',
        },
        peers: [platformExpectation],
        ...changes,
      }),
    ),
    mrEnclave: code('key-broker'),
    mrSigner: code('publisher'),
    isvProdId: 1,
    isvSvn: 2,
    hostSecret: new Uint8Array(32).fill(1),
    ...machine,
  })
}

const platformExpectation: PeerExpectation = {
  role: 'platform',
  mrEnclave: [hexOf(code('platform'))],
  mrSigner: [hexOf(code('publisher'))],
  isvProdId: 1,
  isvSvnMin: 1,
  debug: 'refused',
  tcbStatuses: ['UpToDate', 'SWHardeningNeeded'],
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sealward-hand-over-'))
  broker = await startTestBroker({
    async configure({ authority, vendor, clock, config }) {
      pcs = await startSamplePcs({ vendor, clock })
      first = await teeOf({ authority, vendor })
      settings = { ...config, pcsUrl: pcs.url }
      return { config: settings, tee: first }
    },
  })
  const made = await broker.ask('POST', '/keys/kept/create', { body: { kty: 'RSA' } })
  expect(made.status).toBe(200)
}, 60_000)
afterEach(async () => {
  for (const one of running.splice(0)) await one.close()
})
afterAll(async () => {
  for (const close of closing.reverse()) await close()
  await pcs?.close()
  await broker?.close()
  await rm(folder, { recursive: true })
})

const origin = (one: Running = broker.running): string => `https://127.0.0.1:${one.ports['https']}`
const otherMachine = (machine: Machine = {}, changes: Partial<InitTimeData> = {}): Promise<Tee> =>
  teeOf(broker, { hostSecret: new Uint8Array(32).fill(2), ...machine }, changes)

/** A broker on another machine over the same database. */
async function start(
  tee: Tee,
  options: {
    readonly state?: string
    readonly from?: string
    readonly retire?: readonly string[]
    readonly policy?: SealingPolicy
    readonly databaseUrl?: string
    readonly pcsUrl?: string
  } = {},
): Promise<Running> {
  const {
    state = 'second',
    databaseUrl = broker.postgres.url,
    pcsUrl = pcs.url,
    ...keyEncryption
  } = options
  const one = await startKeyBroker({
    config: brokerConfig.parse({
      ...settings,
      pcsUrl,
      stateFolder: join(folder, state),
      keyEncryption: { kind: 'tee', ...keyEncryption },
    }),
    databaseUrl,
    clock: broker.clock,
    tee,
    log: createLogger('key-broker', { write: () => {} }),
  })
  running.push(one)
  return one
}

/** Whether it starts; otherwise the code why not. */
async function outcome(...args: Parameters<typeof start>): Promise<string> {
  try {
    const one = await start(...args)
    await running.splice(running.indexOf(one), 1)[0]?.close()
    return 'started'
  } catch (error) {
    if (error instanceof StartRefusal) return error.problem.code
    throw error
  }
}

async function modulusAt(one: Running): Promise<unknown> {
  const token = await broker.people.tokenOf(['reader'])
  const answer = await fetch(`http://127.0.0.1:${one.ports['http']}/keys/kept?api-version=7.4`, {
    headers: { authorization: `Bearer ${token}` },
  })
  const { key } = (await answer.json()) as { readonly key: { readonly n?: string } }
  return key.n
}

const custodyEntries = async () =>
  (await broker.entries()).filter(({ action }) => action.startsWith('custody-'))

describe('a broker on another machine', () => {
  test('that is asked to start by itself says what it misses', async () => {
    expect(await outcome(await otherMachine(), { state: 'alone' })).toBe('local-secret-missing')
    expect(await custodyEntries()).toEqual([])
  })

  test('is given the root key by its like, opens by itself from then on, and it is in the log', async () => {
    const tee = await otherMachine()
    const one = await start(tee, { from: origin() })
    const modulus = await modulusAt(one)
    expect(modulus).toEqual(expect.stringMatching(/^[\w-]{300,}$/))
    expect(modulus).toBe(await modulusAt(broker.running))
    await one.close()
    running.splice(0)
    // Nobody is asked, and nobody needs to be there.
    expect(await outcome(tee)).toBe('started')
    expect(await outcome(tee, { from: 'https://127.0.0.1:1' })).toBe('started')
    expect(await custodyEntries()).toMatchObject([
      {
        action: 'custody-hand-over',
        actor: { kind: 'workload', issuer: broker.authority.issuer },
        target: 'custody/root-key',
        outcome: 'done',
        details: { role: 'key-broker', deployment: first.initTimeData.deployment },
      },
      { action: 'custody-add', actor: { kind: 'operator' }, details: { keyEncryptionKind: 'tee' } },
    ])
  })

  test('waits for one that is away, and starts when it is there', async () => {
    const tee = await otherMachine({ hostSecret: new Uint8Array(32).fill(3) })
    const options = { state: 'third' }
    expect(await outcome(tee, { ...options, from: 'https://127.0.0.1:1' })).toBe(
      'hand-over-unavailable',
    )
    expect(await outcome(tee, { ...options, from: origin() })).toBe('started')
  })

  test('is given back what its own machine lost in an update, by one that was updated after it', async () => {
    const before = await otherMachine()
    expect(await outcome(before)).toBe('started')
    const after = await otherMachine({ cpuSvn: newer })
    expect(await outcome(after, { from: origin() })).toBe('local-secret-refused')
    await rm(join(folder, 'second', 'local-secret'))
    expect(await outcome(after, { from: origin() })).toBe('started')
    expect(await outcome(after)).toBe('started')
  })

  test('is given nothing by one of a lower version of the code, nor does its own secret open without older keys', async () => {
    expect(await outcome(await otherMachine(), { state: 'raised', from: origin() })).toBe('started')
    const raised = await otherMachine({ isvSvn: 3 })
    expect(await outcome(raised, { state: 'raised', from: origin() })).toBe('local-secret-refused')
    expect(await outcome(raised, { state: 'emptied', from: origin() })).toBe('hand-over-refused')
    const given = await otherMachine({ isvSvn: 3, olderSealingKeys: true })
    expect(await outcome(given, { state: 'raised' })).toBe('started')
    expect(await outcome(raised, { state: 'raised' })).toBe('started')
  })

  test('retires the key of one that is gone, and not its own', async () => {
    const wraps = async () =>
      (await broker.postgres.run('select id from broker.root_key_wrap')).map(({ id }) => String(id))
    const ids = await wraps()
    const gone = await otherMachine({ hostSecret: new Uint8Array(32).fill(5) })
    expect(await outcome(gone, { state: 'gone', from: origin() })).toBe('started')
    const [added = ''] = (await wraps()).filter((id) => !ids.includes(id))
    expect(await outcome(gone, { state: 'gone', retire: [added] })).toBe('wrap-in-use')
    const tee = await otherMachine({ cpuSvn: newer })
    expect(await outcome(tee, { retire: [added] })).toBe('started')
    expect(await wraps()).toEqual(ids)
    expect((await custodyEntries()).at(-1)).toMatchObject({
      action: 'custody-retire',
      target: `custody/${added}`,
    })
    expect(await outcome(tee, { retire: [added] })).toBe('started')
    expect(await outcome(gone, { state: 'gone' })).toBe('another-master-key')
  })

  test('is given nothing for a database that is another', async () => {
    const other: TestPostgres = await startTestPostgres()
    const databaseUrl = other.url
    try {
      const made = await otherMachine({ hostSecret: new Uint8Array(32).fill(4) })
      expect(await outcome(made, { state: 'fourth', databaseUrl })).toBe('started')
      const tee = await otherMachine()
      expect(await outcome(tee, { state: 'fifth', databaseUrl, from: origin() })).toBe(
        'hand-over-refused',
      )
    } finally {
      await other.stop()
    }
  })
})

describe('a broker that keeps it for its own code alone', () => {
  const options = { state: 'strict', policy: 'mrenclave' } as const
  const strictMachine = (): Promise<Tee> => otherMachine({ hostSecret: new Uint8Array(32).fill(6) })

  test('is given it by one that keeps it for all versions of its publisher, and hands it over to none of those', async () => {
    const strict = await start(await strictMachine(), { ...options, from: origin() })
    const from = origin(strict)
    const tee = await otherMachine({ hostSecret: new Uint8Array(32).fill(7) })
    const before = await custodyEntries()
    expect(await outcome(tee, { state: 'loose', from })).toBe('hand-over-refused')
    expect(await outcome(tee, { state: 'looser', policy: 'mrsigner', from })).toBe(
      'hand-over-refused',
    )
    expect(await custodyEntries()).toEqual(before)
    expect(await outcome(tee, { ...options, state: 'alike', from })).toBe('started')
    const newer = await otherMachine({
      hostSecret: new Uint8Array(32).fill(7),
      mrEnclave: code('a newer program'),
    })
    expect(await outcome(newer, { ...options, state: 'alike' })).toBe('local-secret-refused')
    await strict.close()
    running.splice(0)
  })

  test('keeps it under no sealing key that other code has, whatever the database names', async () => {
    const strict = await start(await strictMachine(), options)
    const tee = await otherMachine({ hostSecret: new Uint8Array(32).fill(8) })
    const direct = keyEncryptionOf('tee', await masterKeyOf(tee), random)
    await broker.postgres.run(
      `insert into broker.root_key_wrap (id, kind, wrapped, at) values ('${direct.id}', 'tee', '', 1)`,
    )
    const alike = { ...options, state: 'named', from: origin(strict) }
    expect(await outcome(tee, alike)).toBe('started')
    const database = await openStore({ url: broker.postgres.url })
    expect(await unwrapRootKey(database, direct)).toMatchObject({ ok: false })
    await database.destroy()
    await strict.close()
    running.splice(0)
  })
})

test('a platform that is out of date is handed nothing, and nothing is taken from one', async () => {
  const outdated = await startSamplePcs({
    vendor: broker.vendor,
    clock: broker.clock,
    issue: { tcbStatus: 'OutOfDate' },
  })
  try {
    const options = { state: 'strict-about-it', pcsUrl: outdated.url }
    const tee = await otherMachine({ hostSecret: new Uint8Array(32).fill(9) })
    const before = await custodyEntries()
    // Of two that hear different things of the same platform, each refuses when it has heard that it is out of date.
    expect(await outcome(tee, { ...options, from: origin() })).toBe('hand-over-refused')
    // Who serves is verified before it learns who asks.
    expect(await custodyEntries()).toEqual(before)
    expect(await outcome(tee, { ...options, pcsUrl: pcs.url, from: origin() })).toBe('started')

    const asking = await otherMachine({ hostSecret: new Uint8Array(32).fill(10) })
    const strict = await start(tee, options)
    const handed = await custodyEntries()
    expect(await outcome(asking, { state: 'asking', from: origin(strict) })).toBe(
      'hand-over-refused',
    )
    expect(await custodyEntries()).toEqual(handed)
    await running.splice(0)[0]?.close()
    const again = await start(tee, { ...options, pcsUrl: pcs.url })
    expect(await outcome(asking, { state: 'asking', from: origin(again) })).toBe('started')
    await running.splice(0)[0]?.close()
  } finally {
    await outdated.close()
  }
})

describe('nobody but its like', () => {
  /** Whoever shows this TEE's evidence, and believes the broker whatever it is itself. */
  const attestedAs = async (tee: Tee) => {
    const { authority, clock, vendor } = broker
    const { issuer, signer } = authority
    const endorsements = endorsementsOf(vendor, clock)
    const identity = await createIdentity({ tee, endorsements, random, clock })
    const signerKeys = createSignerKeys({ url: issuer, clock })
    const sources = { url: issuer, issuer, signers: [signer], signerKeys, clock }
    const denyList = createDenyListKeeper(sources)
    closing.push(
      () => signerKeys.close(),
      () => denyList.close(),
    )
    const { deployment } = first.initTimeData
    const peers = [expectationOfLike(first.self)]
    const trust = {
      initTimeData: { ...tee.initTimeData, deployment, peers },
      attestationUrl: issuer,
      signerKeys,
      denyList,
      clock,
      random,
    }
    return createAttestedTls({ identity, trust, endorsements })
  }

  test.each<[string, string, Machine, Partial<InitTimeData>]>([
    ['another program', 'measurement', { mrEnclave: code('another program') }, {}],
    ['another publisher', 'signer', { mrSigner: code('another publisher') }, {}],
    ['another product', 'product', { isvProdId: 2 }, {}],
    ['an older version', 'svn-too-low', { isvSvn: 1 }, {}],
    ['memory that can be read', 'debug', { debug: true }, {}],
    ['another configuration', 'configuration', {}, { peers: [] }],
    ['another role', 'wrong-role', {}, { role: 'cache-gateway' }],
    [
      'another deployment',
      'wrong-deployment',
      {},
      { deployment: 'urn:uuid:00000000-0000-4000-8000-000000000002' },
    ],
  ])('%s is refused: %s', async (_name, why, machine, changes) => {
    const before = await custodyEntries()
    const attested = await attestedAs(await otherMachine(machine, changes))
    const asked = await askForRootKey(origin(), { attested, policy: 'mrsigner' })
    expect(asked).toMatchObject({ ok: false, problem: { code: 'hand-over-refused' } })
    expect(await custodyEntries()).toEqual(before)
    // What the broker found is told to whoever it does not let in by the code.
    const client = createAttestedClient({ attested, origin: origin(), role: 'key-broker' })
    const answer = await client.request({ method: 'GET', path: '/root-key' })
    expect(answer).toMatchObject({
      problem: { code: 'refused-by-peer', detail: `The peer does not let us in (${why}).` },
    })
    await client.close()
  })

  test('a platform that is let in for its keys is not given it', async () => {
    const before = await custodyEntries()
    const machine = { mrEnclave: code('platform'), isvSvn: 1 }
    const attested = await attestedAs(await otherMachine(machine, { role: 'platform' }))
    expect(await askForRootKey(origin(), { attested, policy: 'mrsigner' })).toMatchObject({
      ok: false,
      problem: { code: 'hand-over-refused', detail: expect.stringContaining('status 403') },
    })
    expect(await custodyEntries()).toEqual(before)
  })

  test('one like it is: the same asking, so that it is the difference that was refused', async () => {
    const attested = await attestedAs(await otherMachine())
    const asked = await askForRootKey(origin(), { attested, policy: 'mrsigner' })
    expect(asked).toMatchObject({ ok: true, value: { length: 32 } })
    expect((await custodyEntries()).at(-1)).toMatchObject({ action: 'custody-hand-over' })
  })

  test('nor one like it, as long as that cannot be written down for good', async () => {
    const attested = await attestedAs(await otherMachine())
    const ask = () => askForRootKey(origin(), { attested, policy: 'mrsigner' })
    const { postgres } = broker
    await postgres.run(`create function broker.refuse_entry() returns trigger language plpgsql
      as $$ begin raise exception 'no entries today'; end $$`)
    // The entry is written, and undone when the transaction ends.
    await postgres.run(`create constraint trigger refuse_entry after insert on broker.audit_entry
      deferrable initially deferred for each row execute function broker.refuse_entry()`)
    const before = await custodyEntries()
    expect(await ask()).toMatchObject({ ok: false, problem: { code: 'hand-over-unavailable' } })
    expect(await custodyEntries()).toEqual(before)
    await postgres.run('drop trigger refuse_entry on broker.audit_entry')
    expect(await ask()).toMatchObject({ ok: true })
    expect(await custodyEntries()).toHaveLength(before.length + 1)
  })

  test('nor one that was denied since it was let in, on a connection that is open', async () => {
    const attested = await attestedAs(await otherMachine())
    const client = createAttestedClient({ attested, origin: origin(), role: 'key-broker' })
    const ask = () => client.request({ method: 'GET', path: '/root-key?policy=mrsigner' })
    const { authority, clock } = broker
    expect(await ask()).toMatchObject({ ok: true, value: { status: 200 } })
    clock.move(61)
    expect(await ask()).toMatchObject({ ok: true, value: { status: 200 } })
    const handed = await custodyEntries()
    authority.denied = [{ kind: 'token', value: String(handed.at(-1)?.actor['token']) }]
    authority.sequence += 1
    clock.move(61)
    const answer = await ask()
    expect(answer).toMatchObject({ ok: true, value: { status: 403 } })
    expect(await custodyEntries()).toEqual(handed)
    await client.close()
    authority.denied = []
    authority.sequence += 1
    clock.move(61)
  })

  test('and nobody where people are served', async () => {
    const { status } = await fetch(`http://127.0.0.1:${broker.running.ports['http']}/root-key`)
    expect(status).toBe(404)
  })

  test('a broker asks nobody who is not like it', async () => {
    const tee = await otherMachine({ mrEnclave: code('a newer program') })
    expect(await outcome(tee, { state: 'sixth', from: origin() })).toBe('hand-over-refused')
  })
})

beforeEach(() => {
  expect(running).toEqual([])
})
