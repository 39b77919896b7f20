import { createHash } from 'node:crypto'
import { encodeInitTimeData, type InitTimeData } from '@sealward/attestation/evidence'
import { createSampleVendor, type SampleVendor } from '@sealward/attestation/sample'
import { type Clock, systemClock, systemRandom } from '../effects/index.ts'
import type { PcsClient } from '../endorsements/index.ts'
import { createSampleTee, type Tee } from '../evidence/index.ts'
import {
  createIdentity,
  type EncryptionKey,
  type EvidenceExtras,
  type Identity,
} from '../identity/index.ts'

/** Trust configuration of a workload in tests. */
export function sampleInitTimeData(changes: Partial<InitTimeData> = {}): InitTimeData {
  return {
    version: 1,
    deployment: 'urn:uuid:00000000-0000-4000-8000-000000000001',
    role: 'platform',
    attestation: {
      issuer: 'http://127.0.0.1:1/attestation',
      signers: ['A'.repeat(43)],
      policyHashes: ['A'.repeat(43)],
    },
    peers: [],
    development: true,
    roots: ['0'.repeat(64)],
    ...changes,
  }
}

/** A vendor, a TEE in this process, and an identity in it. */
export async function sampleIdentity(options: {
  readonly initTimeData?: Partial<InitTimeData>
  readonly endorsements?: (vendor: SampleVendor) => PcsClient
  readonly vendor?: SampleVendor
  readonly clock?: Clock
  readonly encryptionKey?: EncryptionKey
  readonly extras?: EvidenceExtras
}): Promise<{
  readonly vendor: SampleVendor
  readonly tee: Tee
  readonly identity: Identity
}> {
  const clock = options.clock ?? systemClock
  const vendor = options.vendor ?? (await createSampleVendor({ at: clock.now() }))
  const tee = await createSampleTee({
    vendor,
    initTimeData: encodeInitTimeData(sampleInitTimeData(options.initTimeData)),
    mrEnclave: createHash('sha256').update('code').digest(),
    mrSigner: createHash('sha256').update('publisher').digest(),
    isvProdId: 1,
    isvSvn: 1,
    hostSecret: new Uint8Array(32).fill(7),
  })
  const identity = await createIdentity({
    tee,
    endorsements: options.endorsements?.(vendor) ?? endorsementsOf(vendor, clock),
    random: systemRandom,
    clock,
    ...(options.encryptionKey && { encryptionKey: options.encryptionKey }),
    ...(options.extras && { extras: options.extras }),
  })
  return { vendor, tee, identity }
}

/** Endorsements without a service in between. */
export function endorsementsOf(vendor: SampleVendor, clock: Clock): PcsClient {
  return {
    endorsementsFor: async () => ({
      ok: true,
      value: await vendor.endorsements({ at: clock.now(), lifetimeSeconds: 3600 }),
    }),
    close: async () => {},
  }
}
