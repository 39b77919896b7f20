/**
 * Workloads that meet on attested TLS in tests: each with its evidence, its token and what it believes of others.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import {
  encodeInitTimeData,
  type InitTimeData,
  type PeerExpectation,
  type TeeRole,
} from '@sealward/attestation/evidence'
import type { SampleVendor } from '@sealward/attestation/sample'
import { type AttestedTls, createAttestedTls } from '../attested-tls/index.ts'
import { type Clock, systemRandom as random } from '../effects/index.ts'
import {
  createDenyListKeeper,
  createPassport,
  createSignerKeys,
  type DenyListKeeper,
  type Identity,
  type Passport,
  type SignerKeys,
} from '../identity/index.ts'
import type { TestAttestationService } from './attestation-service.ts'
import { endorsementsOf, sampleIdentity, sampleInitTimeData } from './sample.ts'

export interface TestWorkload {
  readonly identity: Identity
  readonly attested: AttestedTls
  readonly passport: Passport
  readonly signerKeys: SignerKeys
  readonly denyList: DenyListKeeper
  /** Hex SHA-256 of its init-time data. */
  readonly configId: string
  close(): Promise<void>
}

/** What is expected of a workload that `sampleIdentity` makes. */
export function sampleExpectation(
  role: TeeRole,
  changes: Partial<PeerExpectation> = {},
): PeerExpectation {
  const digest = (text: string): string => createHash('sha256').update(text).digest('hex')
  return {
    role,
    mrEnclave: [digest('code')],
    mrSigner: [digest('publisher')],
    isvProdId: 1,
    isvSvnMin: 1,
    debug: 'refused',
    tcbStatuses: ['UpToDate'],
    ...changes,
  }
}

/** A workload in a TEE of `vendor`'s, which believes `service` and expects `peers`. */
export async function createTestWorkload(
  options: Pick<Parameters<typeof sampleIdentity>[0], 'encryptionKey' | 'extras'> & {
    readonly vendor: SampleVendor
    readonly service: TestAttestationService
    readonly clock: Clock
    readonly role: TeeRole
    readonly peers?: readonly (TeeRole | PeerExpectation)[]
    readonly initTimeData?: Partial<InitTimeData>
    readonly rememberedSeconds?: number
    readonly denyListPollSeconds?: number
    /** Meets others with this identity instead of one of its own. */
    readonly identity?: Identity
  },
): Promise<TestWorkload> {
  const { vendor, service, clock, role, rememberedSeconds } = options
  const { issuer, signer, policyHash } = service
  const initTimeData: Partial<InitTimeData> = {
    role,
    attestation: { issuer, signers: [signer], policyHashes: [policyHash] },
    roots: [vendor.rootSpkiSha256],
    peers: (options.peers ?? []).map((peer) =>
      typeof peer === 'string' ? sampleExpectation(peer) : peer,
    ),
    ...options.initTimeData,
  }
  const identity = options.identity ?? (await sampleIdentity({ ...options, initTimeData })).identity
  const signerKeys = createSignerKeys({ url: issuer, clock })
  const denyList = createDenyListKeeper({
    url: issuer,
    issuer,
    signers: [signer],
    signerKeys,
    clock,
    ...(options.denyListPollSeconds !== undefined && { pollSeconds: options.denyListPollSeconds }),
  })
  const passport = createPassport({ identity, attestation: { issuer }, clock, random })
  const attested = createAttestedTls({
    identity,
    trust: {
      initTimeData: sampleInitTimeData(initTimeData),
      attestationUrl: issuer,
      signerKeys,
      denyList,
      clock,
      random,
    },
    endorsements: endorsementsOf(vendor, clock),
    ...(rememberedSeconds !== undefined && { rememberedSeconds }),
  })
  return {
    identity,
    attested,
    passport,
    signerKeys,
    denyList,
    configId: createHash('sha256')
      .update(encodeInitTimeData(sampleInitTimeData(initTimeData)))
      .digest('hex'),
    async close() {
      for (const each of [passport, denyList, signerKeys]) await each.close()
    },
  }
}
