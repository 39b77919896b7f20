import { base64UrlOf, type UnixSeconds, utf8Of } from '@sealward/attestation/bytes'
import { encodeInitTimeData, type InitTimeData } from '@sealward/attestation/evidence'
import { defaultPolicyFor, parsePolicy, policyHashOf } from '@sealward/attestation/policy'
import {
  createSampleVendor,
  type SampleEndorsementOptions,
  type SampleVendor,
} from '@sealward/attestation/sample'
import { createDcapMemory } from '@sealward/attestation/verification'
import { nodeCryptography } from '@sealward/enclave/cryptography'
import { createPcsClient } from '@sealward/enclave/endorsements'
import { createSampleTee, startSamplePcs } from '@sealward/enclave/evidence'
import { createIdentity, type Identity } from '@sealward/enclave/identity'
import { type Clock, type Random, systemRandom } from '@sealward/enclave/server'
import { createLogger } from '@sealward/enclave/telemetry'
import type { Answer } from '../answer.ts'
import type { AttestationServiceDeps } from '../app.ts'
import { type AttestDeps, attest } from '../attest/attest.ts'
import { createReplayMemory } from '../exchange/replay-memory.ts'
import type { Instance } from '../instance.ts'
import { ringOf } from '../keys/key-ring.ts'
import { makeSigningKey, type SigningKey, signingKeyOf } from '../keys/signing-key.ts'
import { limits } from '../limits.ts'
import { fixedPolicy } from '../policies/fixed-policy.ts'
import { fixedDenials } from '../revocation/denials.ts'

export const issuer = 'http://127.0.0.1:4400/attestation'
export const deployment = 'urn:uuid:6f1c7f6e-8d3b-4a52-9a53-0b4a4f0c9f11'

/** 2026-11-23T00:00:00Z */
export const startOfTests: UnixSeconds = 1_795_392_000

/** A clock that tests move. */
export function movableClock(): Clock & { move(seconds: number): void } {
  let now = startOfTests
  return {
    now: () => now,
    move: (seconds) => {
      now += seconds
    },
  }
}

/** What an instance says where a test does not care. */
export const unremarkable: Pick<Instance, 'attestationLifetimeSeconds' | 'limits'> = {
  attestationLifetimeSeconds: limits.attestationLifetimeSeconds,
  limits: {
    requestsPerSecond: 1000,
    burst: 1000,
    attestBodyBytesMax: limits.attestBodyBytesMax,
  },
}

/** A key that no database holds. */
export async function newSigningKey(
  algorithm: SigningKey['algorithm'] = 'RS256',
): Promise<SigningKey> {
  const kind = { algorithm, rsaBits: 2048 } as const
  return signingKeyOf(
    await makeSigningKey({ kind, issuer, at: startOfTests, random: systemRandom }),
  )
}

export interface Attester {
  readonly vendor: SampleVendor
  readonly clock: ReturnType<typeof movableClock>
  readonly deps: AttestDeps & AttestationServiceDeps
  readonly signingKey: SigningKey
  readonly policyHash: string
  /** A workload of the vendor's making. */
  workload(options?: {
    readonly debug?: boolean
    readonly initTimeData?: Partial<InitTimeData>
  }): Promise<Identity>
  close(): Promise<void>
}

/** A sample vendor with its PCS, and what an attestation service needs to believe or refuse it. */
export async function createAttester(
  options: {
    readonly development?: boolean
    readonly policy?: string
    readonly issue?: Omit<SampleEndorsementOptions, 'at' | 'lifetimeSeconds'>
    /** How long endorsements last. */
    readonly lifetimeSeconds?: number
    readonly denied?: Parameters<typeof fixedDenials>[0]
  } = {},
): Promise<Attester> {
  const clock = movableClock()
  const random: Random = systemRandom
  const vendor = await createSampleVendor({ at: startOfTests })
  const pcs = await startSamplePcs({
    vendor,
    clock,
    issue: () => options.issue ?? {},
    ...(options.lifetimeSeconds === undefined ? {} : { lifetimeSeconds: options.lifetimeSeconds }),
  })
  const endorsements = createPcsClient({ baseUrl: pcs.url, clock })
  const { development = true } = options
  const policy = parsePolicy(options.policy ?? defaultPolicyFor('SgxEnclave', { development }))
  if (!policy.ok) throw new Error(policy.problem.code)
  const signingKey = await newSigningKey()
  const instance: Instance = {
    name: 'default',
    issuer,
    development,
    roots: [vendor.rootSpkiSha256],
    ...unremarkable,
    keys: ringOf(signingKey),
    policies: fixedPolicy(policy.value),
    administration: { mode: 'shared', defaults: fixedPolicy(policy.value) },
    denials: fixedDenials(options.denied),
    assertions: createReplayMemory(1000),
  }
  return {
    vendor,
    clock,
    signingKey,
    policyHash: await policyHashOf(policy.value.text),
    deps: {
      instance,
      instances: [instance],
      endorsements,
      verification: {
        cryptography: nodeCryptography,
        memory: createDcapMemory({ endorsementsMax: 4, platformsMax: 16 }),
      },
      clock,
      random,
      log: createLogger('test', { level: 'silent' }),
    },
    async workload({ debug = false, initTimeData } = {}) {
      const tee = await createSampleTee({
        vendor,
        initTimeData: encodeInitTimeData({
          version: 1,
          deployment,
          role: 'platform',
          attestation: {
            issuer,
            signers: [base64UrlOf(new Uint8Array(32))],
            policyHashes: [await policyHashOf(policy.value.text)],
          },
          peers: [],
          development: true,
          roots: [vendor.rootSpkiSha256],
          ...initTimeData,
        }),
        mrEnclave: new Uint8Array(32).fill(0xe1),
        mrSigner: new Uint8Array(32).fill(0x51),
        isvProdId: 1,
        isvSvn: 1,
        debug,
        hostSecret: utf8Of('a host secret of thirty-two bytes'.slice(0, 32)),
      })
      return createIdentity({ tee, endorsements, random, clock })
    },
    async close() {
      await endorsements.close()
      await pcs.close()
    },
  }
}

/** Asks for an enclave's token, as our own workloads do. */
export function attestSgx(deps: AttestDeps, body: Uint8Array): Promise<Answer> {
  return attest(deps, { type: 'SgxEnclave', apiVersion: '2025-06-01', body })
}

export const nonce: Uint8Array = new Uint8Array(32).fill(7)

/** The body of a request to `/attest/SgxEnclave`, as our own workloads send it. */
export async function attestBodyOf(
  identity: Identity,
  more: Readonly<Record<string, unknown>> = {},
): Promise<Readonly<Record<string, unknown>>> {
  const { quote, runtimeData, initTimeData } = await identity.quoted(nonce)
  return {
    quote: base64UrlOf(quote),
    runtimeData: { data: base64UrlOf(runtimeData), dataType: 'JSON' },
    initTimeData: { data: base64UrlOf(initTimeData), dataType: 'JSON' },
    ...more,
  }
}
