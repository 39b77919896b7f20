import { createHash, generateKeyPairSync } from 'node:crypto'
import { createServer as createHttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { base64UrlOf, sha256, textOf, utf8Of } from '@sealward/attestation/bytes'
import { openChannel, type SealedChannel, verifyPeer } from '@sealward/attestation/channel'
import {
  type EvidenceDocument,
  encodeInitTimeData,
  type InitTimeData,
  type PeerExpectation,
  parseInitTimeData,
  type TeeRole,
} from '@sealward/attestation/evidence'
import { defaultPolicyFor, parsePolicy, policyHashOf } from '@sealward/attestation/policy'
import { createSampleVendor } from '@sealward/attestation/sample'
import type { SigningKeys } from '@sealward/attestation/token'
import { createDcapMemory } from '@sealward/attestation/verification'
import {
  type AttestedTls,
  createAdmission,
  createAttestedTls,
} from '@sealward/enclave/attested-tls'
import { nodeCryptography } from '@sealward/enclave/cryptography'
import { createPcsClient } from '@sealward/enclave/endorsements'
import { createSampleTee, startSamplePcs, type Tee } from '@sealward/enclave/evidence'
import {
  createDenyListKeeper,
  createIdentity,
  createSignerKeys,
  type Identity,
} from '@sealward/enclave/identity'
import {
  systemClock as clock,
  type Running,
  systemRandom as random,
} from '@sealward/enclave/server'
import { createLogger } from '@sealward/enclave/telemetry'
import { exportJWK, SignJWT } from 'jose'
import {
  startTestPostgres,
  type TestPostgres,
} from '../../../../packages/enclave/src/testing/postgres.ts'
import {
  createAttestationService,
  createReplayMemory,
  fixedDenials,
  fixedPolicy,
  makeSigningKey,
  ringOf,
  signingKeyOf,
} from '../../../attestation-service/src/app.ts'
import { createGateway, createInProcessStore } from '../../../cache-gateway/src/gateway.ts'
import {
  createDiagnostics,
  createInference,
  limits,
  type ServedModel,
} from '../../../diagnostics/src/app.ts'
import { readTrainedModel } from '../../../diagnostics/src/testing/trained-model.fixtures.ts'
import type { Role } from '../staff/staff.ts'
import { startPlatform } from '../start.ts'
import { type Provider, startProvider } from './provider.fixtures.ts'

const deployment = 'urn:uuid:2b2b7c0e-3a54-4c7e-9a9e-0d0d5f6a7b11'
const anotherDeployment = 'urn:uuid:3c3c7c0e-3a54-4c7e-9a9e-0d0d5f6a7b11'

/** A whole deployment in this process: all real but the silicon and the model. */
export interface Deployment {
  readonly postgres: TestPostgres
  readonly provider: Provider
  /** Every line that the platform logged. */
  readonly logged: readonly string[]
  readonly platformUrl: string
  /** Hex. */
  readonly rootSpkiSha256: string
  /** Makes the cache go away. */
  stopGateway(): Promise<void>
  /** Has the attestation service deny these, and nobody else, from now on. */
  deny(entries: Parameters<typeof fixedDenials>[0]): void
  /** Ends the provider, and has somebody else answer at its address: itself anew, or an impostor. */
  replaceProvider(by: Replacement): Promise<void>
  /** Verifies the platform as the portal does, and opens a channel to it. */
  channel(): Promise<SealedChannel>
  /** A request by a member of staff. */
  ask(
    role: Role | undefined,
    method: string,
    path: string,
    body?: unknown,
    headers?: Record<string, string>,
  ): Promise<Asked>
  token(claims: Record<string, unknown>): Promise<string>
  stop(): Promise<void>
}

export type Replacement =
  | 'itself'
  | 'another-build'
  | 'another-model'
  | 'another-deployment'
  | 'another-configuration'
  | 'a-debug-enclave'

export interface Asked {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
  // biome-ignore lint/suspicious/noExplicitAny: tests look into what they get.
  readonly json: any
}

/**
 * Starts it. Takes a few seconds, most of them PostgreSQL's.
 *
 * @param model `arithmetic` with faults at choice, or the `trained` one behind the real provider.
 */
export async function startDeployment(
  which: 'arithmetic' | 'trained' = 'arithmetic',
): Promise<Deployment> {
  const undo: (() => unknown)[] = []
  const stop = async (): Promise<void> => {
    for (const each of undo.splice(0).reverse()) await each()
  }
  try {
    return await start(which, undo, stop)
  } catch (error) {
    // What was started would outlive the test otherwise.
    await stop()
    throw error
  }
}

async function start(
  which: 'arithmetic' | 'trained',
  undo: (() => unknown)[],
  stop: () => Promise<void>,
): Promise<Deployment> {
  const vendor = await createSampleVendor({ at: clock.now() })
  const pcs = await startSamplePcs({ vendor, clock })
  undo.push(() => pcs.close())
  const endorsements = createPcsClient({ baseUrl: pcs.url, clock })
  undo.push(() => endorsements.close())
  const silent = createLogger('test', { level: 'silent' })

  // The Verifier.
  const issuer = 'http://attestation.test/attestation'
  const policy = parsePolicy(defaultPolicyFor('SgxEnclave', { development: true }))
  if (!policy.ok) throw new Error(policy.problem.code)
  const kind = { algorithm: 'RS256', rsaBits: 2048 } as const
  const signingKey = await signingKeyOf(
    await makeSigningKey({ kind, issuer, at: clock.now(), random }),
  )
  let denialsSequence = 1
  let denials = fixedDenials()
  const attestation = createAttestationService({
    instances: [
      {
        name: 'default',
        issuer,
        development: true,
        roots: [vendor.rootSpkiSha256],
        attestationLifetimeSeconds: 3600,
        limits: { requestsPerSecond: 1000, burst: 1000, attestBodyBytesMax: 262_144 },
        keys: ringOf(signingKey),
        policies: fixedPolicy(policy.value),
        administration: { mode: 'shared', defaults: fixedPolicy(policy.value) },
        denials: { current: () => denials.current() },
        assertions: createReplayMemory(1000),
      },
    ],
    endorsements,
    verification: {
      cryptography: nodeCryptography,
      memory: createDcapMemory({ endorsementsMax: 4, platformsMax: 16 }),
    },
    clock,
    random,
    log: silent,
  })
  const attestationUrl = `http://127.0.0.1:${(await attestation.listen()).port}`
  undo.push(() => attestation.close())
  const certs = (await (await fetch(`${attestationUrl}/certs`)).json()) as SigningKeys
  const signers = [base64UrlOf(await sha256(spkiOf(certs)))]
  const policyHashes = [await policyHashOf(policy.value.text)]

  // The hospital's identity provider.
  const staffPair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const staffJwk = {
    ...(await exportJWK(staffPair.publicKey)),
    kid: 'staff',
    alg: 'ES256',
    use: 'sig',
  }
  const identityServer = createHttpServer((request, response) => {
    const origin = `http://127.0.0.1:${(identityServer.address() as AddressInfo).port}`
    response.setHeader('content-type', 'application/json')
    if (request.url === '/.well-known/openid-configuration') {
      response.end(JSON.stringify({ issuer: origin, jwks_uri: `${origin}/jwks` }))
    } else response.end(JSON.stringify({ keys: [staffJwk] }))
  })
  await new Promise<void>((resolve) => identityServer.listen(0, '127.0.0.1', resolve))
  undo.push(() => identityServer.close())
  const provider = {
    issuer: `http://127.0.0.1:${(identityServer.address() as AddressInfo).port}`,
    audience: 'urn:sealward:platform',
    roleClaim: 'roles',
  }

  // Three workloads.
  const measurementOf = (role: TeeRole): Uint8Array => createHash('sha256').update(role).digest()
  const mrSigner = createHash('sha256').update('vendor').digest()
  const model =
    which === 'trained'
      ? readTrainedModel()
      : { name: 'chest-pneumonia', version: '1', sha256: 'ab'.repeat(32) }
  const expectation = (role: TeeRole, initTimeData?: Uint8Array): PeerExpectation => ({
    role,
    mrEnclave: [Buffer.from(measurementOf(role)).toString('hex')],
    mrSigner: [mrSigner.toString('hex')],
    isvProdId: 1,
    isvSvnMin: 1,
    debug: 'refused',
    tcbStatuses: ['UpToDate'],
    ...(role === 'diagnostics' ? { model: { sha256: model.sha256 } } : {}),
    ...(initTimeData === undefined
      ? {}
      : { configId: [createHash('sha256').update(initTimeData).digest('hex')] }),
  })
  const initTimeDataOf = (
    role: TeeRole,
    peers: readonly PeerExpectation[],
    more: Partial<InitTimeData> = {},
  ): Uint8Array => {
    const data: InitTimeData = {
      version: 1,
      deployment,
      role,
      attestation: { issuer, signers, policyHashes },
      peers,
      development: true,
      roots: [vendor.rootSpkiSha256],
      ...(role === 'platform' ? { identity: provider } : {}),
      ...more,
    }
    return encodeInitTimeData(data)
  }
  const teeOf = (
    role: TeeRole,
    initTimeData: Uint8Array,
    more: { readonly mrEnclave?: Uint8Array; readonly debug?: boolean } = {},
  ): Promise<Tee> =>
    createSampleTee({
      vendor,
      initTimeData,
      mrEnclave: measurementOf(role),
      mrSigner,
      isvProdId: 1,
      isvSvn: 1,
      hostSecret: new Uint8Array(32).fill(9),
      ...more,
    })
  const identityOf = async (
    tee: Tee,
    extras: Parameters<typeof createIdentity>[0]['extras'] = {},
  ): Promise<Identity> => createIdentity({ tee, endorsements, random, clock, extras })
  /** As a service meets others whose identity it is. */
  const attestedAs = (identity: Identity, data: Uint8Array): AttestedTls => {
    const measured = parseInitTimeData(data)
    if (!measured.ok) throw new Error(measured.problem.code)
    const initTimeData = measured.value
    const { signerKeys, denyList } = believed()
    const trust = { initTimeData, attestationUrl, signerKeys, denyList, clock, random }
    return createAttestedTls({ identity, trust, endorsements })
  }
  const believed = () => {
    const signerKeys = createSignerKeys({ url: attestationUrl, clock })
    const denyList = createDenyListKeeper({
      url: attestationUrl,
      issuer,
      signers,
      signerKeys,
      clock,
    })
    undo.push(() => signerKeys.close())
    undo.push(() => denyList.close())
    return { signerKeys, denyList }
  }
  const admissionFor = (audience: string): ReturnType<typeof createAdmission> =>
    createAdmission({
      ...believed(),
      issuer,
      signers,
      policyHashes,
      development: true,
      deployment,
      audience: `${deployment}:${audience}`,
      purposes: ['cache', 'interpretation'],
      expectation: expectation('platform'),
      clock,
    })
  const gatewayData = initTimeDataOf('cache-gateway', [expectation('platform')])
  const gateway = await createGateway({
    attested: attestedAs(await identityOf(await teeOf('cache-gateway', gatewayData)), gatewayData),
    admission: admissionFor('cache-gateway'),
    store: createInProcessStore({ bytesMax: 64 * 1024 * 1024 }),
    clock,
    log: silent,
  })
  undo.push(() => gateway.close().catch(() => {}))
  const diagnosticsData = initTimeDataOf('diagnostics', [expectation('platform')])
  const { name, version, sha256: digest } = model
  const served = { name, version, sha256: digest }
  const startDiagnostics = async (by: Replacement, port: number): Promise<Provider> => {
    const data =
      by === 'another-deployment'
        ? initTimeDataOf('diagnostics', [], { deployment: anotherDeployment })
        : by === 'another-configuration'
          ? initTimeDataOf('diagnostics', [])
          : diagnosticsData
    const tee = await teeOf('diagnostics', data, {
      ...(by === 'another-build' ? { mrEnclave: new Uint8Array(32).fill(1) } : {}),
      debug: by === 'a-debug-enclave',
    })
    const shown = by === 'another-model' ? { ...served, sha256: 'cd'.repeat(32) } : served
    const identity = await identityOf(tee, { model: shown })
    const admission = admissionFor('diagnostics')
    const attested = attestedAs(identity, diagnosticsData)
    return 'bytes' in model
      ? startTrained({ identity, attested, admission, model })
      : startProvider({ identity, attested, admission, deployment, model: served, port })
  }
  let diagnostics = await startDiagnostics('itself', 0)
  undo.push(() => diagnostics.stop())
  const postgres = await startTestPostgres()
  undo.push(() => postgres.stop())
  const platformData = initTimeDataOf('platform', [
    expectation('cache-gateway', gatewayData),
    expectation('diagnostics', diagnosticsData),
  ])
  const logged: string[] = []
  const platform: Running = await startPlatform({
    tee: await teeOf('platform', platformData),
    log: createLogger('platform', { write: (line) => void logged.push(line), level: 'debug' }),
    config: {
      port: 0,
      databaseUrl: postgres.url,
      pcsUrl: pcs.url,
      attestationUrl,
      cacheGateway: { host: '127.0.0.1', port: gateway.port },
      diagnostics: { url: diagnostics.url },
    },
  })
  undo.push(() => platform.close())
  const platformUrl = `http://127.0.0.1:${platform.ports['public']}`

  const token: Deployment['token'] = (claims) =>
    new SignJWT({
      iss: provider.issuer,
      aud: provider.audience,
      sub: 'u-1',
      name: 'Chen Wei',
      roles: ['clerk'],
      iat: clock.now(),
      exp: clock.now() + 300,
      ...claims,
    })
      .setProtectedHeader({ alg: 'ES256', kid: 'staff', typ: 'at+jwt' })
      .sign(staffPair.privateKey)

  const channel: Deployment['channel'] = async () => {
    const nonce = random.bytes(32)
    const answer = await fetch(`${platformUrl}/evidence`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ nonce: base64UrlOf(nonce) }),
    })
    const document = (await answer.json()) as EvidenceDocument
    const peer = await verifyPeer({
      document,
      token: await attestFor(attestationUrl, document),
      nonce,
      deployment,
      expectation: expectation('platform', platformData),
      roots: [vendor.rootSpkiSha256],
      attestation: {
        issuer,
        jwks: certs,
        signers,
        policyHashes,
        denyList: { text: await denyListFrom(attestationUrl), ageSecondsMax: 300 },
      },
      at: clock.now(),
      development: true,
    })
    if (!peer.ok)
      throw new Error(`${peer.problem.code} at ${peer.problem.at}: ${peer.problem.detail}`)
    return openChannel(
      peer.value,
      async (body) => {
        const response = await fetch(`${platformUrl}/sealed`, {
          method: 'POST',
          headers: { 'content-type': 'message/ohttp-req' },
          body: Buffer.from(body),
        })
        return {
          status: response.status,
          contentType: response.headers.get('content-type') ?? '',
          body: new Uint8Array(await response.arrayBuffer()),
        }
      },
      { random },
    )
  }
  let opened: SealedChannel | undefined
  return {
    postgres,
    get provider() {
      return diagnostics
    },
    logged,
    platformUrl,
    rootSpkiSha256: vendor.rootSpkiSha256,
    stopGateway: () => gateway.close(),
    deny(entries) {
      denials = fixedDenials(entries, ++denialsSequence)
    },
    async replaceProvider(by) {
      const { port } = new URL(diagnostics.url)
      await diagnostics.stop()
      diagnostics = await startDiagnostics(by, Number(port))
    },
    channel,
    token,
    async ask(role, method, path, body, headers = {}) {
      opened ??= await channel()
      const bytes =
        body === undefined || body instanceof Uint8Array ? body : utf8Of(JSON.stringify(body))
      const response = await opened.fetch({
        method,
        path,
        headers: {
          ...(bytes === undefined ? {} : { 'content-type': 'application/fhir+json' }),
          ...(role === undefined
            ? {}
            : {
                authorization: `Bearer ${await token({ sub: `u-${role}`, name: `Name of ${role}`, roles: [role] })}`,
              }),
          ...headers,
        },
        ...(bytes === undefined ? {} : { body: bytes }),
      })
      const isJson = response.headers['content-type']?.includes('json') === true
      return { ...response, json: isJson ? JSON.parse(textOf(response.body) ?? '') : undefined }
    },
    stop,
  }
}

/** The provider as it is, with the model as it was trained. */
async function startTrained(options: {
  readonly identity: Identity
  readonly attested: AttestedTls
  readonly admission: ReturnType<typeof createAdmission>
  readonly model: ServedModel
}): Promise<Provider> {
  const inference = await createInference({ ...limits, model: options.model.bytes, workers: 1 })
  const log = createLogger('test', { level: 'silent' })
  const server = createDiagnostics({ ...options, inference, clock, random, log })
  const { port } = await server.listen()
  return {
    url: `https://127.0.0.1:${port}`,
    received: [],
    bodies: [],
    fault: undefined,
    async stop() {
      await server.close()
      await inference.close()
    },
  }
}

async function attestFor(url: string, document: EvidenceDocument): Promise<string> {
  const answer = await fetch(`${url}/attest/SgxEnclave?api-version=2025-06-01`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      quote: document.quote,
      runtimeData: { data: document.runtimeData, dataType: 'JSON' },
      initTimeData: { data: document.initTimeData, dataType: 'JSON' },
    }),
  })
  const { token } = (await answer.json()) as { token: string }
  return token
}

async function denyListFrom(url: string): Promise<string> {
  const { token } = (await (await fetch(`${url}/deny-list`)).json()) as { token: string }
  return token
}

/** SPKI of the first certificate of the first key. */
function spkiOf(certs: SigningKeys): Uint8Array {
  const { X509Certificate } = process.getBuiltinModule('node:crypto')
  const der = Buffer.from(certs.keys[0]?.x5c?.[0] ?? '', 'base64')
  return new X509Certificate(der).publicKey.export({ type: 'spki', format: 'der' })
}
