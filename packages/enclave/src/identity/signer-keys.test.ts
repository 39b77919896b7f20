import { createSampleVendor } from '@sealward/attestation/sample'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Clock, systemClock } from '../effects/index.ts'
import {
  startAttestationService,
  type TestAttestationService,
} from '../testing/attestation-service.ts'
import { createSignerKeys, type SignerKeys } from './signer-keys.ts'

const start = systemClock.now()
let at: number
const clock: Clock = { now: () => at }
let service: TestAttestationService
let signerKeys: SignerKeys

beforeEach(async () => {
  at = start
  service = await startAttestationService(await createSampleVendor({ at }), clock)
  signerKeys = createSignerKeys({ url: service.issuer, clock })
})
afterEach(async () => {
  await signerKeys.close()
  await service.close()
})

test('keys are asked for once in five minutes', async () => {
  const first = await signerKeys.keys()
  expect(first).toMatchObject({ ok: true, value: { keys: [{ kid: service.signer }] } })
  at = start + 299
  expect(await signerKeys.keys()).toEqual(first)
  expect(service.asked).toEqual(['GET /certs'])
  at = start + 300
  await signerKeys.keys()
  expect(service.asked).toHaveLength(2)
})

test('known keys are used for an hour while the service is down, and no longer', async () => {
  await signerKeys.keys()
  service.failing = 503
  at = start + 3600
  expect(await signerKeys.keys()).toMatchObject({ ok: true })
  at = start + 3601
  expect(await signerKeys.keys()).toMatchObject({ problem: { code: 'attestation-unavailable' } })
})

test('a clock that was set back makes no keys young', async () => {
  await signerKeys.keys()
  service.failing = 503
  at = start - 3601
  expect(await signerKeys.keys()).toMatchObject({ problem: { code: 'attestation-unavailable' } })
  at = start - 3600
  expect(await signerKeys.keys()).toMatchObject({ ok: true })
})

test('unknown keys are asked for at most every ten seconds', async () => {
  const before = await signerKeys.keys()
  service.rotate()
  for (let count = 0; count < 5; count++) await signerKeys.refresh()
  expect(service.asked).toHaveLength(1)
  at = start + 10
  expect(await signerKeys.refresh()).not.toEqual(before)
})

test('an answer of another form is no answer', async () => {
  const other = createSignerKeys({ url: `${service.issuer}/nothing`, clock })
  expect(await other.keys()).toMatchObject({ problem: { code: 'attestation-unavailable' } })
  await other.close()
})
