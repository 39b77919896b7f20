import { type ChildProcess, spawn } from 'node:child_process'
import { createHash, generateKeyPairSync, type KeyObject, randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import { base64UrlOf, ok } from '@sealward/attestation/bytes'
import type { TeeRole } from '@sealward/attestation/evidence'
import { createSampleVendor, type SampleVendor } from '@sealward/attestation/sample'
import {
  type DenyListTrust,
  deniedOf,
  denyListType,
  encodeDenyList,
  verifyDenyList,
} from '@sealward/attestation/token'
import {
  attestedRedisConnector,
  connectAttested,
  createAdmission,
} from '@sealward/enclave/attested-tls'
import { systemClock as clock } from '@sealward/enclave/server'
import { createLogger } from '@sealward/enclave/telemetry'
import { Redis, type RedisOptions } from 'ioredis'
import { SignJWT } from 'jose'
import { startAttestationService } from '../../../packages/enclave/src/testing/attestation-service.ts'
import {
  createTestWorkload,
  type TestWorkload,
} from '../../../packages/enclave/src/testing/attested.ts'
import { createGateway, createInProcessStore, type Gateway, type Store } from './gateway.ts'

export const deployment = 'urn:uuid:6f1c7f6e-8d3b-4a52-9a53-0b4a4f0c9f11'
const issuer = 'http://127.0.0.1/attestation'
const policyHash = base64UrlOf(new Uint8Array(32).fill(0x90))
const mrEnclave = new Uint8Array(32).fill(0xe1)
const mrSigner = new Uint8Array(32).fill(0x51)

type ClientOptions = Pick<RedisOptions, 'password' | 'protocol' | 'username'>

export interface Fixture {
  readonly vendor: SampleVendor
  /** The platform, whose tokens are let in, and another workload that holds another certificate. */
  readonly platform: TestWorkload
  readonly other: TestWorkload
  /** Lines that gateways logged. */
  readonly lines: string[]
  /** What the deny list names, and how old it is. */
  readonly denyList: { denied: Parameters<typeof deniedOf>[0]; ageSeconds: number }
  /** An access token as the attestation service makes them, for the platform unless said. */
  token(change?: {
    readonly holder?: TestWorkload
    readonly claims?: Readonly<Record<string, unknown>>
    readonly sealward?: Readonly<Record<string, unknown>>
    readonly lifetimeSeconds?: number
  }): Promise<string>
  open(store?: Store, of?: string): Promise<Gateway>
  /** A client of the released library. */
  client(gateway: Gateway, options: ClientOptions, workload?: TestWorkload): Redis
  close(): Promise<void>
}

export async function createFixture(): Promise<Fixture> {
  const vendor = await createSampleVendor({ at: clock.now() })
  const service = await startAttestationService(vendor, clock)
  const signer = newSigner()
  const opened: { close(): Promise<void> }[] = []
  const clients: Redis[] = []
  const lines: string[] = []
  const denyList: Fixture['denyList'] = { denied: [], ageSeconds: 0 }
  const denyListTrust = async (): Promise<DenyListTrust> => {
    const issuedAt = clock.now() - denyList.ageSeconds
    const claims = encodeDenyList({
      issuer,
      sequence: 1,
      issuedAt,
      expiresAt: issuedAt + 600,
      denied: deniedOf(denyList.denied),
    })
    const text = await new SignJWT(claims)
      .setProtectedHeader({ alg: 'RS256', kid: signer.jwk.kid, typ: denyListType })
      .sign(signer.privateKey)
    const list = await verifyDenyList(text, {
      issuer,
      signers: [signer.digest],
      jwks: { keys: [signer.jwk] },
      at: clock.now(),
      clockSkewSeconds: 0,
    })
    if (!list.ok) throw new Error(list.problem.code)
    return { list: list.value, ageSecondsMax: 300 }
  }

  const workload = (role: TeeRole, peer: TeeRole): Promise<TestWorkload> =>
    createTestWorkload({
      vendor,
      service,
      clock,
      role,
      peers: [peer],
      initTimeData: { deployment },
    })
  const [gatewayWorkload, platform, other] = await Promise.all([
    workload('cache-gateway', 'platform'),
    workload('platform', 'cache-gateway'),
    workload('platform', 'cache-gateway'),
  ])

  return {
    vendor,
    platform,
    other,
    lines,
    denyList,
    token({ holder = platform, claims = {}, sealward = {}, lifetimeSeconds = 300 } = {}) {
      const now = clock.now()
      return new SignJWT({
        iss: issuer,
        aud: `${deployment}:cache-gateway`,
        sub: 'platform',
        iat: now,
        nbf: now,
        exp: now + lifetimeSeconds,
        jti: randomUUID(),
        cnf: { 'x5t#S256': holder.identity.tls.certificateSha256 },
        purpose: 'cache',
        sealward: {
          deployment,
          role: 'platform',
          mrEnclave: Buffer.from(mrEnclave).toString('hex'),
          mrSigner: Buffer.from(mrSigner).toString('hex'),
          isvProdId: 1,
          isvSvn: 1,
          debug: false,
          tcbStatus: 'UpToDate',
          configId: '0'.repeat(128),
          simulated: true,
          policyHash,
          attestationToken: 'A'.repeat(43),
          attestationTokenId: 'one',
          platforms: [],
          ...sealward,
        },
        ...claims,
      })
        .setProtectedHeader({ alg: 'RS256', kid: signer.jwk.kid, typ: 'at+jwt' })
        .sign(signer.privateKey)
    },
    async open(store = createInProcessStore({ bytesMax: 16_000_000 }), of = deployment) {
      const gateway = await createGateway({
        attested: gatewayWorkload.attested,
        admission: createAdmission({
          signerKeys: {
            keys: async () => ok({ keys: [signer.jwk] }),
            refresh: async () => ok({ keys: [signer.jwk] }),
            close: async () => {},
          },
          denyList: { trust: async () => ok(await denyListTrust()), close: async () => {} },
          issuer,
          signers: [signer.digest],
          policyHashes: [policyHash],
          development: true,
          deployment: of,
          audience: `${of}:cache-gateway`,
          purposes: ['cache'],
          expectation: {
            role: 'platform',
            mrEnclave: [Buffer.from(mrEnclave).toString('hex')],
            mrSigner: [Buffer.from(mrSigner).toString('hex')],
            isvProdId: 1,
            isvSvnMin: 1,
            debug: 'refused',
            tcbStatuses: ['UpToDate'],
          },
          clock,
          clockSkewSeconds: 0,
        }),
        store,
        clock,
        log: createLogger('cache-gateway', { write: (line) => lines.push(line) }),
      })
      opened.push(gateway)
      return gateway
    },
    client(gateway, options, { attested } = platform) {
      const client = new Redis({
        Connector: attestedRedisConnector(attested, {
          host: '127.0.0.1',
          port: gateway.port,
          role: 'cache-gateway',
        }),
        retryStrategy: () => null,
        maxRetriesPerRequest: 0,
        ...options,
      })
      // Each command says for itself what went wrong.
      client.on('error', () => {})
      clients.push(client)
      return client
    },
    async close() {
      for (const client of clients) client.disconnect()
      await Promise.all(opened.map((one) => one.close()))
      for (const each of [gatewayWorkload, platform, other, service]) await each.close()
    },
  }
}

function newSigner(): {
  readonly privateKey: KeyObject
  readonly digest: string
  readonly jwk: { kty: string; n: string; e: string; kid: string; use: string; alg: string }
} {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const { n = '', e = '' } = publicKey.export({ format: 'jwk' })
  const spki = publicKey.export({ format: 'der', type: 'spki' })
  const digest = createHash('sha256').update(spki).digest('base64url')
  return { privateKey, digest, jwk: { kty: 'RSA', n, e, kid: 'signer', use: 'sig', alg: 'RS256' } }
}

/** A connection that says what it is told, and gives back what comes. */
export interface RawClient {
  readonly socket: TLSSocket
  readonly certificateSha256: string
  say(...words: readonly (string | Uint8Array)[]): void
  /** What has come by the time that `pattern` matches it, or that the connection has closed; then forgotten. */
  heard(pattern: RegExp): Promise<string>
  readonly closed: Promise<void>
}

export async function connectRaw(gateway: Gateway, { attested }: TestWorkload): Promise<RawClient> {
  const connection = await connectAttested(attested, {
    host: '127.0.0.1',
    port: gateway.port,
    role: 'cache-gateway',
  })
  if (!connection.ok) throw new Error(connection.problem.code)
  const { socket, certificateSha256 } = connection.value
  let text = ''
  let isClosed = false
  const closed = new Promise<void>((resolve) => {
    socket.once('close', () => {
      isClosed = true
      resolve()
    })
  })
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
  })
  return {
    socket,
    certificateSha256,
    closed,
    say: (...words) => {
      socket.write(encodeCommand(...words))
    },
    async heard(pattern) {
      while (!pattern.test(text) && !isClosed) await sleep(2)
      const said = text
      text = ''
      return said
    },
  }
}

export function encodeCommand(...words: readonly (string | Uint8Array)[]): Uint8Array {
  const parts = words.map((word) => Buffer.from(word))
  return Buffer.concat([
    Buffer.from(`*${parts.length}\r\n`),
    ...parts.flatMap((part) => [Buffer.from(`$${part.length}\r\n`), part, Buffer.from('\r\n')]),
  ])
}

/** Where Debian and others put a Redis server. */
export const redisProgram: string | undefined = [
  '/usr/bin/redis-server',
  '/usr/bin/valkey-server',
  '/usr/local/bin/redis-server',
  '/opt/homebrew/bin/redis-server',
].find((file) => existsSync(file))

export interface RedisServer {
  readonly url: string
  readonly port: number
  stop(): Promise<void>
}

/** A Redis server of the test's own, in memory, on a free port of loopback unless one is said. */
export async function startRedisServer(port?: number): Promise<RedisServer> {
  if (redisProgram === undefined) throw new Error('there is no Redis server here')
  const free = port ?? (await freePort())
  const child = spawn(redisProgram, ['-'], { stdio: ['pipe', 'ignore', 'ignore'] })
  child.stdin.end(`bind 127.0.0.1\nport ${free}\nsave ""\nappendonly no\n`)
  const url = `redis://127.0.0.1:${free}`
  const probe = new Redis(url, { retryStrategy: () => 20, maxRetriesPerRequest: null })
  probe.on('error', () => {})
  await probe.ping()
  probe.disconnect()
  return { url, port: free, stop: () => ended(child) }
}

async function ended(child: ChildProcess): Promise<void> {
  const exit = new Promise<void>((resolve) => child.once('exit', () => resolve()))
  child.kill('SIGKILL')
  await exit
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' ? (address?.port ?? 0) : 0))
    })
  })
}
