import { constants, createDecipheriv, generateKeyPairSync, privateDecrypt } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createSampleVendor, type SampleVendor } from '@sealward/attestation/sample'
import type { Tee } from '@sealward/enclave/evidence'
import { type Clock, type Running, systemClock } from '@sealward/enclave/server'
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
import { brokerConfig } from '../config.ts'
import { startKeyBroker } from '../start.ts'

/** What a broker answers. */
export interface TestAnswer {
  readonly status: number
  readonly headers: Headers
  readonly body: VaultBody
  /** Ours, of a refusal. */
  readonly code: string | undefined
  /** Key Vault's, of a refusal. */
  readonly vaultCode: string | undefined
}

/** Whatever an answer may hold, as if it held all of it. */
export interface VaultBody {
  readonly key: {
    readonly kid: string
    readonly kty: string
    readonly key_ops: readonly string[]
    readonly key_hsm: string
  }
  readonly attributes: Readonly<Record<string, unknown>>
  readonly release_policy: { readonly data: string; readonly immutable: boolean }
  readonly value: string
  readonly nextLink: string | null
  readonly error?: {
    readonly code: string
    readonly message: string
    readonly innererror?: { readonly code: string; readonly at: string }
  }
}

/** An entry of the audit log. */
export interface TestEntry {
  readonly actor: Readonly<Record<string, unknown>>
  readonly action: string
  readonly target: string
  readonly outcome: string
  readonly details?: {
    readonly met?: boolean
    readonly policyVersion?: number
    readonly policyDigest?: string
    readonly attestationType?: string
    readonly recipient?: string
    readonly count?: number
    readonly conditions?: readonly { readonly claim: string; readonly met: boolean }[]
  }
}

/** A broker over a database of its own, with people and an attestation service. */
export interface TestBroker {
  readonly url: string
  readonly running: Running
  readonly postgres: TestPostgres
  readonly people: TestIdentityProvider
  readonly authority: TestAttestationService
  readonly vendor: SampleVendor
  /** Of its log. */
  readonly lines: readonly string[]
  /** A clock that is moved by hand. */
  readonly clock: Clock & { move(seconds: number): void }
  ask(
    method: string,
    path: string,
    options?: {
      readonly body?: unknown
      readonly roles?: readonly string[] | undefined
      readonly headers?: Readonly<Record<string, string>>
      readonly query?: string
    },
  ): Promise<TestAnswer>
  /** Entries of the audit log, the oldest first. */
  entries(): Promise<readonly TestEntry[]>
  /** The same one again, over the same database. */
  restart(): Promise<void>
  close(): Promise<void>
}

/** Roles of whoever asks, unless said. */
const everything = ['officer', 'user', 'releaser', 'reader', 'auditor']

export async function startTestBroker(
  options: {
    readonly config?: object
    /** Changes the configuration, and gives a TEE, knowing who is there. */
    readonly configure?: (around: {
      readonly authority: TestAttestationService
      readonly vendor: SampleVendor
      readonly clock: Clock
      readonly config: object
    }) => Promise<{ readonly config: object; readonly tee: Tee }>
  } = {},
): Promise<TestBroker> {
  const folder = await mkdtemp(join(tmpdir(), 'sealward-broker-'))
  const postgres = await startTestPostgres()
  let moved = 0
  const clock = {
    now: () => systemClock.now() + moved,
    move(seconds: number) {
      moved += seconds
    },
  }
  const people = await startIdentityProvider(clock)
  const vendor = await createSampleVendor({ at: clock.now() })
  const authority = await startAttestationService(vendor, clock)
  const own = {
    publicUrl: 'https://keys.example',
    stateFolder: join(folder, 'state'),
    development: true,
    identityProvider: people.settings,
    authorities: [
      {
        issuer: authority.issuer,
        signers: [authority.signer],
        policyHashes: [authority.policyHash],
        development: true,
      },
    ],
    limits: { requestsPerSecond: 10_000, burst: 10_000 },
    sweepSeconds: 3600,
    ...options.config,
  }
  const { config, tee } = (await options.configure?.({
    authority,
    vendor,
    clock,
    config: own,
  })) ?? {
    config: own,
    tee: undefined,
  }
  const lines: string[] = []
  const start = (): Promise<Running> =>
    startKeyBroker({
      config: brokerConfig.parse(config),
      databaseUrl: postgres.url,
      clock,
      tee,
      log: createLogger('key-broker', { write: (line) => lines.push(line) }),
    })
  let running = await start()
  const urlOf = (): string => `http://127.0.0.1:${running.ports['http']}`
  return {
    get url() {
      return urlOf()
    },
    get running() {
      return running
    },
    postgres,
    people,
    authority,
    vendor,
    lines,
    clock,
    async ask(method, path, { body, roles = everything, headers = {}, query = '' } = {}) {
      const bearer = roles.length === 0 ? undefined : await people.tokenOf(roles)
      const response = await fetch(`${urlOf()}${path}?api-version=7.4${query}`, {
        method,
        headers: {
          ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined
          ? {}
          : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
      })
      return answerOf(response)
    },
    async entries() {
      const response = await fetch(`${urlOf()}/audit?limit=1000`, {
        headers: { authorization: `Bearer ${await people.tokenOf(['auditor'])}` },
      })
      const text = await response.text()
      return text
        .split('\n')
        .filter((line) => line !== '')
        .map((line) => JSON.parse(line))
        .filter((entry) => entry.checkpoint === undefined)
    },
    async restart() {
      await running.close()
      running = await start()
    },
    async close() {
      await running.close()
      await authority.close()
      await people.close()
      await postgres.stop()
      await rm(folder, { recursive: true })
    },
  }
}

async function answerOf(response: Response): Promise<TestAnswer> {
  const text = await response.text()
  const body = text === '' ? {} : JSON.parse(text)
  return {
    status: response.status,
    headers: response.headers,
    body,
    code: body.error?.innererror?.code,
    vaultCode: body.error?.code,
  }
}

/** A release policy in the form in which keys are made with it. */
export function releasePolicyOf(policy: object, immutable = false): object {
  return {
    contentType: 'application/json; charset=utf-8',
    data: Buffer.from(JSON.stringify(policy)).toString('base64url'),
    immutable,
  }
}

/** Claims of an attestation token that a broker of these tests believes, with a key to release to. */
export function claimsFor(
  authority: TestAttestationService,
  key: ReleaseTarget['publicJwk'],
  changes: Readonly<Record<string, unknown>> = {},
): Readonly<Record<string, unknown>> {
  return {
    'x-ms-attestation-type': 'sgx',
    'x-ms-ver': '1.0',
    'x-ms-policy-hash': authority.policyHash,
    'x-sealward-simulated': true,
    'x-ms-sgx-is-debuggable': false,
    'x-ms-sgx-mrenclave': 'ab'.repeat(32),
    'x-ms-sgx-mrsigner': 'cd'.repeat(32),
    'x-ms-sgx-product-id': 7,
    'x-ms-sgx-svn': 3,
    'x-ms-runtime': { keys: [key] },
    ...changes,
  }
}

/** An RSA key in a TEE, as far as these tests go. */
export interface ReleaseTarget {
  readonly publicJwk: Readonly<Record<string, string>>
  /** Opens `key_hsm` of an answer: gives the key's bytes. */
  open(keyHsm: string): Uint8Array
}

export function createReleaseTarget(bits = 2048): ReleaseTarget {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: bits })
  const { n = '', e = '' } = publicKey.export({ format: 'jwk' })
  return {
    publicJwk: { kty: 'RSA', n, e, use: 'enc', kid: 'target-key' },
    open(keyHsm) {
      const blob = JSON.parse(Buffer.from(keyHsm, 'base64url').toString())
      const ciphertext = Buffer.from(blob.ciphertext, 'base64url')
      const oaepHash = {
        CKM_RSA_AES_KEY_WRAP: 'sha1',
        RSA_AES_KEY_WRAP_256: 'sha256',
        RSA_AES_KEY_WRAP_384: 'sha384',
      }[blob.header.enc as 'CKM_RSA_AES_KEY_WRAP']
      const padding = constants.RSA_PKCS1_OAEP_PADDING
      const wrapped = ciphertext.subarray(0, bits / 8)
      const ephemeral = privateDecrypt({ key: privateKey, padding, oaepHash }, wrapped)
      const iv = Buffer.from('a65959a6', 'hex')
      const decipher = createDecipheriv('id-aes256-wrap-pad', ephemeral, iv)
      return Buffer.concat([decipher.update(ciphertext.subarray(bits / 8)), decipher.final()])
    },
  }
}
