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

test('a key broker that believes another attestation service gets another key: it would release to whomever that one names', async () => {
  const role = 'key-broker'
  const [one, other] = [base64UrlOf(new Uint8Array(32)), base64UrlOf(new Uint8Array(32).fill(2))]
  const attestation = {
    issuer: 'https://attestation.example',
    signers: [one, other],
    policyHashes: [base64UrlOf(new Uint8Array(32).fill(1))],
  }
  const key = await keyWith({ role, identity, attestation })
  const policyHashes = [base64UrlOf(new Uint8Array(32).fill(3))]
  const same = { ...attestation, signers: [other, one], policyHashes }
  expect(await keyWith({ role, identity, attestation: same })).toEqual(key)
  const keys = await Promise.all(
    [
      attestation,
      { ...attestation, issuer: 'https://operator.example' },
      { ...attestation, signers: [one] },
      { ...attestation, signers: [one, other, base64UrlOf(new Uint8Array(32).fill(4))] },
    ].map((changed) => keyWith({ role, identity, attestation: changed })),
  )
  expect(new Set(keys.map((one) => Buffer.from(one).toString('hex'))).size).toBe(4)
})

test('what was sealed in production does not open for development, where an operator says who names the people', async () => {
  const { tee } = await sampleIdentity({ vendor, initTimeData: { identity } })
  expect(tee.initTimeData.development).toBe(true)
  const production = { ...tee, initTimeData: { ...tee.initTimeData, development: false } }
  expect(await masterKeyOf(tee)).not.toEqual(await masterKeyOf(production))
})
