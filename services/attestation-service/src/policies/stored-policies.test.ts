import { defaultPolicyFor, policyHashOf } from '@sealward/attestation/policy'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { type Line, startLine } from '../../../../packages/enclave/src/testing/line.ts'
import {
  startTestPostgres,
  type TestPostgres,
} from '../../../../packages/enclave/src/testing/postgres.ts'
import { createPolicyStateStore } from '../administration/policy-state.ts'
import { type Database, openStore } from '../store/open-store.ts'
import { administered, azure, bearerOf, sealer } from '../testing/administered.fixtures.ts'
import { movableClock } from '../testing/attester.fixtures.ts'
import { permitAll, policyPayload, unsecured } from '../testing/policy-signer.fixtures.ts'
import { builtInPolicies } from './built-in-policies.ts'
import { createStoredPolicies } from './stored-policies.ts'

let postgres: TestPostgres
let database: Database
let contributor: string
beforeAll(async () => {
  postgres = await startTestPostgres()
  database = await openStore({ url: postgres.url })
  contributor = await bearerOf(['contributor'])
}, 60_000)
afterAll(async () => {
  await database?.destroy()
  await postgres?.stop()
})

const sgx = azure('/policies/SgxEnclave')
const hashes = {
  permitAll: await policyHashOf(permitAll),
  unset: await policyHashOf(defaultPolicyFor('SgxEnclave')),
}

/** The same database over a line that can be cut. */
async function farDatabase(): Promise<{ readonly line: Line; readonly far: Database }> {
  const url = new URL(postgres.url)
  const line = await startLine(Number(url.port))
  url.port = String(line.port)
  return { line, far: await openStore({ url: url.href, connectionsMax: 1 }) }
}

test('a replica sees what another one set after five seconds at most', async () => {
  const { ask, clock, instance } = await administered(database, { mode: 'entra' })
  const replica = createStoredPolicies({
    store: createPolicyStateStore({ database, sealer, instance: instance.name }),
    defaults: await builtInPolicies({ development: false }),
    clock,
  })
  expect(await replica.inForce('SgxEnclave')).toMatchObject({ value: { hash: hashes.unset } })
  const body = unsecured(policyPayload(permitAll))
  await ask('PUT', sgx, { authorization: contributor, body })
  clock.move(4)
  expect(await replica.inForce('SgxEnclave')).toMatchObject({ value: { hash: hashes.unset } })
  clock.move(1)
  expect(await replica.inForce('SgxEnclave')).toMatchObject({ value: { hash: hashes.permitAll } })
})

test('a policy is parsed once, and many who ask at once are one question', async () => {
  const { ask, clock, instance } = await administered(database, { mode: 'entra' })
  const body = unsecured(policyPayload(permitAll))
  await ask('PUT', sgx, { authorization: contributor, body })
  const { policies } = instance
  const many = await Promise.all(Array.from({ length: 20 }, () => policies.inForce('SgxEnclave')))
  clock.move(5)
  many.push(await policies.inForce('SgxEnclave'))
  const [first] = many
  if (!first?.ok) throw new Error('nothing in force')
  for (const one of many) expect(one.ok && one.value.policy).toBe(first.value.policy)
})

test('while the database is away the policy stays in force for five minutes, and no default after that', async () => {
  const { line, far } = await farDatabase()
  const { ask, clock, instance } = await administered(database, { mode: 'entra' })
  const body = unsecured(policyPayload(permitAll))
  await ask('PUT', sgx, { authorization: contributor, body })
  const options = {
    store: createPolicyStateStore({ database: far, sealer, instance: instance.name }),
    defaults: await builtInPolicies({ development: false }),
    clock,
  }
  const policies = createStoredPolicies(options)
  expect(await policies.inForce('SgxEnclave')).toMatchObject({ value: { hash: hashes.permitAll } })
  line.cut()
  clock.move(299)
  expect(await policies.inForce('SgxEnclave')).toMatchObject({ value: { hash: hashes.permitAll } })
  clock.move(1)
  const away = { ok: false, problem: { code: 'store-unavailable' } }
  expect(await policies.inForce('SgxEnclave')).toMatchObject(away)
  // A type that nobody asked about before, and a process that has just started, have nothing to go by.
  expect(await policies.inForce('TdxVm')).toMatchObject(away)
  expect(await createStoredPolicies(options).inForce('SgxEnclave')).toMatchObject(away)
  line.mend()
  expect(await policies.inForce('SgxEnclave')).toMatchObject({ value: { hash: hashes.permitAll } })
  await far.destroy()
  await line.close()
})

test('a clock that is set back keeps nothing in force for longer', async () => {
  const { ask, clock, instance } = await administered(database, { mode: 'entra' })
  expect(await instance.policies.inForce('SgxEnclave')).toMatchObject({
    value: { hash: hashes.unset },
  })
  const body = unsecured(policyPayload(permitAll))
  await ask('PUT', sgx, { authorization: contributor, body })
  clock.move(-60)
  expect(await instance.policies.inForce('SgxEnclave')).toMatchObject({
    value: { hash: hashes.permitAll },
  })
})

test('evidence is answered with 503 while nothing is known to be in force', async () => {
  const { line, far } = await farDatabase()
  const { ask } = await administered(far, { mode: 'entra', clock: movableClock() })
  line.cut()
  const answer = await ask('POST', azure('/attest/SgxEnclave'), {
    body: JSON.stringify({ quote: 'AAAA' }),
    contentType: 'application/json',
  })
  expect([answer.status, answer.azureCode, answer.code]).toEqual([
    503,
    'ServiceUnavailable',
    'store-unavailable',
  ])
  const got = await ask('GET', sgx, { authorization: contributor })
  expect([got.status, got.code]).toEqual([503, 'store-unavailable'])
  await far.destroy()
  await line.close()
})
