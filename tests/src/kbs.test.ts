/**
 * Trustee's protocol from end to end: a client as the reference writes it, the real broker, the real attestation service.
 */

import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { ok, refuse, utf8Of } from '@sealward/attestation/bytes'
import { encodeInitTimeData, type InitTimeData } from '@sealward/attestation/evidence'
import { parsePolicy, policyHashOf } from '@sealward/attestation/policy'
import { type DenyKind, deniedOf } from '@sealward/attestation/token'
import { amdRootSpkis, intelSgxRootSpki } from '@sealward/attestation/verification'
import { createSampleTee, type Tee } from '@sealward/enclave/evidence'
import type { Running } from '@sealward/enclave/server'
import { createLogger } from '@sealward/enclave/telemetry'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  type AmdWorld,
  amdWorld,
} from '../../packages/attestation/src/verification/amd-world.fixtures.ts'
import {
  absentVectors,
  type CapturedVector,
  hasSharedVectors,
  readCapturedVectors,
} from '../../packages/attestation/src/verification/shared-vectors.fixtures.ts'
import {
  startIdentityProvider,
  type TestIdentityProvider,
} from '../../packages/enclave/src/testing/identity-provider.ts'
import {
  startTestPostgres,
  type TestPostgres,
} from '../../packages/enclave/src/testing/postgres.ts'
import { createAttestationService } from '../../services/attestation-service/src/app.ts'
import type { Instance } from '../../services/attestation-service/src/instance.ts'
import { fixedPolicy } from '../../services/attestation-service/src/policies/fixed-policy.ts'
import {
  type Attester,
  createAttester,
  deployment,
  issuer,
} from '../../services/attestation-service/src/testing/attester.fixtures.ts'
import { brokerConfig } from '../../services/key-broker/src/config.ts'
import { startKeyBroker } from '../../services/key-broker/src/start.ts'
import {
  answerOf,
  createKbsClient,
  type Handshake,
  type Json,
  type KbsAnswer,
  type KbsClient,
  newTeeKey,
  sevJsonOf,
  type TeeKeyPair,
} from './kbs-client.fixtures.ts'

let attester: Attester
let amd: AmdWorld
let postgres: TestPostgres
let people: TestIdentityProvider
let broker: Running
let url: string
let serviceUrl: string
let ours: Tee
let strangers: Tee
let folder: string
let policyHash: string
/** Endorsements that the attestation service has, of captured evidence; its own vendor's otherwise. */
let captured: { readonly vector: CapturedVector; readonly at: number } | undefined
let denied: readonly { readonly kind: DenyKind; readonly value: string }[] = []
let isDown = false
let sequence = 1
/** Lets the attestation service answer with something else. */
let instead: string | undefined
const lines: string[] = []
const undo: (() => unknown)[] = []

const secret = 'the passphrase of a container image'
const annotated = 'submods.cpu0.ear.veraison.annotated-evidence'

beforeAll(async () => {
  attester = await createAttester()
  amd = await amdWorld('Milan')
  const permitting = parsePolicy('version=1.0; authorizationrules { => permit(); };')
  if (!permitting.ok) throw new Error(permitting.problem.code)
  const clock = { now: () => captured?.at ?? attester.clock.now() }
  const instance: Instance = {
    ...attester.deps.instance,
    roots: [
      attester.vendor.rootSpkiSha256,
      amd.rootSpkiSha256,
      intelSgxRootSpki.sha256,
      ...Object.values(amdRootSpkis),
    ],
    policies: fixedPolicy(permitting.value),
    denials: { current: async () => ok({ sequence, denied: deniedOf(denied) }) },
  }
  const service = createAttestationService({
    ...attester.deps,
    instances: [instance],
    clock,
    endorsements: {
      endorsementsFor: async (quote, baseline) => {
        const endorsements = captured?.vector.endorsements
        return endorsements === undefined
          ? attester.deps.endorsements.endorsementsFor(quote, baseline)
          : ok(endorsements)
      },
      snpEndorsementsFor: async () => refuse('platform-unknown', '', 'all of them come along'),
    },
    snpRevocation: { unchecked: 'the evidence of these tests brings no list' },
  })
  service.app.addHook('onRequest', async (request, reply) => {
    if (isDown) return reply.code(503).send()
    if (instead === undefined || !request.url.startsWith('/attest')) return undefined
    return reply.type('application/eat+jwt').send(instead)
  })
  serviceUrl = `http://127.0.0.1:${(await service.listen()).port}`
  undo.push(() => service.close())
  postgres = await startTestPostgres()
  undo.push(() => postgres.stop())
  people = await startIdentityProvider(attester.clock)
  undo.push(() => people.close())
  folder = await mkdtemp(join(tmpdir(), 'sealward-kbs-'))
  undo.push(() => rm(folder, { recursive: true }))
  policyHash = await policyHashOf(permitting.value.text)
  broker = await startBroker()
  url = urlOf(broker)
  ours = await teeOf({})
  strangers = await teeOf({ deployment: 'urn:uuid:00000000-0000-4000-8000-000000000666' })
}, 90_000)
afterAll(async () => {
  for (const each of undo.reverse()) await each()
  await attester.close()
})
beforeEach(() => {
  captured = undefined
  denied = []
  isDown = false
  instead = undefined
  sequence += 1
  // Deny lists are asked for again after a minute: no test sees what another has denied.
  attester.clock.move(61)
})

/** A broker over the one database, whose authority is the one attestation service. */
async function startBroker(authority: object = {}): Promise<Running> {
  const started = await startKeyBroker({
    config: brokerConfig.parse({
      publicUrl: 'https://keys.example',
      stateFolder: folder,
      development: true,
      identityProvider: people.settings,
      authorities: [
        {
          issuer,
          url: serviceUrl,
          signers: [attester.signingKey.signer],
          policyHashes: [policyHash],
          development: true,
          ...authority,
        },
      ],
      kbs: { authority: issuer },
      metricsPort: 0,
      limits: { requestsPerSecond: 10_000, burst: 10_000 },
    }),
    databaseUrl: postgres.url,
    clock: attester.clock,
    log: createLogger('key-broker', { write: (line) => lines.push(line) }),
  })
  undo.push(() => started.close())
  return started
}

function urlOf({ ports }: Running): string {
  return `http://127.0.0.1:${ports['http']}`
}

/** An enclave of our code, started for a deployment. */
function teeOf(initTimeData: Partial<InitTimeData>): Promise<Tee> {
  return createSampleTee({
    vendor: attester.vendor,
    initTimeData: encodeInitTimeData({
      version: 1,
      deployment,
      role: 'diagnostics',
      attestation: { issuer, signers: ['A'.repeat(43)], policyHashes: ['A'.repeat(43)] },
      peers: [],
      development: true,
      roots: [attester.vendor.rootSpkiSha256],
      ...initTimeData,
    }),
    mrEnclave: new Uint8Array(32).fill(0xe1),
    mrSigner: new Uint8Array(32).fill(0x51),
    isvProdId: 1,
    isvSvn: 1,
    hostSecret: new Uint8Array(32).fill(7),
  })
}

const sgxEvidence =
  (tee: Tee) =>
  async (reportData: Uint8Array): Promise<Json> => ({
    quote: Buffer.from(await tee.quote(reportData)).toString('base64'),
  })

function initDataOf(tee: Tee): Json {
  return { format: 'json', body: Buffer.from(tee.initTimeDataBytes).toString() }
}

/** A handshake of our own deployment, unless said. */
function handshakeOf(changes: Partial<Handshake> & { readonly of?: Tee } = {}): Handshake {
  const { of: tee = ours, ...more } = changes
  return { evidence: sgxEvidence(tee), initData: initDataOf(tee), ...more }
}

async function attested(
  options: Handshake = handshakeOf(),
): Promise<{ readonly client: KbsClient; readonly answer: KbsAnswer }> {
  const client = createKbsClient(url)
  return { client, answer: await client.handshake(options) }
}

async function administer(
  path: string,
  body: Uint8Array | object,
  roles: readonly string[] = ['officer'],
): Promise<KbsAnswer> {
  const isBytes = body instanceof Uint8Array
  const answer = await fetch(`${url}/kbs/v0/${path}`, {
    method: 'POST',
    headers: {
      'content-type': isBytes ? 'application/octet-stream' : 'application/json',
      ...(roles.length === 0 ? {} : { authorization: `Bearer ${await people.tokenOf(roles)}` }),
    },
    body: isBytes ? Buffer.from(body) : JSON.stringify(body),
  })
  return answerOf(answer)
}

const encoded = (policy: unknown): string =>
  Buffer.from(typeof policy === 'string' ? policy : JSON.stringify(policy)).toString('base64')

const policyOf = (...allOf: readonly object[]): object => ({
  anyOf: [{ authority: issuer, allOf }],
})

const ofDeployment = { claim: `${annotated}.init_data_claims.deployment`, equals: deployment }
const ofPublisher = { claim: `${annotated}.sgx.mrSigner`, equals: '51'.repeat(32) }
const notDebuggable = { claim: `${annotated}.sgx.debug`, equals: false }
/** Of what is no enclave. */
const anybody = { claim: 'eat_profile', exists: true }

let places = 0

/** A new resource with a policy of its own. */
async function resourceFor(...conditions: readonly object[]): Promise<string> {
  places += 1
  const path = `images/key/test-${places}`
  const policy = encoded(policyOf(...conditions))
  expect((await administer('resource-policy', { policy, resource: path })).status).toBe(200)
  expect((await administer(`resource/${path}`, utf8Of(secret))).body).toEqual({ version: 1 })
  return path
}

async function entries(): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const response = await fetch(`${url}/audit?limit=1000`, {
    headers: { authorization: `Bearer ${await people.tokenOf(['auditor'])}` },
  })
  return (await response.text())
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line))
}

describe('a handshake, and a resource', () => {
  test.each(['EC', 'RSA', 'P-521'] as const)(
    'with a key of %s, by the session and by the token',
    async (kind) => {
      const path = await resourceFor(ofDeployment, ofPublisher, notDebuggable)
      const key = await newTeeKey(kind)
      const { client, answer } = await attested(handshakeOf({ key }))
      expect([answer.status, answer.body]).toEqual([200, { token: expect.any(String) }])

      const bySession = await client.resource(path)
      expect(bySession.status).toBe(200)
      expect(Object.keys(bySession.body).sort()).toEqual([
        'ciphertext',
        'encrypted_key',
        'iv',
        'protected',
        'tag',
      ])
      expect(await key.open(bySession.body)).toBe(secret)

      const token = answer.token
      const byToken = await createKbsClient(url).resource(path, token)
      expect(await key.open(byToken.body)).toBe(secret)
      expect(byToken.body['ciphertext']).not.toBe(bySession.body['ciphertext'])
    },
  )

  test('the token is the attestation service’s, about the key and the nonce', async () => {
    const key = await newTeeKey('EC')
    const { answer } = await attested(handshakeOf({ key }))
    const token = answer.token
    expect(decodeProtectedHeader(token)).toMatchObject({ typ: 'eat+jwt', alg: 'RS256' })
    expect(decodeJwt(token)).toMatchObject({
      iss: issuer,
      submods: {
        cpu0: {
          'ear.veraison.annotated-evidence': {
            simulated: true,
            runtime_data_claims: { 'tee-pubkey': key.publicKey, nonce: expect.any(String) },
            init_data_claims: { deployment },
          },
        },
      },
    })
  })

  test.each(['0.4.0', '0.2.0', '0.1.1'])('in version %s of the protocol', async (version) => {
    const path = await resourceFor(ofPublisher)
    const key = await newTeeKey('EC')
    const { client, answer } = await attested({ version, key, evidence: sgxEvidence(ours) })
    expect([answer.status, answer.code]).toEqual([200, undefined])
    expect(await key.open((await client.resource(path)).body)).toBe(secret)
  })

  test('runtime data is hashed as the client can, with SHA-384 if it can', async () => {
    for (const [offered, selected] of [
      [['sha256', 'sha384', 'sha512'], ''],
      [['sha256'], { 'selected-hash-algorithm': 'sha256' }],
      [['SHA512'], { 'selected-hash-algorithm': 'sha512' }],
    ] as const) {
      const extra = { 'supported-hash-algorithms': offered }
      const challenge = await createKbsClient(url).auth('0.4.0', 'sgx', extra)
      expect(challenge.body['extra-params']).toEqual(selected)
      const { answer } = await attested(handshakeOf({ extra }))
      expect([offered, answer.status]).toEqual([offered, 200])
    }
    const none = await createKbsClient(url).auth('0.4.0', 'sgx', {
      'supported-hash-algorithms': ['sm3'],
    })
    expect([none.status, none.code]).toEqual([401, 'kbs-hash-unsupported'])
  })

  test('evidence of SEV-SNP, as Trustee’s attester writes it', async () => {
    const path = await resourceFor({ claim: `${annotated}.snp.measurement`, exists: true })
    const key = await newTeeKey('EC')
    const { client, answer } = await attested({
      tee: 'snp',
      key,
      evidence: async (reportData) => {
        const { report, certificates } = await amd.input({
          report: { fields: [[0x50, [...reportData]]] },
        })
        return sevJsonOf(report, certificates)
      },
    })
    expect([answer.status, answer.code]).toEqual([200, undefined])
    expect(await key.open((await client.resource(path)).body)).toBe(secret)
  })

  test('the cookie is for this broker over TLS alone, and ends with the session', async () => {
    const answer = await createKbsClient(url).auth()
    expect(answer.headers.get('set-cookie')).toMatch(
      /^kbs-session-id=[A-Za-z0-9._-]+; Expires=[^;]+ GMT; Path=\/; HttpOnly; SameSite=Strict; Secure$/,
    )
    expect(Buffer.from(answer.nonce, 'base64').length).toBe(32)
  })

  test('a version of a resource that was replaced can be had by its number', async () => {
    const path = await resourceFor(ofPublisher)
    expect((await administer(`resource/${path}`, utf8Of('newer'))).body).toEqual({ version: 2 })
    const key = await newTeeKey('EC')
    const { client } = await attested(handshakeOf({ key }))
    expect(await key.open((await client.resource(path)).body)).toBe('newer')
    expect(await key.open((await client.resource(`${path}?version=1`)).body)).toBe(secret)
    const third = await client.resource(`${path}?version=3`)
    expect([third.status, third.code]).toEqual([404, 'kbs-resource-unknown'])
  })

  test('where one replica began another goes on, and answers no nonce again', async () => {
    const other = urlOf(await startBroker())
    const path = await resourceFor(ofPublisher)
    const key = await newTeeKey('EC')
    const [here, there] = [createKbsClient(url), createKbsClient(other)]
    let sent: Json = null
    const answer = await here.handshake(
      handshakeOf({
        key,
        tampered: (attestation) => {
          sent = attestation
          there.cookie = here.cookie
          here.cookie = undefined
          return attestation
        },
      }),
    )
    expect(answer.code).toBe('kbs-session-missing')
    expect((await there.attest(sent)).status).toBe(200)
    here.cookie = there.cookie
    expect((await here.attest(sent)).code).toBe('kbs-session-used')
    expect(await key.open((await here.resource(path)).body)).toBe(secret)
  })

  test('nothing of a resource or a token is in the database or the log', async () => {
    const path = await resourceFor(ofPublisher)
    const { client, answer } = await attested()
    await client.resource(path)
    const everything = await postgres.everything()
    const log = lines.join('\n')
    const token = answer.token
    for (const text of [secret, token, token.split('.')[1] ?? '']) {
      expect(everything.includes(text)).toBe(false)
      expect(everything.includes(Buffer.from(text).toString('base64'))).toBe(false)
      expect(log.includes(text)).toBe(false)
    }
    expect(log).not.toContain(client.cookie?.slice(15))
  })
})

describe('captured evidence', () => {
  const all = (['sgx', 'tdx', 'snp'] as const).flatMap((tee) =>
    readCapturedVectors(tee).map((vector) => [tee, vector] as const),
  )
  // Evidence of before binds what it was made for. So what these show is that it is read, verified to the vendor's root, and
  // refused for that reason alone; which release it would have led to, they cannot show.
  const whole = all.filter(([tee, { expected, name }]) =>
    tee === 'snp'
      ? ['ms-milan', 'dstack-milan-v3', 'oak-genoa-v5', 'ms-turin'].includes(name)
      : /^[A-Z][A-Za-z]+$/.test(expected.intel_tcb_status ?? '') &&
        expected.intel_collateral_problem === undefined &&
        !name.endsWith('testroot'),
  )
  process.stdout.write(
    hasSharedVectors
      ? `${whole.length} of ${all.length} captured vectors read\n`
      : `${absentVectors}\n`,
  )

  test.runIf(hasSharedVectors)('there is some of each TEE', () => {
    expect(new Set(whole.map(([tee]) => tee))).toEqual(new Set(['sgx', 'tdx', 'snp']))
  })

  test.each(whole.map(([tee, vector]) => [tee, vector.name, vector] as const))(
    '%s %s is genuine, and of another nonce',
    async (tee, _name, vector) => {
      captured = { vector, at: vector.expected.verification_time ?? attester.clock.now() }
      const report = vector.file('report.bin') ?? new Uint8Array()
      const certificates = ['vcek.der', 'ask.der', 'ark.der'].map(
        (name) => vector.file(name) ?? new Uint8Array(),
      )
      const evidence =
        tee === 'snp'
          ? sevJsonOf(report, certificates)
          : {
              quote: Buffer.from(vector.quote ?? []).toString('base64'),
              ...(tee === 'tdx' ? { cc_eventlog: null } : {}),
            }
      const { answer } = await attested({ tee, evidence: async () => evidence })
      expect([answer.status, answer.type, answer.code]).toEqual([
        401,
        'AttestationError',
        'kbs-evidence-refused',
      ])
      expect(answer.body['detail']).toBe(
        'The attestation service refuses the evidence: runtime-data-binding.',
      )
    },
  )
})

describe('what is refused', () => {
  async function refusalOf(options: Handshake): Promise<readonly unknown[]> {
    const { answer } = await attested(options)
    return [answer.status, answer.type, answer.code]
  }

  test('a nonce that has been answered, though evidence and key are the same', async () => {
    let sent: Json = null
    const { client, answer } = await attested(
      handshakeOf({
        tampered: (attestation) => {
          sent = attestation
          return attestation
        },
      }),
    )
    expect(answer.status).toBe(200)
    const again = await client.attest(sent)
    expect([again.status, again.type, again.code]).toEqual([
      401,
      'AttestationError',
      'kbs-session-used',
    ])
  })

  test('the cookie of another session, and evidence for its nonce', async () => {
    const [mine, theirs] = [createKbsClient(url), createKbsClient(url)]
    await theirs.auth()
    const answer = await mine.handshake(
      handshakeOf({
        tampered: (attestation) => {
          mine.cookie = theirs.cookie
          return attestation
        },
      }),
    )
    expect([answer.status, answer.code]).toEqual([401, 'kbs-nonce-mismatch'])
  })

  test('a nonce that says it is this session’s, where the evidence is another’s', async () => {
    const other = createKbsClient(url)
    const nonce = (await other.auth()).nonce
    const mine = createKbsClient(url)
    const answer = await mine.handshake(
      handshakeOf({
        tampered: (attestation) => {
          mine.cookie = other.cookie
          const runtimeData = { ...Object(attestation['runtime-data']), nonce }
          return { ...attestation, 'runtime-data': runtimeData }
        },
      }),
    )
    expect([answer.status, answer.code]).toEqual([401, 'kbs-evidence-refused'])
  })

  test('a key that was swapped after the evidence was made', async () => {
    const swapped = await newTeeKey('EC')
    expect(
      await refusalOf(
        handshakeOf({
          tampered: (attestation) => ({
            ...attestation,
            'runtime-data': {
              ...Object(attestation['runtime-data']),
              'tee-pubkey': swapped.publicKey,
            },
          }),
        }),
      ),
    ).toEqual([401, 'AttestationError', 'kbs-evidence-refused'])
  })

  test('whoever relays the evidence of another process gets what only that process opens', async () => {
    const path = await resourceFor(ofDeployment)
    const [victim, thief] = await Promise.all([newTeeKey('EC'), newTeeKey('EC')])
    const { client } = await attested(handshakeOf({ key: victim }))
    const { body } = await client.resource(path)
    await expect(thief.open(body)).rejects.toThrow()
    expect(await victim.open(body)).toBe(secret)
  })

  test('a genuine enclave of the same code in another deployment', async () => {
    const path = await resourceFor(ofDeployment, ofPublisher)
    const { client, answer } = await attested(handshakeOf({ of: strangers }))
    expect(answer.status).toBe(200)
    const refused = await client.resource(path)
    expect([refused.status, refused.type, refused.code]).toEqual([
      403,
      'PolicyDeny',
      'kbs-release-refused',
    ])
    expect(refused.body['detail']).toContain('init_data_claims.deployment')
    expect(refused.body['detail']).not.toContain(deployment)
  })

  test('another deployment’s init data, and none', async () => {
    const path = await resourceFor(ofDeployment)
    expect(await refusalOf(handshakeOf({ of: strangers, initData: initDataOf(ours) }))).toEqual([
      401,
      'AttestationError',
      'kbs-evidence-refused',
    ])
    const { client, answer } = await attested({ evidence: sgxEvidence(ours) })
    expect(answer.status).toBe(200)
    expect((await client.resource(path)).status).toBe(403)
  })

  test('a session that never attested, has ended, or is somebody’s invention', async () => {
    const path = await resourceFor(ofPublisher)
    const begun = createKbsClient(url)
    await begun.auth()
    const none = await begun.resource(path)
    expect([none.status, none.type, none.code]).toEqual([
      401,
      'TokenNotFound',
      'kbs-session-not-attested',
    ])
    const { client } = await attested()
    attester.clock.move(301)
    const late = await client.resource(path)
    expect([late.status, late.code]).toEqual([401, 'kbs-session-expired'])
    const cookie = client.cookie ?? ''
    for (const forged of [
      `${cookie.slice(0, -1)}${cookie.endsWith('A') ? 'B' : 'A'}`,
      cookie.replace(/\.(\d{10})\./, (_, seconds) => `.${Number(seconds) + 9999}.`),
      cookie.replace('.sgx.', '.snp.'),
      'kbs-session-id=1234',
    ]) {
      client.cookie = forged
      const answer = await client.resource(path)
      expect([answer.status, answer.code]).toEqual([401, 'kbs-session-unknown'])
    }
    client.cookie = undefined
    expect((await client.resource(path)).code).toBe('kbs-session-missing')
    client.cookie = `${cookie}; ${cookie}`
    expect((await client.resource(path)).code).toBe('kbs-session-missing')
  })

  test('an attestation that comes too late', async () => {
    const answer = await attested(
      handshakeOf({
        tampered: (attestation) => {
          attester.clock.move(301)
          return attestation
        },
      }),
    )
    expect(answer.answer.code).toBe('kbs-session-expired')
  })

  test('a token that is stale, denied, altered, or of another kind', async () => {
    const path = await resourceFor(ofPublisher)
    const { answer } = await attested()
    const token = answer.token
    const asks = async (bearer: string): Promise<readonly unknown[]> => {
      const { status, type, code } = await createKbsClient(url).resource(path, bearer)
      return [status, type, code]
    }
    expect(await asks(token)).toEqual([200, undefined, undefined])
    const [header, payload = '', signature] = token.split('.')
    const forged = JSON.parse(Buffer.from(payload, 'base64url').toString())
    forged.exp += 100_000
    const other = Buffer.from(JSON.stringify(forged)).toString('base64url')
    expect(await asks([header, other, signature].join('.'))).toEqual([
      401,
      'TokenVerifierError',
      'bad-signature',
    ])
    const none = Buffer.from('{"alg":"none","typ":"eat+jwt"}').toString('base64url')
    expect(await asks(`${none}.${other}.`)).toEqual([401, 'TokenVerifierError', 'unsecured'])
    expect((await asks('nothing'))[0]).toBe(401)

    denied = [{ kind: 'token', value: String(decodeJwt(token).jti) }]
    attester.clock.move(61)
    sequence += 1
    expect(await asks(token)).toEqual([401, 'TokenVerifierError', 'token-denied'])
    denied = []
    sequence += 1
    attester.clock.move(61)
    expect(await asks(token)).toEqual([200, undefined, undefined])
    attester.clock.move(3600)
    expect(await asks(token)).toEqual([401, 'TokenVerifierError', 'expired'])
  })

  test('a session whose token has been denied since', async () => {
    const path = await resourceFor(ofPublisher)
    const { client, answer } = await attested()
    expect((await client.resource(path)).status).toBe(200)
    denied = [{ kind: 'measurement', value: 'e1'.repeat(32) }]
    sequence += 1
    attester.clock.move(61)
    const refused = await client.resource(path)
    expect([refused.status, refused.type]).toEqual([401, 'TokenVerifierError'])
    expect(answer.status).toBe(200)
  })

  test('what is simulated, and what another policy permitted, where neither is believed', async () => {
    const { answer } = await attested()
    const path = await resourceFor(ofPublisher)
    for (const [authority, code] of [
      [{ development: false }, 'simulated'],
      [{ policyHashes: ['A'.repeat(43)] }, 'wrong-policy'],
    ] as const) {
      const strict = createKbsClient(urlOf(await startBroker(authority)))
      const refused = await strict.handshake(handshakeOf())
      expect([refused.status, refused.type, refused.code]).toEqual([401, 'AttestationError', code])
      const shown = await strict.resource(path, answer.token)
      expect([shown.status, shown.type]).toEqual([401, 'TokenVerifierError'])
    }
  })

  test('an Azure token of the same enclave: it says of no key of this protocol', async () => {
    const path = await resourceFor(ofPublisher)
    const { quote, runtimeData, initTimeData } = await (await attester.workload()).quoted(
      new Uint8Array(32),
    )
    const json = (data: Uint8Array) => ({
      data: Buffer.from(data).toString('base64url'),
      dataType: 'JSON',
    })
    const answer = await fetch(`${serviceUrl}/attest/SgxEnclave?api-version=2025-06-01`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        quote: Buffer.from(quote).toString('base64url'),
        runtimeData: json(runtimeData),
        initTimeData: json(initTimeData),
      }),
    })
    const { token } = (await answer.json()) as { readonly token: string }
    const refused = await createKbsClient(url).resource(path, token)
    expect([refused.status, refused.type, refused.code]).toEqual([
      401,
      'TokenVerifierError',
      'kbs-token-without-key',
    ])
  })

  test('an attestation service that answers with somebody else’s result', async () => {
    const { answer } = await attested()
    instead = answer.token
    expect(await refusalOf(handshakeOf())).toEqual([401, 'AttestationError', 'kbs-token-mismatch'])
    instead = 'nothing'
    expect((await refusalOf(handshakeOf()))[0]).toBe(401)
  })

  test('an attestation service that is away', async () => {
    isDown = true
    expect(await refusalOf(handshakeOf())).toEqual([
      503,
      'AttestationError',
      'attestation-unavailable',
    ])
  })

  test('keys of algorithms, curves and sizes that nothing is encrypted to', async () => {
    const path = await resourceFor(anybody)
    const rsa = await newTeeKey('RSA')
    const ec = await newTeeKey('EC')
    for (const changes of [
      { ...rsa.publicKey, alg: 'RSA1_5' },
      { ...rsa.publicKey, alg: 'RSA-OAEP' },
      { ...ec.publicKey, alg: 'ECDH-ES' },
      { ...ec.publicKey, crv: 'P-384' },
      { ...ec.publicKey, kty: 'oct', k: 'AAAA' },
    ]) {
      const key: TeeKeyPair = { ...ec, publicKey: changes }
      expect((await refusalOf(handshakeOf({ key })))[2]).toBe('kbs-attestation-malformed')
    }
    const weak = await newTeeKey('RSA', 1024)
    const off: TeeKeyPair = { ...ec, publicKey: { ...ec.publicKey, x: 'A'.repeat(43) } }
    for (const key of [weak, off]) {
      const { client, answer } = await attested(handshakeOf({ key }))
      const { code, status } = answer.status === 200 ? await client.resource(path) : answer
      expect([status, code]).toEqual([401, 'kbs-key-refused'])
    }
  })

  test('TEEs, versions and selectors that are not offered', async () => {
    const client = createKbsClient(url)
    for (const [version, tee, extra, code] of [
      ['0.1.0', 'sgx', '', 'kbs-version-unsupported'],
      ['0.4.1', 'sgx', '', 'kbs-version-unsupported'],
      ['0.4.0', 'sample', '', 'kbs-tee-unsupported'],
      ['0.4.0', 'se', '', 'kbs-tee-unsupported'],
      ['0.4.0', 'tdx', { 'tee-metadata': { primary_tee: { tee: 'sgx' } } }, 'kbs-tee-unsupported'],
      ['0.4.0', 'sgx', { 'attestation-policy-selector': 'alice' }, 'kbs-policy-selector-unknown'],
      ['0.4.0', 'sgx', 'something', 'kbs-request-malformed'],
    ] as const) {
      const answer = await client.auth(version, tee, extra)
      expect([answer.status, answer.type, answer.code]).toEqual([401, 'AttestationError', code])
      expect(answer.headers.get('set-cookie')).toBeNull()
    }
  })

  test('paths that lead elsewhere, and bodies that are too large', async () => {
    const { client } = await attested()
    for (const path of [
      '../../keys',
      '%2e%2e/%2e%2e/keys',
      'a/b/..%2fc',
      'a/.b/c',
      'a/b/c%00',
      'a/b',
      'a/b/c/d',
      `a/b/${'c'.repeat(65)}`,
      'a/b/*',
    ]) {
      const answer = await client.resource(path)
      expect([path, answer.status]).toEqual([path, 404])
    }
    const large = await administer('resource/a/b/c', new Uint8Array(1_048_577))
    expect([large.status, large.type, large.code]).toEqual([413, 'SerdeError', 'body-too-large'])
    const auth = await client.auth('0.4.0', 'x'.repeat(20_000))
    expect([auth.status, auth.code]).toEqual([413, 'body-too-large'])
    const attestation = await client.attest({ padding: 'x'.repeat(300_000) })
    expect([attestation.status, attestation.code]).toEqual([413, 'body-too-large'])
  })
})

describe('policies and administration', () => {
  test('without a policy nothing is released, and nobody is told whether it is there', async () => {
    const { client } = await attested()
    expect((await administer('resource/images/key/unruled', utf8Of(secret))).status).toBe(200)
    for (const path of ['images/key/unruled', 'images/key/missing']) {
      const answer = await client.resource(path)
      expect([answer.status, answer.code]).toEqual([403, 'kbs-release-refused'])
    }
  })

  test('a policy for all resources holds beside the one of a resource', async () => {
    const path = await resourceFor(ofDeployment)
    const { client } = await attested()
    const set = (...conditions: readonly object[]) =>
      administer('resource-policy', { policy: encoded(policyOf(...conditions)) })
    expect((await set({ claim: 'submods.cpu0.ear.status', equals: 'affirming' })).status).toBe(200)
    expect((await client.resource(path)).status).toBe(403)
    expect((await set(ofPublisher)).status).toBe(200)
    expect((await client.resource(path)).status).toBe(200)
    expect((await client.resource('images/key/unruled')).status).toBe(200)
    const missing = await client.resource('images/key/missing')
    expect([missing.status, missing.type]).toEqual([404, 'InvalidRequestPath'])
    const stranger = await attested(handshakeOf({ of: strangers }))
    expect((await stranger.client.resource(path)).status).toBe(403)
    const shown = await fetch(`${url}/kbs/v0/resource-policy`, {
      headers: { authorization: `Bearer ${await people.tokenOf(['reader'])}` },
    })
    expect(await shown.json()).toEqual({ version: '1.0.0', ...policyOf(ofPublisher) })
  })

  test('Rego is refused and not forgotten: nothing is set', async () => {
    const rego = 'package policy\n\ndefault allow = true\n'
    const answer = await administer('resource-policy', { policy: encoded(rego) })
    expect([answer.status, answer.type, answer.code]).toEqual([
      401,
      'PolicyEngine',
      'kbs-policy-is-rego',
    ])
    const attestation = await administer('attestation-policy', {
      type: 'rego',
      policy_id: 'default',
      policy: encoded(rego),
    })
    expect([attestation.status, attestation.type, attestation.code]).toEqual([
      401,
      'AttestationError',
      'kbs-attestation-policy-elsewhere',
    ])
    for (const policy of [{ anyOf: [] }, 'nothing', policyOf()]) {
      const malformed = await administer('resource-policy', { policy: encoded(policy) })
      expect([malformed.status, malformed.code]).toEqual([401, 'release-policy-malformed'])
    }
    const foreign = { anyOf: [{ authority: 'https://elsewhere.example', allOf: [anybody] }] }
    expect((await administer('resource-policy', { policy: encoded(foreign) })).code).toBe(
      'authority-unknown',
    )
    const nowhere = { policy: encoded(policyOf(anybody)), resource: 'a/../b' }
    expect((await administer('resource-policy', nowhere)).code).toBe('kbs-path-malformed')
  })

  test('only an officer puts resources and sets policies', async () => {
    for (const roles of [[], ['reader'], ['releaser', 'user', 'auditor']]) {
      for (const [path, body] of [
        ['resource/a/b/c', utf8Of('x')],
        ['resource-policy', { policy: encoded(policyOf(anybody)) }],
        ['attestation-policy', {}],
      ] as const) {
        const answer = await administer(path, body, roles)
        expect([path, answer.status, answer.type]).toEqual([path, 401, 'AdminAuth'])
      }
    }
    const { answer } = await attested()
    const token = answer.token
    const workload = await fetch(`${url}/kbs/v0/resource/a/b/c`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: 'x',
    })
    expect((await answerOf(workload)).type).toBe('AdminAuth')
  })

  test('what else the reference has is not there', async () => {
    for (const [method, path] of [
      ['GET', 'reference-value'],
      ['POST', 'reference-value'],
      ['GET', 'pkcs11/x'],
      ['GET', 'auth'],
      ['DELETE', 'resource/a/b/c'],
    ] as const) {
      const answer = await answerOf(await fetch(`${url}/kbs/v0/${path}`, { method }))
      expect([path, answer.status, answer.type]).toEqual([path, 404, 'PluginNotFound'])
    }
  })

  test('every release and every change is in the audit log, with what was asked of whom', async () => {
    const path = await resourceFor(ofDeployment, ofPublisher)
    const { client, answer } = await attested()
    await client.resource(path)
    const stranger = await attested(handshakeOf({ of: strangers }))
    await stranger.client.resource(path)
    const about = (await entries()).filter(({ target }) => String(target).includes(`${path}`))
    expect(about.map(({ action, target, outcome }) => [action, target, outcome])).toEqual([
      ['resource-policy-set', `resources/${path}`, 'done'],
      ['resource-put', `resources/${path}/1`, 'done'],
      ['resource-release', `resources/${path}/1`, 'done'],
      ['resource-release', `resources/${path}/1`, 'kbs-release-refused'],
    ])
    expect(about[2]?.['actor']).toEqual({
      kind: 'workload',
      issuer,
      token: decodeJwt(answer.token).jti,
    })
    expect(about[3]?.['details']).toMatchObject({
      met: false,
      conditions: expect.arrayContaining([
        expect.objectContaining({ claim: ofDeployment.claim, met: false, because: 'differs' }),
      ]),
    })
    expect(JSON.stringify(about)).not.toContain(secret)
  })

  test('it is counted by the names of the reference', async () => {
    const path = await resourceFor(ofPublisher)
    const { client } = await attested()
    await client.resource(path)
    await (await attested(handshakeOf({ initData: initDataOf(strangers) }))).client.auth()
    const page = await (await fetch(`http://127.0.0.1:${broker.ports['metrics']}/metrics`)).text()
    for (const name of [
      'kbs_http_requests_total',
      'kbs_http_request_duration_seconds_count',
      'kbs_http_request_size_bytes_count',
      'kbs_http_response_size_bytes_count',
      'kbs_http_active_connections',
      'kbs_auth_requests_total',
      'kbs_auth_successes_total',
      'kbs_attestation_requests_total',
      'kbs_policy_evaluations_total',
      'kbs_policy_approvals_total',
    ]) {
      expect(page).toMatch(new RegExp(`^${name}(\\{[^}]*\\})? [0-9.e+]+$`, 'm'))
    }
    expect(page).toMatch(/^kbs_attestation_successes_total\{[^}]*tee_type="sgx"[^}]*\} \d/m)
    expect(page).toMatch(/^kbs_attestation_failures_total\{[^}]*tee_type="sgx"[^}]*\} \d/m)
    expect(page).toMatch(
      new RegExp(`^kbs_resource_reads_total\\{[^}]*resource_path="${path}"[^}]*\\} 1$`, 'm'),
    )
    expect((await fetch(`${url}/metrics`)).status).toBe(404)
  })
})
