/**
 * Everything that the attestation service signs, shown everywhere where something is taken: by the running service, the
 * real gateway and the real provider over attested TLS, and whoever verifies a peer.
 */

import { createHmac, createPublicKey } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { base64UrlOf, ok, utf8Of } from '@sealward/attestation/bytes'
import { verifyPeer } from '@sealward/attestation/channel'
import type { InitTimeData, PeerExpectation, TeeRole } from '@sealward/attestation/evidence'
import {
  type DenyKind,
  deniedOf,
  verifyAttestationResult,
  verifyChallenge,
  verifyDenyList,
} from '@sealward/attestation/token'
import {
  type AttestedTls,
  connectAttested,
  createAdmission,
  createAttestedTls,
} from '@sealward/enclave/attested-tls'
import {
  createDenyListKeeper,
  createPassport,
  createSignerKeys,
  type Identity,
  type Passport,
} from '@sealward/enclave/identity'
import { systemRandom as random } from '@sealward/enclave/server'
import { createLogger } from '@sealward/enclave/telemetry'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createAttestationService } from '../../services/attestation-service/src/app.ts'
import type { Instance } from '../../services/attestation-service/src/instance.ts'
import { ringOf } from '../../services/attestation-service/src/keys/key-ring.ts'
import type { SigningKey } from '../../services/attestation-service/src/keys/signing-key.ts'
import {
  type Attester,
  attestBodyOf,
  createAttester,
  deployment,
  issuer,
  newSigningKey,
  startOfTests,
} from '../../services/attestation-service/src/testing/attester.fixtures.ts'
import { createGateway, createInProcessStore } from '../../services/cache-gateway/src/gateway.ts'
import { createDiagnostics, type Inference } from '../../services/diagnostics/src/app.ts'
import { contactProvider } from './contact-provider.fixtures.ts'

let attester: Attester
let url: string
let platform: Identity
let thief: Identity
/** A genuine platform of the same code, in another deployment. */
let diverted: Identity
/** How each of them meets others: by an attestation service that is always there and denies nobody. */
const meeting = new Map<Identity, AttestedTls>()
let passport: Passport
let gatewayPort: number
let providerPort: number
/** What is denied, whether the service answers, and by how many seconds clocks were moved. */
let denied: readonly { readonly kind: DenyKind; readonly value: string }[] = []
let sequence = 1
let isDown = false
let moved = 0
const undo: (() => unknown)[] = []

beforeAll(async () => {
  attester = await createAttester()
  const { clock } = attester
  const log = createLogger('test', { level: 'silent' })
  const instance: Instance = {
    ...attester.deps.instance,
    denials: { current: async () => ok({ sequence, denied: deniedOf(denied) }) },
  }
  const other: Instance = {
    ...instance,
    name: 'other',
    issuer: `${issuer}/instances/other`,
    keys: ringOf(await newSigningKey()),
  }
  const service = createAttestationService({ ...attester.deps, instances: [instance, other] })
  service.app.addHook('onRequest', async (_request, reply) =>
    isDown ? reply.code(503).send() : undefined,
  )
  url = `http://127.0.0.1:${(await service.listen()).port}`
  undo.push(() => service.close())
  const calm = createAttestationService({ ...attester.deps })
  const calmUrl = `http://127.0.0.1:${(await calm.listen()).port}`
  undo.push(() => calm.close())
  const meet = async (role: TeeRole, more: Partial<InitTimeData> = {}): Promise<Identity> => {
    const identity = await attester.workload({ initTimeData: { role, ...more } })
    meeting.set(identity, attestedAs(identity, calmUrl))
    return identity
  }
  platform = await meet('platform')
  thief = await meet('platform')
  diverted = await meet('platform', { deployment: deployment.replace(/.$/, '0') })
  passport = createPassport({ identity: platform, attestation: { issuer, url }, clock, random })
  undo.push(() => passport.close())

  const admissionTo = (role: string, purpose: string) => {
    const trust = { url, issuer, signers: [attester.signingKey.signer], clock }
    const signerKeys = createSignerKeys(trust)
    const denyList = createDenyListKeeper({ ...trust, signerKeys })
    undo.push(() => denyList.close())
    undo.push(() => signerKeys.close())
    return createAdmission({
      ...trust,
      signerKeys,
      denyList,
      policyHashes: [attester.policyHash],
      development: true,
      deployment,
      audience: `${deployment}:${role}`,
      purposes: [purpose],
      expectation,
      clockSkewSeconds: 30,
    })
  }
  const gateway = await createGateway({
    attested: attestedOf(await meet('cache-gateway')),
    admission: admissionTo('cache-gateway', 'cache'),
    store: createInProcessStore({ bytesMax: 1_000_000 }),
    clock,
    log,
  })
  undo.push(() => gateway.close())
  gatewayPort = gateway.port
  const inference: Inference = {
    read: () => Promise.reject(new Error('nobody gets here')),
    waiting: 0,
    ready: true,
    close: async () => {},
  }
  const diagnostics = await meet('diagnostics')
  const provider = createDiagnostics({
    identity: diagnostics,
    attested: attestedOf(diagnostics),
    admission: admissionTo('diagnostics', 'interpretation'),
    model: { name: 'a', version: '1', sha256: '', bytes: new Uint8Array(), card: '{}' },
    inference,
    clock,
    random,
    log,
  })
  providerPort = (await provider.listen()).port
  undo.push(() => provider.close())
}, 60_000)
afterAll(async () => {
  for (const each of undo.reverse()) await each()
  await attester.close()
})
beforeEach(async () => {
  // More time passes here than a certificate lasts.
  for (const identity of meeting.keys()) await identity.renewTls()
  isDown = false
  sequence += 1
  denied = []
  // Keepers ask again after a minute: no test sees what another has denied.
  move(61)
})

const expectationOf = (role: TeeRole): PeerExpectation => ({
  role,
  mrEnclave: ['e1'.repeat(32)],
  mrSigner: ['51'.repeat(32)],
  isvProdId: 1,
  isvSvnMin: 1,
  debug: 'refused',
  tcbStatuses: ['UpToDate'],
})
const expectation = expectationOf('platform')

function attestedAs(identity: Identity, attestationUrl: string): AttestedTls {
  const { clock, vendor } = attester
  const attestation = {
    issuer,
    signers: [attester.signingKey.signer],
    policyHashes: [attester.policyHash],
  }
  const signerKeys = createSignerKeys({ url: attestationUrl, clock })
  const denyList = createDenyListKeeper({ url: attestationUrl, ...attestation, signerKeys, clock })
  undo.push(() => denyList.close())
  undo.push(() => signerKeys.close())
  const initTimeData: InitTimeData = {
    version: 1,
    deployment,
    role: identity.role,
    attestation,
    peers: (['platform', 'cache-gateway', 'diagnostics'] as const).map(expectationOf),
    development: true,
    roots: [vendor.rootSpkiSha256],
  }
  const trust = { initTimeData, attestationUrl, signerKeys, denyList, clock, random }
  return createAttestedTls({ identity, trust, endorsements: attester.deps.endorsements })
}

function attestedOf(identity: Identity): AttestedTls {
  const attested = meeting.get(identity)
  if (attested === undefined) throw new Error('nobody that meets others')
  return attested
}

function move(seconds: number): void {
  attester.clock.move(seconds)
  moved += seconds
}

const now = (): number => startOfTests + moved

// Where tokens are shown.

async function atGateway(token: string, by = platform): Promise<string> {
  const connection = await connectAttested(attestedOf(by), {
    host: '127.0.0.1',
    port: gatewayPort,
    role: 'cache-gateway',
  })
  if (!connection.ok) throw new Error(connection.problem.code)
  const { socket } = connection.value
  const answer = new Promise<string>((resolve) =>
    socket.once('data', (chunk: Buffer) => resolve(chunk.toString())),
  )
  socket.write(`*2\r\n$4\r\nAUTH\r\n$${token.length}\r\n${token}\r\n`)
  const text = await answer
  socket.destroy()
  return text.startsWith('+OK') ? 'taken' : (/^-WRONGPASS (\S+)/.exec(text)?.[1] ?? text)
}

async function atProvider(token: string, by = platform): Promise<string> {
  const { status, body } = await contactProvider(providerPort, attestedOf(by), token)
  return status === 200 ? 'taken' : String(Object(JSON.parse(body)).code)
}

async function asked(path: string, form: Readonly<Record<string, string>>): Promise<object> {
  const answer = await fetch(`${url}${path}`, { method: 'POST', body: new URLSearchParams(form) })
  return (await answer.json()) as object
}

async function assertionFor(by: Identity, endpoint: string): Promise<string> {
  const at = now()
  const jti = base64UrlOf(random.bytes(16))
  const aud = `${issuer}/${endpoint}`
  return by.signJws({ iss: by.kid, sub: by.kid, aud, iat: at, exp: at + 60, jti }, 'JWT')
}

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

async function atExchange(token: string, by = platform, assertion?: string): Promise<string> {
  const answer = await asked('/token', {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
    client_assertion_type: assertionType,
    client_assertion: assertion ?? (await assertionFor(by, 'token')),
    audience: `${deployment}:cache-gateway`,
    purpose: 'cache',
  })
  return 'access_token' in answer ? 'taken' : String(Object(answer).code)
}

/** As whoever asks about another token says who they are. */
async function atIntrospection(token: string, by = platform): Promise<string> {
  const answer = await asked('/introspect', {
    token: await attestationToken(),
    client_attestation: token,
    client_assertion_type: assertionType,
    client_assertion: await assertionFor(by, 'introspect'),
  })
  return 'active' in answer ? 'taken' : String(Object(answer).code)
}

async function published(): Promise<{ readonly keys: readonly SigningKey['jwk'][] }> {
  return (await (await fetch(`${url}/certs`)).json()) as {
    readonly keys: readonly SigningKey['jwk'][]
  }
}

const trust = async () => ({
  issuer,
  jwks: await published(),
  signers: [attester.signingKey.signer],
  at: now(),
  clockSkewSeconds: 30,
})

/** As the token about evidence of this very moment: what portal, platform and command line ask for. */
async function atPeerCheck(token: string, by = platform): Promise<string> {
  const nonce = random.bytes(32)
  const document = await by.evidence(nonce)
  if (!document.ok) throw new Error(document.problem.code)
  const { token: denyList } = (await (await fetch(`${url}/deny-list`)).json()) as { token: string }
  const { at, ...attestation } = await trust()
  const peer = await verifyPeer({
    document: document.value,
    token,
    nonce,
    deployment,
    expectation,
    roots: [attester.vendor.rootSpkiSha256],
    attestation: {
      ...attestation,
      policyHashes: [attester.policyHash],
      denyList: { text: denyList, ageSecondsMax: 300 },
    },
    at,
    development: true,
  })
  return peer.ok ? 'taken' : peer.problem.code
}

const asResult = async (token: string): Promise<string> =>
  codeOf(
    await verifyAttestationResult(token, {
      ...(await trust()),
      denyList: { unchecked: 'asked elsewhere' },
    }),
  )
const asDenyList = async (token: string): Promise<string> =>
  codeOf(await verifyDenyList(token, await trust()))
const asChallenge = async (token: string): Promise<string> =>
  codeOf(await verifyChallenge(token, await trust()))

type Outcome =
  | { readonly ok: true }
  | { readonly ok: false; readonly problem: { readonly code: string } }

function codeOf(result: Outcome): string {
  return result.ok ? 'taken' : result.problem.code
}

const places = {
  gateway: atGateway,
  provider: atProvider,
  exchange: atExchange,
  introspection: atIntrospection,
  'peer check': atPeerCheck,
  result: asResult,
  'deny list': asDenyList,
  challenge: asChallenge,
} as const

type Place = keyof typeof places

// What can be stolen.

async function attestationToken(): Promise<string> {
  const token = await passport.token()
  if (!token.ok) throw new Error(token.problem.code)
  return token.value
}

async function accessToken(role: 'cache-gateway' | 'diagnostics'): Promise<string> {
  const purpose = role === 'diagnostics' ? 'interpretation' : 'cache'
  const token = await passport.accessToken(`${deployment}:${role}`, purpose)
  if (!token.ok) throw new Error(token.problem.code)
  return token.value.token
}

async function fetched(path: string, init: RequestInit, member: string): Promise<string> {
  const answer = await fetch(`${url}${path}`, init)
  const body = await answer.text()
  if (!answer.ok) throw new Error(`${path}: ${body}`)
  return member === '' ? body : String(Object(JSON.parse(body))[member])
}

async function attested(change: object, accept: string, member: string): Promise<string> {
  return fetched(
    '/attest/SgxEnclave?api-version=2025-06-01',
    {
      method: 'POST',
      headers: { accept, 'content-type': 'application/json' },
      body: JSON.stringify({ ...(await attestBodyOf(platform)), ...change }),
    },
    member,
  )
}

const loot = {
  'attestation token': attestationToken,
  'access token for the cache': () => accessToken('cache-gateway'),
  'access token for diagnostics': () => accessToken('diagnostics'),
  'EAT result': () => attested({}, 'application/eat+jwt', ''),
  'draft token': () =>
    attested(
      { draftPolicyForAttestation: 'version=1.0; authorizationrules { => permit(); };' },
      'application/json',
      'token',
    ),
  'policy result': () => fetched('/policies/SgxEnclave?api-version=2025-06-01', {}, 'token'),
  'deny list': () => fetched('/deny-list', {}, 'token'),
  challenge: () => fetched('/challenge', { method: 'POST' }, 'challenge'),
  'client assertion': () => assertionFor(platform, 'token'),
} as const

/** What each is refused with, by the place; where nothing is named, it is `wrong-type`. */
const exceptions: Readonly<
  Record<keyof typeof loot, Readonly<Partial<Record<Place | 'elsewhere', string>>>>
> = {
  'attestation token': {
    exchange: 'taken',
    introspection: 'taken',
    result: 'taken',
    'peer check': 'token-disagrees',
  },
  'access token for the cache': { gateway: 'taken', provider: 'wrong-audience' },
  'access token for diagnostics': { gateway: 'wrong-audience', provider: 'taken' },
  'EAT result': { result: 'taken' },
  'draft token': { elsewhere: 'unsecured' },
  'policy result': {
    exchange: 'claim-missing',
    introspection: 'claim-missing',
    'peer check': 'claim-missing',
    result: 'claim-missing',
  },
  'deny list': { 'deny list': 'taken' },
  challenge: { challenge: 'taken' },
  'client assertion': {
    exchange: 'unknown-signer',
    introspection: 'unknown-signer',
    'peer check': 'unknown-signer',
    result: 'unknown-signer',
  },
}

describe.each(Object.keys(loot) as readonly (keyof typeof loot)[])('a stolen %s', (what) => {
  test.each(Object.keys(places) as readonly Place[])('at: %s', async (place) => {
    const expected = exceptions[what]
    const token = await loot[what]()
    expect(await places[place](token)).toBe(expected[place] ?? expected.elsewhere ?? 'wrong-type')
  })
})

describe('a token where it belongs is refused', () => {
  test('in the hands of somebody else', async () => {
    expect(await atGateway(await accessToken('cache-gateway'), thief)).toBe('wrong-holder')
    expect(await atProvider(await accessToken('diagnostics'), thief)).toBe('wrong-holder')
    expect(await atExchange(await attestationToken(), thief)).toBe('assertion-signature')
    expect(await atIntrospection(await attestationToken(), thief)).toBe('assertion-signature')
  })

  test('the second time', async () => {
    const [cache, diagnostics] = [
      await accessToken('cache-gateway'),
      await accessToken('diagnostics'),
    ]
    expect([await atGateway(cache), await atGateway(cache)]).toEqual(['taken', 'replayed'])
    expect([await atProvider(diagnostics), await atProvider(diagnostics)]).toEqual([
      'taken',
      'replayed',
    ])
    const assertion = await assertionFor(platform, 'token')
    const subject = await attestationToken()
    expect(await atExchange(subject, platform, assertion)).toBe('taken')
    expect(await atExchange(subject, platform, assertion)).toBe('assertion-replayed')
  })

  test('after its time and before it', async () => {
    const [cache, diagnostics, subject] = [
      await accessToken('cache-gateway'),
      await accessToken('diagnostics'),
      await attestationToken(),
    ]
    move(330)
    expect([await atGateway(cache), await atProvider(diagnostics)]).toEqual(['expired', 'expired'])
    move(3600)
    expect(await atExchange(subject)).toBe('expired')
    const early = { nbf: now() + 31 }
    expect(await atGateway(await forged({ claims: early }))).toBe('not-yet-valid')
    expect(await atExchange(await forged({ of: 'attestation', claims: { nbf: now() + 1 } }))).toBe(
      'not-yet-valid',
    )
  })

  const deniable = {
    measurement: () => 'e1'.repeat(32),
    signer: () => '51'.repeat(32),
    platform: ({ platforms }) => String(platforms?.[0]),
    token: ({ attestationTokenId }) => String(attestationTokenId),
    policy: () => attester.policyHash,
  } as const satisfies Record<DenyKind, (claims: AccessClaims) => string>

  test.each(Object.keys(deniable) as readonly DenyKind[])('once its %s is denied', async (kind) => {
    const [cache, diagnostics, subject] = [
      await accessToken('cache-gateway'),
      await accessToken('diagnostics'),
      await attestationToken(),
    ]
    denied = [{ kind, value: deniable[kind](sealwardIn(cache)) }]
    sequence += 1
    const code = `${kind}-denied`
    // The service itself knows at once; relying parties when they have asked again.
    expect(await atExchange(subject)).toBe(code)
    expect(await atIntrospection(subject)).toBe(code)
    if (kind !== 'token') {
      await expect(attested({}, 'application/json', 'token')).rejects.toThrow(code)
    }
    move(61)
    expect(await atGateway(cache)).toBe(code)
    expect(await atProvider(diagnostics)).toBe(code)
  })

  test('by an access token’s own jti, once that is denied', async () => {
    const cache = await accessToken('cache-gateway')
    denied = [{ kind: 'token', value: String(payloadOf(cache)['jti']) }]
    sequence += 1
    move(61)
    expect(await atGateway(cache)).toBe('token-denied')
    expect(await atGateway(await accessToken('cache-gateway'))).toBe('taken')
  })

  test('while the deny list is too old, and when an older one comes', async () => {
    const [cache, diagnostics] = [
      await accessToken('cache-gateway'),
      await accessToken('diagnostics'),
    ]
    expect(await atGateway(cache)).toBe('taken')
    const at = now() + 301
    const later = await forged({ claims: { nbf: at, iat: at, exp: at + 300, jti: 'later' } })
    isDown = true
    move(301)
    expect(await atGateway(later)).toBe('deny-list-stale')
    // Within the tolerance for clocks its time is not over: what is missing is the list.
    expect(await atProvider(diagnostics)).toBe('deny-list-stale')
    isDown = false
    const newest = sequence
    sequence = 1
    move(10)
    expect(await atGateway(later)).toBe('deny-list-stale')
    sequence = newest
    move(10)
    expect(await atGateway(later)).toBe('taken')
  })
})

test('a genuine platform of another deployment is let in nowhere, with whatever token', async () => {
  const asked = async (role: 'cache-gateway' | 'diagnostics'): Promise<string> => {
    const port = role === 'diagnostics' ? providerPort : gatewayPort
    const met = await connectAttested(attestedOf(diverted), { host: '127.0.0.1', port, role })
    return met.ok ? 'let in' : `${met.problem.code}: ${met.problem.detail}`
  }
  const refusal = 'refused-by-peer: The peer does not let us in (wrong-deployment).'
  expect(await asked('cache-gateway')).toBe(refusal)
  expect(await asked('diagnostics')).toBe(refusal)
  expect(await atPeerCheck(await attestationToken(), diverted)).toBe('wrong-deployment')
})

describe('a forged token', () => {
  type Forgery = readonly [name: string, code: string, change: () => Promise<Change> | Change]
  const forgeries: readonly Forgery[] = [
    ['without a signature', 'unsecured', () => ({ header: { alg: 'none' }, signature: '' })],
    ['HS256, with the public key as PEM', 'wrong-algorithm', () => hmac(pem())],
    ['HS256, with the public key as JWK', 'wrong-algorithm', () => hmac(JSON.stringify(key().jwk))],
    ['ES256, by an RSA key', 'wrong-algorithm', () => ({ header: { alg: 'ES256' } })],
    ['PS256', 'wrong-algorithm', () => ({ header: { alg: 'PS256' } })],
    [
      'of another issuer, by the same key',
      'wrong-issuer',
      () => ({ claims: { iss: `${issuer}2` } }),
    ],
    [
      'with a critical extension',
      'unknown-extension',
      () => ({ header: { crit: ['b64'], b64: false } }),
    ],
    ['by another instance', 'unknown-signer', async () => ({ by: await otherKey() })],
    [
      'by another key under the same kid',
      'bad-signature',
      async () => ({ by: await newSigningKey(), header: { kid: key().kid } }),
    ],
    [
      'with a kid of another instance',
      'unknown-signer',
      async () => ({ header: { kid: (await otherKey()).kid } }),
    ],
    ['without a kid', 'unknown-signer', () => ({ header: { kid: undefined } })],
    ['with another payload', 'bad-signature', () => ({ replaced: { purpose: 'else' } })],
    ['with an empty signature', 'bad-signature', () => ({ signature: '' })],
    ['of no type', 'wrong-type', () => ({ header: { typ: undefined } })],
    ['of another type', 'wrong-type', () => ({ header: { typ: 'secevent+jwt' } })],
  ]

  test.each(forgeries)('%s', async (_, code, changed) => {
    const change = await changed()
    expect(await atGateway(await forged(change))).toBe(code)
    expect(await atProvider(await forged({ ...change, audience: 'diagnostics' }))).toBe(code)
    const subject = await forged({ ...change, of: 'attestation' })
    expect(await atExchange(subject)).toBe(code)
    expect(await atIntrospection(subject)).toBe(code)
    expect(await atPeerCheck(subject)).toBe(code)
  })

  test('whose jku, jwk and x5c lead to a key of the forger’s: nobody goes there', async () => {
    const own = await newSigningKey()
    let visits = 0
    const server = createServer((_request, response) => {
      visits += 1
      response.end(JSON.stringify({ keys: [own.jwk] }))
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const jku = `http://127.0.0.1:${(server.address() as AddressInfo).port}/certs`
    const header = { kid: own.kid, jku, jwk: own.jwk, x5c: own.jwk.x5c, x5u: jku }
    const change = { by: own, header }
    expect(await atGateway(await forged(change))).toBe('unknown-signer')
    expect(await atProvider(await forged({ ...change, audience: 'diagnostics' }))).toBe(
      'unknown-signer',
    )
    expect(await atExchange(await forged({ ...change, of: 'attestation' }))).toBe('unknown-signer')
    // Where the key is the right one, no header makes it wrong, or makes anybody go somewhere.
    const genuine = await forged({ header: { jku, jwk: own.jwk, x5c: own.jwk.x5c } })
    expect(await atGateway(genuine)).toBe('taken')
    server.close()
    expect(visits).toBe(0)
  })
})

const key = (): SigningKey => attester.signingKey

let another: SigningKey | undefined
async function otherKey(): Promise<SigningKey> {
  another ??= await newSigningKey()
  return another
}

function pem(): string {
  const { kty, n, e } = key().jwk
  return createPublicKey({ key: { kty, n, e } as JsonWebKey, format: 'jwk' })
    .export({ format: 'pem', type: 'spki' })
    .toString()
}

function hmac(secret: string): Change {
  return {
    header: { alg: 'HS256' },
    signs: (text) => createHmac('sha256', secret).update(text).digest('base64url'),
  }
}

/** What is done to a genuine token. */
interface Change {
  readonly of?: 'access' | 'attestation'
  readonly audience?: 'cache-gateway' | 'diagnostics'
  readonly header?: Readonly<Record<string, unknown>>
  readonly claims?: Readonly<Record<string, unknown>>
  /** Claims that are put in after it was signed. */
  readonly replaced?: Readonly<Record<string, unknown>>
  readonly by?: SigningKey
  readonly signs?: (text: string) => string
  readonly signature?: string
}

/** A token as the service makes them, with something wrong, signed anew by the service's own key unless said. */
async function forged(change: Change): Promise<string> {
  const genuine =
    change.of === 'attestation'
      ? await attestationToken()
      : await accessToken(change.audience ?? 'cache-gateway')
  const [headerPart = ''] = genuine.split('.')
  const by = change.by ?? key()
  const header = { ...partOf(headerPart), kid: by.kid, ...change.header }
  const payload = { ...payloadOf(genuine), ...change.claims }
  const text = `${encoded(header)}.${encoded(payload)}`
  const signature = change.signature ?? change.signs?.(text) ?? (await by.sign(text))
  return change.replaced === undefined
    ? `${text}.${signature}`
    : `${encoded(header)}.${encoded({ ...payload, ...change.replaced })}.${signature}`
}

interface AccessClaims {
  readonly platforms?: readonly string[]
  readonly attestationTokenId?: string
}

const encoded = (value: object): string => base64UrlOf(utf8Of(JSON.stringify(value)))
const partOf = (part: string): Record<string, unknown> =>
  JSON.parse(Buffer.from(part, 'base64url').toString())
const payloadOf = (token: string): Record<string, unknown> => partOf(token.split('.')[1] ?? '')
const sealwardIn = (token: string): AccessClaims => payloadOf(token)['sealward'] as AccessClaims
