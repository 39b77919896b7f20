/** What whoever holds the database can do to policies, and cannot. */

import { policyHashOf } from '@sealward/attestation/policy'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  startTestPostgres,
  type TestPostgres,
} from '../../../../packages/enclave/src/testing/postgres.ts'
import { builtInPolicies } from '../policies/built-in-policies.ts'
import { createStoredPolicies } from '../policies/stored-policies.ts'
import { type Database, openStore } from '../store/open-store.ts'
import {
  type Administered,
  administered,
  azure,
  bearerOf,
  sealer,
} from '../testing/administered.fixtures.ts'
import {
  createTestSigner,
  permitAll,
  policyPayload,
  signed,
  unsecured,
} from '../testing/policy-signer.fixtures.ts'
import { createPolicyStateStore } from './policy-state.ts'

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
const denyAll = 'version=1.0; authorizationrules{=> deny();};'
const refused = { ok: false, problem: { code: 'policy-state-refused' } }

function set({ ask }: Administered, text: string) {
  return ask('PUT', sgx, { authorization: contributor, body: unsecured(policyPayload(text)) })
}

interface Row {
  readonly sequence: number
  readonly sealed: Buffer
}

async function rowOf({ instance }: Administered): Promise<Row> {
  const [row] = await postgres.run(
    'select sequence, sealed from attestation.policy_state where instance = $1',
    [instance.name],
  )
  return row as unknown as Row
}

async function putBack({ instance }: Administered, { sequence, sealed }: Row): Promise<void> {
  await postgres.run(
    'update attestation.policy_state set sequence = $2, sealed = $3 where instance = $1',
    [instance.name, sequence, sealed],
  )
}

/** What a process that has just started makes of the database. */
async function afterRestart({ instance, clock }: Administered) {
  const store = createPolicyStateStore({ database, sealer, instance: instance.name })
  const defaults = await builtInPolicies({ development: false })
  return createStoredPolicies({ store, defaults, clock }).inForce('SgxEnclave')
}

test('a row that was changed, or is another instance’s, puts nothing in force', async () => {
  const [world, other] = [
    await administered(database, { mode: 'entra' }),
    await administered(database, { mode: 'entra' }),
  ]
  await set(world, denyAll)
  await set(other, permitAll)
  const genuine = await rowOf(world)
  const flipped = Buffer.from(genuine.sealed)
  flipped.writeUInt8(flipped.readUInt8(40) ^ 1, 40)
  for (const row of [
    { ...genuine, sealed: flipped },
    await rowOf(other),
    { ...genuine, sequence: 2 },
    { ...genuine, sealed: Buffer.from('nonsense') },
  ]) {
    await putBack(world, row)
    expect(await afterRestart(world)).toMatchObject(refused)
  }
  await putBack(world, genuine)
  expect(await afterRestart(world)).toMatchObject({
    ok: true,
    value: { hash: await policyHashOf(denyAll) },
  })
})

test('a process that saw a newer state does not go back to an older one, nor to none', async () => {
  const world = await administered(database, { mode: 'entra' })
  const { ask, clock, instance } = world
  await set(world, permitAll)
  const old = await rowOf(world)
  await set(world, denyAll)
  expect(await instance.policies.inForce('SgxEnclave')).toMatchObject({ ok: true })
  await putBack(world, old)
  clock.move(5)
  // Not an outage: what was known is not used for minutes more.
  expect(await instance.policies.inForce('SgxEnclave')).toMatchObject(refused)
  const attested = await ask('POST', azure('/attest/SgxEnclave'), {
    body: JSON.stringify({ quote: 'AAAA' }),
    contentType: 'application/json',
  })
  expect([attested.status, attested.code]).toEqual([503, 'policy-state-refused'])
  const got = await ask('GET', sgx, { authorization: contributor })
  expect([got.status, got.code]).toEqual([503, 'policy-state-refused'])
  expect((await set(world, permitAll)).code).toBe('policy-state-refused')
  await postgres.run('delete from attestation.policy_state where instance = $1', [instance.name])
  expect(await instance.policies.inForce('SgxEnclave')).toMatchObject(refused)
})

test('a signer cannot be slipped in, nor a policy under somebody’s approval', async () => {
  const approver = await bearerOf(['approver'], 'bob')
  const world = await administered(database, { mode: 'entra', approvalSeconds: 600 })
  const { ask, instance } = world
  const proposed = await set(world, denyAll)
  const { id } = proposed.body['approval'] as { readonly id: string }
  // The owner of the database turns off what guards history.
  await postgres.run('alter table attestation.policy_event disable trigger append_only')
  await postgres.run('update attestation.policy_event set jws = $2 where instance = $1', [
    instance.name,
    unsecured(policyPayload(permitAll)),
  ])
  await postgres.run('alter table attestation.policy_event enable trigger append_only')
  for (const [method, path] of [
    ['POST', `/approvals/${id}:approve`],
    ['GET', '/approvals'],
  ] as const) {
    const answer = await ask(method, path, { authorization: approver })
    expect([answer.status, answer.code]).toEqual([503, 'policy-state-refused'])
  }
  const signer = await createTestSigner('signer')
  const isolated = await administered(database, { mode: 'isolated', signers: [signer] })
  await putBack(isolated, { ...(await rowOf(isolated)), sequence: 2 })
  const body = await signed(policyPayload(permitAll), signer)
  expect((await isolated.ask('PUT', sgx, { body })).code).toBe('policy-state-refused')
})

test('no policy and no signer lies open in the row', async () => {
  const signer = await createTestSigner('signer')
  const world = await administered(database, { mode: 'isolated', signers: [signer] })
  const { sealed } = await rowOf(world)
  expect(sealed.includes(Buffer.from(signer.x5c.slice(0, 32)))).toBe(false)
  expect(sealed.includes(Buffer.from('signers'))).toBe(false)
})
