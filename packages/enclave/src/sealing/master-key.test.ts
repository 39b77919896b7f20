import { base64UrlOf } from '@sealward/attestation/bytes'
import type { InitTimeData } from '@sealward/attestation/evidence'
import { createSampleVendor, type SampleVendor } from '@sealward/attestation/sample'
import { beforeAll, expect, test } from 'vitest'
import { systemClock } from '../effects/index.ts'
import { sampleIdentity } from '../testing/sample.ts'
import { type MasterKey, masterKeyOf } from './master-key.ts'

const identity = { issuer: 'https://hospital.example', audience: 'platform', roleClaim: 'roles' }
let vendor: SampleVendor

beforeAll(async () => {
  vendor = await createSampleVendor({ at: systemClock.now() })
})

const keyWith = async (initTimeData: Partial<InitTimeData>): Promise<MasterKey> =>
  masterKeyOf((await sampleIdentity({ vendor, initTimeData })).tee)

test('the same configuration gets the same key, and so do one with other peers and one with another attestation service', async () => {
  const key = await keyWith({ identity })
  expect(key).toHaveLength(32)
  expect(await keyWith({ identity })).toEqual(key)
  const attestation = {
    issuer: 'https://other.example',
    signers: [base64UrlOf(new Uint8Array(32))],
    policyHashes: [base64UrlOf(new Uint8Array(32).fill(1))],
  }
  expect(await keyWith({ identity, attestation, roots: ['1'.repeat(64)] })).toEqual(key)
})

test('another deployment, another role, another identity provider and other restorers get another key', async () => {
  const keys = await Promise.all(
    [
      { identity },
      { identity, deployment: 'urn:uuid:00000000-0000-4000-8000-000000000002' },
      { identity, role: 'diagnostics' as const },
      { identity: { ...identity, issuer: 'https://operator.example' } },
      { identity: { ...identity, audience: 'other' } },
      { identity: { ...identity, roleClaim: 'groups' } },
      {},
      { identity, restorers: ['A'.repeat(43)] },
    ].map(keyWith),
  )
  expect(new Set(keys.map((key) => Buffer.from(key).toString('hex'))).size).toBe(8)
})
