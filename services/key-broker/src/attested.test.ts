/** What a broker in a TEE has for workloads, over attested TLS. */

import { createHash } from 'node:crypto'
import { base64UrlOf, hexOf, ok } from '@sealward/attestation/bytes'
import { encodeInitTimeData, type PeerExpectation } from '@sealward/attestation/evidence'
import { createBrokerAnchor } from '@sealward/enclave/anchor'
import {
  type AttestedTls,
  connectAttested,
  createAttestedDispatcher,
  createAttestedTls,
} from '@sealward/enclave/attested-tls'
import {
  createSampleTee,
  type SamplePcs,
  startSamplePcs,
  type Tee,
} from '@sealward/enclave/evidence'
import {
  createDenyListKeeper,
  createIdentity,
  createPassport,
  createSignerKeys,
  type Identity,
  type Passport,
} from '@sealward/enclave/identity'
import { systemRandom } from '@sealward/enclave/server'
import { decodeProtectedHeader } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { TestAttestationService } from '../../../packages/enclave/src/testing/attestation-service.ts'
import { endorsementsOf, sampleInitTimeData } from '../../../packages/enclave/src/testing/sample.ts'
import {
  claimsFor,
  createReleaseTarget,
  releasePolicyOf,
  startTestBroker,
  type TestBroker,
  type VaultBody,
} from './testing/broker.fixtures.ts'

const deployment = 'urn:uuid:00000000-0000-4000-8000-000000000001'
const code = (name: string): Buffer => createHash('sha256').update(name).digest()
const expectationOf = (role: 'platform' | 'diagnostics' | 'key-broker'): PeerExpectation => ({
  role,
  mrEnclave: [hexOf(code(role))],
  mrSigner: [hexOf(code('publisher'))],
  isvProdId: 1,
  isvSvnMin: 1,
  debug: 'refused',
  tcbStatuses: ['UpToDate', 'SWHardeningNeeded'],
})

let broker: TestBroker
let pcs: SamplePcs
let platform: Workload
let brokerCertificate: string
const target = createReleaseTarget()

interface Workload {
  readonly identity: Identity
  readonly attested: AttestedTls
  readonly passport: Passport
}

beforeAll(async () => {
  broker = await startTestBroker({
    async configure({ authority, vendor, clock, config }) {
      pcs = await startSamplePcs({ vendor, clock })
      return {
        config: { ...config, pcsUrl: pcs.url },
        tee: await teeOf(vendor, 'key-broker', authority, [
          expectationOf('platform'),
          expectationOf('diagnostics'),
        ]),
      }
    },
  })
  platform = await workloadOf('platform')
  brokerCertificate = await certificateOf(platform)
}, 60_000)

async function certificateOf({ attested }: Workload): Promise<string> {
  const { hostname: host, port } = new URL(origin())
  const met = await connectAttested(attested, { host, port: Number(port), role: 'key-broker' })
  if (!met.ok) throw new Error(met.problem.detail)
  met.value.socket.destroy()
  return met.value.certificateSha256
}

const closing: (() => Promise<void>)[] = []
afterAll(async () => {
  for (const close of closing) await close()
  await platform.passport.close()
  await pcs.close()
  await broker.close()
})

function origin(): string {
  return `https://127.0.0.1:${broker.running.ports['https']}`
}

type Vendor = TestBroker['vendor']

function teeOf(
  vendor: Vendor,
  role: 'platform' | 'diagnostics' | 'key-broker' | 'cache-gateway',
  authority: TestAttestationService,
  peers: readonly PeerExpectation[] = [],
  changes: { readonly program?: string; readonly deployment?: string } = {},
): Promise<Tee> {
  const { issuer, signer, policyHash } = authority
  return createSampleTee({
    vendor,
    initTimeData: encodeInitTimeData(
      sampleInitTimeData({
        role,
        peers,
        deployment: changes.deployment ?? deployment,
        attestation: { issuer, signers: [signer], policyHashes: [policyHash] },
        roots: [vendor.rootSpkiSha256],
        identity: {
          issuer: 'https://identity.example',
          audience: 'urn:sealward:test',
          roleClaim: 'roles',
        },
      }),
    ),
    mrEnclave: code(changes.program ?? role),
    mrSigner: code('publisher'),
    isvProdId: 1,
    isvSvn: 1,
    hostSecret: new Uint8Array(32).fill(7),
  })
}

async function workloadOf(
  role: 'platform' | 'diagnostics' | 'cache-gateway',
  changes: Parameters<typeof teeOf>[4] = {},
): Promise<Workload> {
  const { authority, vendor, clock } = broker
  const tee = await teeOf(vendor, role, authority, [expectationOf('key-broker')], changes)
  const endorsements = endorsementsOf(vendor, clock)
  const identity = await createIdentity({ tee, endorsements, random: systemRandom, clock })
  const { issuer, signer } = authority
  const attestation = { issuer }
  const signerKeys = createSignerKeys({ url: issuer, clock })
  const denyList = createDenyListKeeper({
    url: issuer,
    issuer,
    signers: [signer],
    signerKeys,
    clock,
  })
  closing.push(() => denyList.close())
  closing.push(() => signerKeys.close())
  const trust = {
    // Whoever is of another deployment believes this broker all the same: it is the broker that refuses.
    initTimeData: { ...tee.initTimeData, deployment },
    attestationUrl: issuer,
    signerKeys,
    denyList,
    clock,
    random: systemRandom,
  }
  return {
    identity,
    attested: createAttestedTls({ identity, trust, endorsements }),
    passport: createPassport({ identity, attestation, clock, random: systemRandom }),
  }
}

interface Answer {
  readonly status: number
  readonly body: VaultBody & { readonly sequence?: number; readonly digest?: string }
  readonly code: string | undefined
}

/** Over a connection of its own: an access token is for one. */
async function ask(
  { attested }: Pick<Workload, 'attested'>,
  method: 'GET' | 'POST' | 'PUT',
  path: string,
  options: { readonly token?: string; readonly body?: unknown } = {},
): Promise<Answer> {
  const dispatcher = createAttestedDispatcher(attested, { role: 'key-broker' })
  try {
    const response = await dispatcher.request({
      origin: origin(),
      method,
      path,
      headers: {
        ...(options.token === undefined ? {} : { authorization: `Bearer ${options.token}` }),
        ...(options.body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(options.body === undefined ? {} : { body: JSON.stringify(options.body) }),
    })
    const text = await response.body.text()
    const body = text === '' ? {} : JSON.parse(text)
    return { status: response.statusCode, body, code: body.error?.innererror?.code }
  } finally {
    await dispatcher.close()
  }
}

describe('a release on attested TLS', () => {
  const releasing = async (
    workload: Workload,
    tls: unknown = { 'x5t#S256': workload.identity.tls.certificateSha256 },
  ): Promise<Answer> => {
    const runtime = { keys: [target.publicJwk], ...(tls === null ? {} : { tls }) }
    const token = await broker.authority.issue(
      claimsFor(broker.authority, target.publicJwk, { 'x-ms-runtime': runtime }),
    )
    return ask(workload, 'POST', '/keys/attested/release?api-version=2025-07-01', {
      body: { target: token, nonce: 'n', enc: 'RSA_AES_KEY_WRAP_256' },
    })
  }

  beforeAll(async () => {
    const made = await broker.ask('POST', '/keys/attested/create', {
      body: {
        kty: 'oct',
        attributes: { exportable: true },
        release_policy: releasePolicyOf({
          anyOf: [
            {
              authority: broker.authority.issuer,
              allOf: [{ claim: 'x-ms-sgx-mrsigner', equals: 'cd'.repeat(32) }],
            },
          ],
        }),
      },
    })
    expect(made.status).toBe(200)
  })

  test('needs no bearer token, is signed by the certificate of the connection, and is in the log', async () => {
    const answer = await releasing(platform)
    expect([answer.status, answer.code]).toEqual([200, undefined])
    expect(decodeProtectedHeader(answer.body.value)).toMatchObject({
      'x5t#S256': brokerCertificate,
    })
    const [, payload = ''] = answer.body.value.split('.')
    const { response } = JSON.parse(Buffer.from(payload, 'base64url').toString())
    expect(target.open(response.key.key.key_hsm).length).toBe(32)
    const entry = (await broker.entries()).at(-1)
    expect(entry).toMatchObject({
      actor: { kind: 'workload', issuer: broker.authority.issuer },
      action: 'key-release',
      outcome: 'done',
      details: { met: true, recipient: 'target-key' },
    })
  })

  test('is refused to whoever shows the token of another workload', async () => {
    const other = base64UrlOf(systemRandom.bytes(32))
    for (const tls of [{ 'x5t#S256': other }, {}, null, 'x5t#S256']) {
      const answer = await releasing(platform, tls)
      expect([answer.status, answer.code]).toEqual([403, 'wrong-holder'])
    }
  })

  test('is all that is there of the keys API', async () => {
    for (const [method, path] of [
      ['GET', '/keys'],
      ['GET', '/keys/attested'],
      ['POST', '/keys/attested/create'],
      ['POST', '/rng'],
    ] as const) {
      const answer = await ask(platform, method, `${path}?api-version=7.4`)
      expect([path, answer.status]).toEqual([path, 404])
    }
  })
})

describe('an anchor', () => {
  const audience = `${deployment}:key-broker`
  const own = `/anchors/${deployment}:platform`
  const state = (sequence: number, name = 'head') => ({ sequence, digest: hexOf(code(name)) })

  const anchoring = async (
    workload: Workload,
    method: 'GET' | 'PUT',
    path: string,
    body?: unknown,
    purpose = 'anchor',
  ): Promise<Answer> => {
    const access = await workload.passport.accessToken(audience, purpose)
    if (!access.ok) throw new Error(access.problem.detail)
    return ask(workload, method, path, { token: access.value.token, body })
  }

  test('is advanced by whom it is of, one step after the other', async () => {
    expect(await anchoring(platform, 'GET', own)).toMatchObject({
      status: 404,
      code: 'anchor-unknown',
    })
    const first = { expected: null, next: state(1) }
    expect(await anchoring(platform, 'PUT', own, first)).toMatchObject({ status: 200 })
    expect(await anchoring(platform, 'PUT', own, first)).toMatchObject({
      status: 409,
      code: 'anchor-conflict',
    })
    const second = { expected: state(1), next: state(5, 'next') }
    expect(await anchoring(platform, 'PUT', own, second)).toMatchObject({ status: 200 })
    expect((await anchoring(platform, 'GET', own)).body).toEqual(state(5, 'next'))
    for (const wrong of [
      { expected: state(5), next: state(6) },
      { expected: state(5, 'next'), next: state(5, 'fork') },
      { expected: state(5, 'next'), next: state(4, 'back') },
      { expected: null, next: state(9) },
    ]) {
      const answer = await anchoring(platform, 'PUT', own, wrong)
      expect([answer.status, answer.code]).toEqual([409, 'anchor-conflict'])
    }
    expect((await anchoring(platform, 'GET', own)).body).toEqual(state(5, 'next'))
  })

  test('of two that advance it at once one comes second, and is told', async () => {
    const { body } = await anchoring(platform, 'GET', own)
    const answers = await Promise.all(
      ['one', 'other', 'third'].map((name) =>
        anchoring(platform, 'PUT', own, { expected: body, next: state(100, name) }),
      ),
    )
    expect(answers.map(({ status }) => status).sort((a, b) => a - b)).toEqual([200, 409, 409])
  })

  test('is that of the deployment and the role of whoever asks, and no other', async () => {
    const diagnostics = await workloadOf('diagnostics')
    const refused = { status: 403, code: 'anchor-not-own' }
    expect(await anchoring(diagnostics, 'GET', own)).toMatchObject(refused)
    expect(
      await anchoring(diagnostics, 'PUT', own, { expected: null, next: state(1) }),
    ).toMatchObject(refused)
    const theirs = `/anchors/${deployment}:diagnostics`
    expect(await anchoring(diagnostics, 'GET', theirs)).toMatchObject({ status: 404 })
    const [elsewhere, unmeasured, unexpected] = [
      await workloadOf('platform', { deployment: `${deployment.slice(0, -1)}2` }),
      await workloadOf('platform', { program: 'another program' }),
      await workloadOf('cache-gateway'),
    ]
    // Nobody but who is expected gets a connection.
    for (const [workload, code] of [
      [elsewhere, 'wrong-deployment'],
      [unmeasured, 'measurement'],
      [unexpected, 'wrong-role'],
    ] as const) {
      await expect(anchoring(workload, 'GET', own)).rejects.toMatchObject({
        code: 'refused-by-peer',
        message: `The peer does not let us in (${code}).`,
      })
    }
    const answer = await anchoring(platform, 'GET', own, undefined, 'interpretation')
    expect([answer.status, answer.code]).toEqual([403, 'wrong-purpose'])
    for (const one of [diagnostics, elsewhere, unmeasured, unexpected]) await one.passport.close()
  })

  test('is refused without a token, and for a body that is none', async () => {
    expect(await ask(platform, 'GET', own)).toMatchObject({ status: 401, code: 'token-missing' })
    for (const body of [
      {},
      { next: state(1) },
      { expected: null },
      { expected: null, next: { sequence: -1, digest: state(1).digest } },
      { expected: null, next: { sequence: 1, digest: 'AB' } },
      { expected: null, next: state(1), more: true },
    ]) {
      expect(await anchoring(platform, 'PUT', own, body)).toMatchObject({
        status: 400,
        code: 'body-malformed',
      })
    }
  })

  test('that the database has from yesterday is refused', async () => {
    const { body } = await anchoring(platform, 'GET', own)
    const [yesterday] = await broker.postgres.run('select * from broker.anchor')
    await anchoring(platform, 'PUT', own, { expected: body, next: state(200, 'today') })
    await broker.postgres.run('update broker.anchor set revision = $1, sealed = $2', [
      yesterday?.['revision'],
      yesterday?.['sealed'],
    ])
    const refused = { status: 503, code: 'record-refused' }
    expect(await anchoring(platform, 'GET', own)).toMatchObject(refused)
    await broker.postgres.run('delete from broker.anchor')
    expect(await anchoring(platform, 'GET', own)).toMatchObject(refused)
  })
})

describe('a workload that anchors its ledger at the broker', () => {
  const stateOf = (sequence: number, name: string) => ({ sequence, digest: hexOf(code(name)) })
  const [first, second, fork] = [stateOf(1000, 'a'), stateOf(1001, 'b'), stateOf(1002, 'fork')]
  const anchorOf = ({ attested, passport }: Workload, url = origin()) =>
    createBrokerAnchor({ url, attested, passport })

  test('is told how far it had come, and of who was faster', async () => {
    await broker.postgres.run('delete from broker.anchor')
    await broker.restart()
    const anchor = anchorOf(platform)
    expect(await anchor.read()).toEqual(ok(undefined))
    expect(await anchor.advance(undefined, first)).toEqual(ok(true))
    // The same once more, whose answer was lost.
    expect(await anchor.advance(undefined, first)).toEqual(ok(true))
    expect(await anchor.read()).toEqual(ok(first))
    expect(await anchor.advance(first, second)).toEqual(ok(true))
    const conflict = { ok: false, problem: { code: 'anchor-conflict' } }
    expect(await anchor.advance(first, fork)).toMatchObject(conflict)
    expect(await anchor.read()).toEqual(ok(second))
    await anchor.close()
  })

  test('is told while the broker is away', async () => {
    const anchor = anchorOf(platform, 'https://127.0.0.1:1')
    const unavailable = { ok: false, problem: { code: 'anchor-unavailable' } }
    expect(await anchor.read()).toMatchObject(unavailable)
    expect(await anchor.advance(undefined, first)).toMatchObject(unavailable)
    await anchor.close()
  })

  test('is refused where it is not one of those that the broker was measured with', async () => {
    const unmeasured = await workloadOf('platform', { program: 'another program' })
    const anchor = anchorOf(unmeasured)
    const read = await anchor.read()
    expect(read.ok).toBe(false)
    expect((await anchor.advance(undefined, fork)).ok).toBe(false)
    await anchor.close()
    await unmeasured.passport.close()
    const measured = anchorOf(platform)
    expect(await measured.read()).toEqual(ok(second))
    await measured.close()
  })

  test('waits while the database of the broker is not to be believed', async () => {
    const anchor = anchorOf(platform)
    expect(await anchor.read()).toEqual(ok(second))
    await broker.postgres.run("update broker.anchor set sealed = '\\x00'")
    const unavailable = { ok: false, problem: { code: 'anchor-unavailable' } }
    expect(await anchor.read()).toMatchObject(unavailable)
    expect(await anchor.advance(second, fork)).toMatchObject(unavailable)
    await anchor.close()
  })
})
