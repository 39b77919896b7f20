import { defaultPolicyFor, policyHashOf } from '@sealward/attestation/policy'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  startTestPostgres,
  type TestPostgres,
} from '../../../../packages/enclave/src/testing/postgres.ts'
import { type Database, openStore } from '../store/open-store.ts'
import {
  type Administered,
  administered,
  azure,
  bearerOf,
  provider,
  type TestAnswer,
} from '../testing/administered.fixtures.ts'
import { startOfTests } from '../testing/attester.fixtures.ts'
import {
  createTestSigner,
  permitAll,
  policyPayload,
  signed,
  signerPayload,
  unsecured,
} from '../testing/policy-signer.fixtures.ts'
import { tokenHashOf } from './records.ts'

let postgres: TestPostgres
let database: Database
let alice: string
let bob: string
beforeAll(async () => {
  postgres = await startTestPostgres()
  database = await openStore({ url: postgres.url })
  alice = await bearerOf(['contributor', 'approver'], 'alice')
  bob = await bearerOf(['approver'], 'bob')
}, 60_000)
afterAll(async () => {
  await database?.destroy()
  await postgres?.stop()
})

const sgx = azure('/policies/SgxEnclave')
const approvalSeconds = 3600

function ofTwo(more: object = {}): Promise<Administered> {
  return administered(database, { mode: 'entra', approvalSeconds, ...more })
}

function propose({ ask }: Administered, text: string): Promise<TestAnswer> {
  return ask('PUT', sgx, { authorization: alice, body: unsecured(policyPayload(text)) })
}

function idOf({ body }: TestAnswer): string {
  return (body['approval'] as { readonly id: string }).id
}

function decide({ ask }: Administered, id: string, decision: string, authorization: string) {
  return ask('POST', `/approvals/${id}:${decision}`, { authorization })
}

async function inForce({ ask }: Administered): Promise<unknown> {
  return (await ask('GET', sgx, { authorization: alice })).claims['x-ms-policy']
}

const unset = unsecured(policyPayload(defaultPolicyFor('SgxEnclave')))
const set = unsecured(policyPayload(permitAll))

test('a change waits until somebody else approves it', async () => {
  const world = await ofTwo()
  const proposed = await propose(world, permitAll)
  const id = idOf(proposed)
  expect([proposed.status, proposed.azureCode, proposed.code]).toEqual([
    202,
    'ApprovalPending',
    'approval-pending',
  ])
  expect(proposed.body).toMatchObject({
    error: { message: expect.stringContaining(id) },
    approval: { id, expiresAt: startOfTests + approvalSeconds },
  })
  expect(await inForce(world)).toBe(unset)

  const reader = await bearerOf(['reader'])
  const list = await world.ask('GET', '/approvals', { authorization: reader })
  expect(list.body).toEqual({
    value: [
      {
        id,
        action: 'set',
        type: 'SgxEnclave',
        tokenHash: tokenHashOf(set),
        jws: set,
        proposer: { kind: 'person', issuer: provider.issuer, subject: 'alice' },
        proposedAt: startOfTests,
        expiresAt: startOfTests + approvalSeconds,
      },
    ],
  })

  const own = await decide(world, id, 'approve', alice)
  expect([own.status, own.code]).toEqual([403, 'approval-own'])
  const contributor = await bearerOf(['contributor'], 'carol')
  for (const authorization of [reader, contributor]) {
    expect((await decide(world, id, 'approve', authorization)).code).toBe('role-insufficient')
    expect((await decide(world, id, 'withdraw', authorization)).code).toBe('role-insufficient')
  }
  expect(await inForce(world)).toBe(unset)

  const approved = await decide(world, id, 'approve', bob)
  expect([approved.status, approved.claims]).toMatchObject([
    200,
    { 'x-ms-policy-result': 'Updated', 'x-ms-policy-token-hash': tokenHashOf(set) },
  ])
  expect(await inForce(world)).toBe(set)
  expect((await decide(world, id, 'approve', bob)).code).toBe('approval-decided')
  expect((await world.ask('GET', '/approvals', { authorization: bob })).body).toEqual({ value: [] })

  const { body } = await world.ask('GET', '/policies/SgxEnclave/history', { authorization: bob })
  expect(body['value']).toMatchObject([
    { action: 'set', version: 1, approval: id, actor: { subject: 'alice' } },
    { action: 'approve', approval: id, actor: { subject: 'bob' } },
    {
      action: 'propose',
      approval: id,
      actor: { subject: 'alice' },
      policyHash: await policyHashOf(permitAll),
    },
  ])
})

test('somebody is the same person under whichever roles', async () => {
  const world = await ofTwo()
  const id = idOf(await propose(world, permitAll))
  const disguised = await bearerOf(['approver'], 'alice')
  expect((await decide(world, id, 'approve', disguised)).code).toBe('approval-own')
})

test('what is asked for twice waits once, and what changes nothing does not wait', async () => {
  const world = await ofTwo()
  const id = idOf(await propose(world, permitAll))
  expect(idOf(await propose(world, permitAll))).toBe(id)
  const reset = { authorization: alice, body: unsecured('') }
  expect(
    (await world.ask('POST', azure('/policies/SgxEnclave:reset'), reset)).claims,
  ).toMatchObject({ 'x-ms-policy-result': 'Removed' })
})

test('a change that waited too long, was withdrawn or was overtaken is not done', async () => {
  const world = await ofTwo()
  const first = idOf(await propose(world, permitAll))
  const second = idOf(await propose(world, `${permitAll} `))
  expect((await decide(world, first, 'approve', bob)).status).toBe(200)
  const overtaken = await decide(world, second, 'approve', bob)
  expect([overtaken.status, overtaken.code]).toEqual([409, 'approval-stale'])

  expect((await decide(world, second, 'withdraw', alice)).body).toEqual({
    id: second,
    state: 'withdrawn',
  })
  expect((await decide(world, second, 'approve', bob)).code).toBe('approval-decided')
  const third = idOf(await propose(world, `${permitAll}  `))
  expect((await decide(world, third, 'withdraw', bob)).status).toBe(200)

  const fourth = idOf(await propose(world, `${permitAll}   `))
  world.clock.move(approvalSeconds)
  const late = await decide(world, fourth, 'approve', bob)
  expect([late.status, late.code]).toEqual([409, 'approval-expired'])
  expect((await world.ask('GET', '/approvals', { authorization: bob })).body).toEqual({ value: [] })
  expect(await inForce(world)).toBe(set)

  for (const target of ['nothing:approve', `${'0'.repeat(32)}:approve`, `${first}:burn`]) {
    const answer = await world.ask('POST', `/approvals/${target}`, { authorization: bob })
    expect([answer.status, answer.code]).toEqual([404, 'approval-unknown'])
  }
})

test('an approval of one instance means nothing in another', async () => {
  const [world, other] = [await ofTwo(), await ofTwo()]
  const id = idOf(await propose(world, permitAll))
  expect((await decide(other, id, 'approve', bob)).code).toBe('approval-unknown')
})

test('of two that approve at once, one does', async () => {
  const world = await ofTwo()
  const id = idOf(await propose(world, permitAll))
  const carol = await bearerOf(['approver'], 'carol')
  const answers = await Promise.all([
    decide(world, id, 'approve', bob),
    decide(world, id, 'approve', carol),
  ])
  expect(answers.map(({ status }) => status).sort((a, b) => a - b)).toEqual([200, 409])
})

test('no more wait than anybody could look through', async () => {
  const world = await ofTwo()
  for (let index = 0; index < 64; index++) {
    expect((await propose(world, permitAll + ' '.repeat(index))).status).toBe(202)
  }
  const more = await propose(world, permitAll + ' '.repeat(64))
  expect([more.status, more.code]).toEqual([409, 'approvals-too-many'])
})

test('in an isolated instance a signer proposes and a person approves, while the signer is one', async () => {
  const [first, second] = [await createTestSigner('first'), await createTestSigner('second')]
  const world = await ofTwo({ mode: 'isolated', signers: [first, second] })
  const { ask } = world
  const policy = await ask('PUT', sgx, { body: await signed(policyPayload(permitAll), first) })
  const remove = await ask('POST', azure('/certificates:remove'), {
    body: await signed(signerPayload(first), second),
  })
  expect([policy.status, remove.status]).toEqual([202, 202])
  const removed = await decide(world, idOf(remove), 'approve', bob)
  expect(removed.claims).toMatchObject({
    'x-ms-policycertificates-result': 'IsAbsent',
    'x-ms-certificate-thumbprint': first.thumbprint,
  })
  const orphaned = await decide(world, idOf(policy), 'approve', bob)
  expect([orphaned.status, orphaned.code]).toEqual([403, 'policy-signer-unknown'])
  expect(await inForce(world)).toBe(unset)

  // What waited or was withdrawn was used: who saw it cannot propose it again.
  const body = await signed(policyPayload(permitAll), second)
  const proposed = await ask('PUT', sgx, { body })
  expect((await decide(world, idOf(proposed), 'withdraw', bob)).status).toBe(200)
  expect((await ask('PUT', sgx, { body })).code).toBe('policy-jws-replayed')
})

test('what was proposed before something newer was accepted opens the door to nothing older', async () => {
  const [first, second] = [await createTestSigner('first'), await createTestSigner('second')]
  const [third, fourth] = [await createTestSigner('third'), await createTestSigner('fourth')]
  const world = await ofTwo({ mode: 'isolated', signers: [first] })
  const add = async (signer: typeof first, iat: number): Promise<TestAnswer> =>
    world.ask('POST', azure('/certificates:add'), {
      body: await signed({ ...signerPayload(signer), iat }, first),
    })
  const earlier = await add(second, startOfTests - 20)
  const later = await add(third, startOfTests)
  for (const proposed of [later, earlier]) {
    expect((await decide(world, idOf(proposed), 'approve', bob)).status).toBe(200)
  }
  expect((await add(fourth, startOfTests - 10)).code).toBe('policy-jws-outdated')
})

test('whose token came with a signed proposal does not approve it', async () => {
  const first = await createTestSigner('first')
  const world = await ofTwo({ mode: 'isolated', signers: [first] })
  const body = await signed(policyPayload(permitAll), first)
  const proposed = await world.ask('PUT', sgx, { authorization: alice, body })
  expect(proposed.status).toBe(202)
  const own = await decide(world, idOf(proposed), 'approve', alice)
  expect([own.status, own.code]).toEqual([403, 'approval-own'])
  expect((await decide(world, idOf(proposed), 'approve', bob)).status).toBe(200)
})
