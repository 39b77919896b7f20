/**
 * A deployment whose workloads are processes, behind plain TCP balancers: a key broker that releases them their keys, a
 * database that they share, and a client before it all.
 */

import { type ChildProcess, fork } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { base64UrlOf, ok, refuse } from '@sealward/attestation/bytes'
import {
  askPlatform,
  createSealedFetch,
  fetchTransport,
  type SealedFetch,
} from '@sealward/attestation/channel'
import {
  encodeInitTimeData,
  type InitTimeData,
  type PeerExpectation,
  type TeeRole,
} from '@sealward/attestation/evidence'
import { createSampleVendor } from '@sealward/attestation/sample'
import {
  brokerWrapper,
  encryptModel,
  type ModelKeyWrapper,
} from '@sealward/enclave/encrypted-model'
import { createSampleTee, startSamplePcs } from '@sealward/enclave/evidence'
import {
  systemClock as clock,
  type Running,
  systemRandom as random,
} from '@sealward/enclave/server'
import { createLogger } from '@sealward/enclave/telemetry'
import {
  startAttestationService,
  type TestAttestationService,
} from '../../../../packages/enclave/src/testing/attestation-service.ts'
import {
  startIdentityProvider,
  type TestIdentityProvider,
} from '../../../../packages/enclave/src/testing/identity-provider.ts'
import {
  startTestPostgres,
  type TestPostgres,
} from '../../../../packages/enclave/src/testing/postgres.ts'
import {
  type Balancer,
  startBalancer,
} from '../../../attestation-service/src/testing/balancer.fixtures.ts'
import { readModelCard } from '../../../diagnostics/src/model.ts'
import { trainedModelFile } from '../../../diagnostics/src/testing/trained-model.fixtures.ts'
import { brokerConfig } from '../../../key-broker/src/config.ts'
import { startKeyBroker } from '../../../key-broker/src/start.ts'
import type { ReplicaAnswer, ReplicaOrder } from './replica-process.fixtures.ts'

export type WorkloadRole = ReplicaOrder['role']

/** One process of a workload, at one port however often it is started. */
export interface Replica {
  readonly port: number
  readonly log: readonly string[]
  /** What it is told, unless something else is said at a start. */
  readonly order: ReplicaOrder
  /** @returns what it says: that it is ready, or why it is not. */
  start(changes?: Partial<ReplicaOrder>): Promise<ReplicaAnswer>
  /** Resolves when it has ended. */
  stop(signal: 'SIGTERM' | 'SIGKILL'): Promise<void>
}

export interface Cluster {
  readonly postgres: TestPostgres
  readonly attestation: TestAttestationService
  readonly people: TestIdentityProvider
  readonly replicas: Readonly<Record<WorkloadRole, readonly [Replica, Replica]>>
  readonly balancers: Readonly<Record<WorkloadRole, Balancer>>
  readonly folder: string
  /** What the key broker logged. */
  readonly brokerLog: readonly string[]
  stopBroker(): Promise<void>
  /** At the same ports. */
  startBroker(): Promise<void>
  /** The keys API, as an officer. */
  broker(
    method: string,
    path: string,
    body?: object,
  ): Promise<{ readonly status: number; readonly json: Json }>
  initTimeDataOf(role: WorkloadRole, changes?: Partial<InitTimeData>): string
  /** What everybody expects of the platform. */
  readonly platformExpected: PeerExpectation
  /** Encrypts a model, under the broker's key unless said. @returns the file. */
  sealModel(model: Uint8Array, wrapper?: ModelKeyWrapper): Promise<string>
  /** A client as the portal is one, through the balancer. */
  client(): SealedFetch
  close(): Promise<void>
}

// biome-ignore lint/suspicious/noExplicitAny: tests look into what they get.
type Json = any

const deployment = 'urn:uuid:2b2b7c0e-3a54-4c7e-9a9e-0d0d5f6a7b22'
const processFile = fileURLToPath(new URL('./replica-process.fixtures.ts', import.meta.url))
const digest = (text: string): Uint8Array => createHash('sha256').update(text).digest()

/** Starts all but the replicas. Takes a few seconds, most of them PostgreSQL's. */
export async function startCluster(
  options: { readonly pollSeconds?: number } = {},
): Promise<Cluster> {
  const undo: (() => unknown)[] = []
  const close = async (): Promise<void> => {
    for (const each of undo.splice(0).reverse()) await each()
  }
  try {
    return await start(options, undo, close)
  } catch (error) {
    await close()
    throw error
  }
}

async function start(
  { pollSeconds = 300 }: { readonly pollSeconds?: number },
  undo: (() => unknown)[],
  close: () => Promise<void>,
): Promise<Cluster> {
  const folder = await mkdtemp(join(tmpdir(), 'sealward-cluster-'))
  undo.push(() => rm(folder, { recursive: true }))
  const postgres = await startTestPostgres()
  undo.push(() => postgres.stop())
  const vendor = await createSampleVendor({ at: clock.now() })
  const pcs = await startSamplePcs({ vendor, clock })
  undo.push(() => pcs.close())
  const attestation = await startAttestationService(vendor, clock)
  undo.push(() => attestation.close())
  const people = await startIdentityProvider(clock)
  undo.push(() => people.close())
  const { issuer: identityIssuer, audience, roleClaim } = people.settings
  const identity = { issuer: identityIssuer, audience, roleClaim }
  const card = readModelCard()

  const expectation = (role: TeeRole, initTimeData?: string): PeerExpectation => ({
    role,
    mrEnclave: [Buffer.from(digest(role)).toString('hex')],
    mrSigner: [Buffer.from(digest('vendor')).toString('hex')],
    isvProdId: 1,
    isvSvnMin: 1,
    debug: 'refused',
    tcbStatuses: ['UpToDate'],
    ...(role === 'diagnostics' ? { model: { sha256: card.sha256 } } : {}),
    ...(initTimeData === undefined
      ? {}
      : {
          configId: [
            createHash('sha256').update(Buffer.from(initTimeData, 'base64url')).digest('hex'),
          ],
        }),
  })
  const dataOf = (
    role: TeeRole,
    peers: readonly PeerExpectation[],
    changes: Partial<InitTimeData> = {},
  ): string =>
    base64UrlOf(
      encodeInitTimeData({
        version: 1,
        deployment,
        role,
        attestation: {
          issuer: attestation.issuer,
          signers: [attestation.signer],
          policyHashes: [attestation.policyHash],
        },
        peers,
        development: true,
        roots: [vendor.rootSpkiSha256],
        ...(role === 'diagnostics' ? {} : { identity }),
        ...changes,
      }),
    )
  const brokerData = dataOf('key-broker', [expectation('platform'), expectation('diagnostics')])
  const diagnosticsData = dataOf('diagnostics', [
    expectation('platform'),
    expectation('key-broker', brokerData),
  ])
  const platformPeers = [
    expectation('cache-gateway'),
    expectation('diagnostics', diagnosticsData),
    expectation('key-broker', brokerData),
  ]
  const platformData = dataOf('platform', platformPeers)
  const initTimeDataOf = (role: WorkloadRole, changes: Partial<InitTimeData> = {}): string =>
    role === 'platform'
      ? dataOf('platform', platformPeers, changes)
      : dataOf(
          'diagnostics',
          [expectation('platform'), expectation('key-broker', brokerData)],
          changes,
        )

  // The key broker.
  const brokerLog: string[] = []
  const [httpPort, attestedPort] = [await freePort(), await freePort()]
  const brokerTee = await createSampleTee({
    vendor,
    initTimeData: Buffer.from(brokerData, 'base64url'),
    mrEnclave: digest('key-broker'),
    mrSigner: digest('vendor'),
    isvProdId: 1,
    isvSvn: 1,
    hostSecret: new Uint8Array(32).fill(4),
  })
  let runningBroker: Running | undefined
  const startBroker = async (): Promise<void> => {
    runningBroker = await startKeyBroker({
      tee: brokerTee,
      databaseUrl: postgres.url,
      log: createLogger('key-broker', { write: (line) => void brokerLog.push(line) }),
      config: brokerConfig.parse({
        publicUrl: 'https://keys.example',
        port: httpPort,
        attestedPort,
        stateFolder: join(folder, 'key-broker'),
        pcsUrl: pcs.url,
        development: true,
        identityProvider: people.settings,
        authorities: [
          {
            issuer: attestation.issuer,
            signers: [attestation.signer],
            policyHashes: [attestation.policyHash],
            development: true,
          },
        ],
        limits: { requestsPerSecond: 1000, burst: 1000 },
      }),
    })
  }
  const stopBroker = async (): Promise<void> => {
    await runningBroker?.close()
    runningBroker = undefined
  }
  await startBroker()
  undo.push(stopBroker)
  const broker: Cluster['broker'] = async (method, path, body) => {
    const reply = await fetch(`http://127.0.0.1:${httpPort}${path}?api-version=2025-07-01`, {
      method,
      headers: {
        authorization: `Bearer ${await people.tokenOf(['officer', 'user'])}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    })
    return { status: reply.status, json: await reply.json() }
  }
  for (const [name, role] of [
    ['platform-master', 'platform'],
    ['platform-channel', 'platform'],
    ['diagnostics-model', 'diagnostics'],
  ] as const) {
    const made = await broker('POST', `/keys/${name}/create`, {
      kty: 'oct-HSM',
      key_size: 256,
      key_ops: ['wrapKey'],
      attributes: { exportable: true },
      release_policy: { data: base64UrlOf(Buffer.from(JSON.stringify(policyFor(role)))) },
    })
    if (made.status !== 200) throw new Error(JSON.stringify(made.json))
  }
  function policyFor(role: WorkloadRole): object {
    return {
      version: '1.0.0',
      anyOf: [
        {
          authority: attestation.issuer,
          allOf: [
            { claim: 'x-ms-attestation-type', equals: 'sgx' },
            { claim: 'x-ms-sgx-is-debuggable', equals: 'false' },
            { claim: 'x-ms-sgx-mrenclave', equals: Buffer.from(digest(role)).toString('hex') },
            { claim: 'x-ms-inittime.deployment', equals: deployment },
            { claim: 'x-ms-inittime.role', equals: role },
          ],
        },
      ],
    }
  }
  const brokerKey = brokerWrapper('diagnostics-model', async (path, body) => {
    const wrapped = await broker('POST', path.split('?')[0] ?? path, body)
    return wrapped.status === 200
      ? ok(Buffer.from(JSON.stringify(wrapped.json)))
      : refuse('refused', 'broker', String(wrapped.status))
  })
  let models = 0
  const sealModel: Cluster['sealModel'] = async (model, wrapper = brokerKey) => {
    const pieces: Uint8Array[] = []
    const encrypted = await encryptModel({
      read: async function* () {
        yield model
      },
      write: (piece) => void pieces.push(piece),
      wrapper,
    })
    if (!encrypted.ok) throw new Error(encrypted.problem.code)
    const file = join(folder, `model-${models++}.sealed`)
    await writeFile(file, Buffer.concat(pieces))
    return file
  }
  const modelFile = await sealModel(await readFile(trainedModelFile))

  // The workloads.
  const ports = {
    platform: [await freePort(), await freePort()],
    diagnostics: [await freePort(), await freePort()],
  } as const
  const balancers = {
    platform: await startBalancer(ports.platform),
    diagnostics: await startBalancer(ports.diagnostics),
  }
  undo.push(() => Promise.all([balancers.platform.close(), balancers.diagnostics.close()]))
  const common = {
    pcsUrl: pcs.url,
    attestationUrl: attestation.issuer,
    keyBroker: { url: `https://127.0.0.1:${attestedPort}` },
  }
  const vendorState = await vendor.export()
  const orderOf = (role: WorkloadRole, port: number): ReplicaOrder => ({
    role,
    vendor: vendorState,
    initTimeData: role === 'platform' ? platformData : diagnosticsData,
    mrEnclave: base64UrlOf(digest(role)),
    mrSigner: base64UrlOf(digest('vendor')),
    // Each on a machine of its own: what its TEE alone would seal with, no other replica has.
    hostSecret: base64UrlOf(digest(`machine ${port}`)),
    config:
      role === 'platform'
        ? {
            ...common,
            port,
            keyBroker: { ...common.keyBroker, pollSeconds },
            databaseUrl: postgres.url,
            cacheGateway: { host: '127.0.0.1', port: 1 },
            diagnostics: { url: balancers.diagnostics.url.replace('http:', 'https:') },
            identityUrl: people.settings.url,
          }
        : { ...common, port, modelFile },
  })
  const pair = (role: WorkloadRole): readonly [Replica, Replica] => {
    const [one, two] = ports[role]
    const made = [one, two].map((port) => createReplica(port, orderOf(role, port)))
    undo.push(() => Promise.all(made.map((replica) => replica.stop('SIGKILL'))))
    return made as unknown as readonly [Replica, Replica]
  }
  return {
    postgres,
    attestation,
    people,
    replicas: { platform: pair('platform'), diagnostics: pair('diagnostics') },
    balancers,
    folder,
    brokerLog,
    stopBroker,
    startBroker,
    broker,
    initTimeDataOf,
    platformExpected: expectation('platform'),
    sealModel,
    client() {
      const { url } = balancers.platform
      const now = (): number => clock.now()
      // Each request on a connection of its own, so that the balancer decides about each.
      const each = (address: string, init: RequestInit = {}): Promise<Response> => {
        const headers = new Headers(init.headers)
        headers.set('connection', 'close')
        return fetch(address, { ...init, headers })
      }
      return createSealedFetch({
        origin: url,
        verify: () =>
          askPlatform(
            { fetch: each, random, now },
            {
              platform: url,
              deployment,
              development: true,
              expectation: expectation('platform', platformData),
              roots: [vendor.rootSpkiSha256],
              attestation: {
                issuer: attestation.issuer,
                url: attestation.issuer,
                signers: [attestation.signer],
                policyHashes: [attestation.policyHash],
              },
            },
          ),
        transport: fetchTransport(each, `${url}/sealed`),
        random,
        now,
      })
    },
    close,
  }
}

function createReplica(port: number, order: ReplicaOrder): Replica {
  const log: string[] = []
  let child: ChildProcess | undefined
  return {
    port,
    log,
    order,
    async start(changes = {}) {
      const started = fork(processFile, { stdio: ['ignore', 'pipe', 'pipe', 'ipc'] })
      child = started
      for (const stream of [started.stdout, started.stderr]) {
        stream?.on('data', (chunk) => log.push(...String(chunk).split('\n')))
      }
      return new Promise<ReplicaAnswer>((resolve, reject) => {
        started.once('message', (answer: ReplicaAnswer) => resolve(answer))
        started.once('exit', (code) =>
          reject(new Error(`${order.role} ended (${code})\n${log.slice(-6).join('\n')}`)),
        )
        started.send({ ...order, ...changes })
      })
    },
    async stop(signal) {
      const ending = child
      if (ending === undefined || ending.exitCode !== null || ending.signalCode !== null) return
      const ended = new Promise((resolve) => ending.once('exit', resolve))
      ending.kill(signal)
      await ended
    },
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer()
    server.listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0))
    })
  })
}
