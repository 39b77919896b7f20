import { createSampleVendor } from '@sealward/attestation/sample'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { type Clock, systemClock } from '../effects/index.ts'
import {
  startAttestationService,
  type TestAttestationService,
} from '../testing/attestation-service.ts'
import { createDenyListKeeper, type DenyListKeeper } from './deny-list-keeper.ts'
import { createSignerKeys, type SignerKeys } from './signer-keys.ts'

const start = systemClock.now()
let at: number
const clock: Clock = { now: () => at }
let service: TestAttestationService
let signerKeys: SignerKeys
let keeper: DenyListKeeper
let problems: string[]

beforeEach(async () => {
  at = start
  problems = []
  service = await startAttestationService(await createSampleVendor({ at }), clock)
  signerKeys = createSignerKeys({ url: service.issuer, clock })
  keeper = createDenyListKeeper({
    url: service.issuer,
    issuer: service.issuer,
    signers: [service.signer],
    signerKeys,
    clock,
    onProblem: ({ code }) => problems.push(code),
  })
})
afterEach(async () => {
  await keeper.close()
  await signerKeys.close()
  await service.close()
})

const asked = (): number => service.asked.filter((one) => one === 'GET /deny-list').length
const sequence = async (): Promise<unknown> => {
  const trust = await keeper.trust()
  if (!trust.ok) return trust.problem.code
  return 'list' in trust.value ? trust.value.list.sequence : trust.value.unchecked
}

test('the list is asked for once a minute, whoever asks meanwhile', async () => {
  expect(await Promise.all([sequence(), sequence(), sequence()])).toEqual([1, 1, 1])
  at = start + 59
  await sequence()
  expect(asked()).toBe(1)
  service.sequence = 2
  at = start + 60
  expect(await sequence()).toBe(2)
  expect(asked()).toBe(2)
})

test('while no list ever came there is none to go by, and it is asked for again soon', async () => {
  service.failing = 503
  expect(await sequence()).toBe('deny-list-stale')
  at = start + 4
  expect(await sequence()).toBe('deny-list-stale')
  expect(asked()).toBe(1)
  service.failing = undefined
  at = start + 5
  expect(await sequence()).toBe(1)
  expect(problems).toEqual(['attestation-unavailable'])
})

test('the list that is known is given with its maximum age, which whoever verifies holds it to', async () => {
  const first = await keeper.trust()
  service.failing = 503
  at = start + 400
  expect(await keeper.trust()).toEqual(first)
  expect(first).toMatchObject({ value: { ageSecondsMax: 300, list: { issuedAt: start } } })
})

test('a clock that was set back makes no list young: it is asked for again', async () => {
  expect(await sequence()).toBe(1)
  service.sequence = 2
  at = start - 3600
  expect(await sequence()).toBe(2)
})

test('a clock that was ahead and is right again is caught up with by the next list', async () => {
  at = start + 3600
  expect(await sequence()).toBe(1)
  at = start
  expect(await keeper.trust()).toMatchObject({ value: { list: { issuedAt: start } } })
})

test('a list with a smaller sequence is not used', async () => {
  service.sequence = 9
  expect(await sequence()).toBe(9)
  service.sequence = 8
  at = start + 60
  expect(await sequence()).toBe(9)
  expect(problems).toEqual(['deny-list-rolled-back'])
})

test('a list by a key that is not pinned is not used, though the service publishes it', async () => {
  expect(await sequence()).toBe(1)
  service.rotate()
  service.sequence = 2
  at = start + 60
  expect(await sequence()).toBe(1)
  expect(problems).toEqual(['unknown-signer'])
})

test('it is polled while nobody asks', async () => {
  const polling = createDenyListKeeper({
    url: service.issuer,
    issuer: service.issuer,
    signers: [service.signer],
    signerKeys,
    clock,
    pollSeconds: 0.02,
  })
  while (asked() < 3) await new Promise((resolve) => setTimeout(resolve, 5))
  await polling.close()
  const after = asked()
  await new Promise((resolve) => setTimeout(resolve, 100))
  expect(asked()).toBeLessThanOrEqual(after + 1)
})
