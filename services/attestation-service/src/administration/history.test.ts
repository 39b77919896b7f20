import { policyHashOf } from '@sealward/attestation/policy'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  startTestPostgres,
  type TestPostgres,
} from '../../../../packages/enclave/src/testing/postgres.ts'
import { type Database, openStore } from '../store/open-store.ts'
import { administered, azure, bearerOf, provider } from '../testing/administered.fixtures.ts'
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
beforeAll(async () => {
  postgres = await startTestPostgres()
  database = await openStore({ url: postgres.url })
}, 60_000)
afterAll(async () => {
  await database?.destroy()
  await postgres?.stop()
})

const sgx = azure('/policies/SgxEnclave')
const person = (subject: string): object => ({ kind: 'person', issuer: provider.issuer, subject })

test('history says who did what and when, refusals of somebody known included', async () => {
  const { ask, clock } = await administered(database, { mode: 'entra' })
  const [alice, bob] = [
    await bearerOf(['contributor'], 'alice'),
    await bearerOf(['contributor'], 'bob'),
  ]
  const set = unsecured(policyPayload(permitAll))
  const broken = unsecured(policyPayload('version=1.0;'))
  await ask('PUT', sgx, { authorization: alice, body: set })
  clock.move(60)
  await ask('PUT', sgx, { authorization: bob, body: broken })
  await ask('POST', azure('/policies/SgxEnclave:reset'), {
    authorization: bob,
    body: unsecured(''),
  })
  await ask('PUT', azure('/policies/TdxVm'), { authorization: bob, body: set })
  await ask('PUT', sgx, { body: set })
  const { status, body, headers } = await ask('GET', '/policies/SgxEnclave/history', {
    authorization: await bearerOf(['reader']),
  })
  expect(status).toBe(200)
  expect(headers['cache-control']).toBe('no-store')
  expect(body).toEqual({
    value: [
      {
        number: 3,
        at: startOfTests + 60,
        action: 'reset',
        type: 'SgxEnclave',
        version: 2,
        tokenHash: tokenHashOf(unsecured('')),
        actor: person('bob'),
      },
      {
        number: 2,
        at: startOfTests + 60,
        action: 'refuse',
        type: 'SgxEnclave',
        tokenHash: tokenHashOf(broken),
        problem: 'policy-section',
        actor: person('bob'),
      },
      {
        number: 1,
        at: startOfTests,
        action: 'set',
        type: 'SgxEnclave',
        version: 1,
        policyHash: await policyHashOf(permitAll),
        tokenHash: tokenHashOf(set),
        actor: person('alice'),
      },
    ],
  })
})

test('a version is the policy as it was, and only those that were are there', async () => {
  const { ask } = await administered(database, { mode: 'entra' })
  const authorization = await bearerOf(['contributor'], 'alice')
  const jws = unsecured(policyPayload(permitAll))
  await ask('PUT', sgx, { authorization, body: jws })
  await ask('POST', azure('/policies/SgxEnclave:reset'), { authorization, body: unsecured('') })
  const version = (n: string) => ask('GET', `/policies/SgxEnclave/versions/${n}`, { authorization })
  expect((await version('1')).body).toMatchObject({
    version: 1,
    action: 'set',
    jws,
    policy: permitAll,
    policyHash: await policyHashOf(permitAll),
    actor: person('alice'),
    at: startOfTests,
  })
  const reset = await version('2')
  expect(reset.body).toMatchObject({ version: 2, action: 'reset' })
  expect(reset.body).not.toHaveProperty('policy')
  for (const n of ['3', '0', '-1', '1.0', 'x', '99999999999']) {
    const answer = await version(n)
    expect([answer.status, answer.code]).toEqual([404, 'version-unknown'])
  }
  expect((await ask('GET', '/policies/SgxEnclave/versions/1')).status).toBe(401)
})

test('history comes in pages, newest first, none twice and none left out', async () => {
  const { ask, instance } = await administered(database, { mode: 'entra' })
  const authorization = await bearerOf(['contributor'])
  for (let index = 0; index < 7; index++) {
    const body = unsecured(policyPayload(permitAll + ' '.repeat(index)))
    await ask('PUT', sgx, { authorization, body })
    await ask('PUT', azure('/policies/TdxVm'), { authorization, body })
  }
  const seen: unknown[] = []
  let path: string | undefined = '/policies/SgxEnclave/history?limit=3'
  while (path !== undefined) {
    const { body } = await ask('GET', path, { authorization })
    const { value, nextLink } = body as {
      readonly value: readonly { readonly version: number; readonly type: string }[]
      readonly nextLink?: string
    }
    expect(value.length).toBeLessThanOrEqual(3)
    expect(value.every(({ type }) => type === 'SgxEnclave')).toBe(true)
    seen.push(...value.map(({ version }) => version))
    path = nextLink?.slice(instance.issuer.length)
  }
  expect(seen).toEqual([7, 6, 5, 4, 3, 2, 1])
  for (const query of ['limit=0', 'limit=201', 'limit=x', 'before=-1', 'limit=1&limit=2']) {
    const answer = await ask('GET', `/policies/SgxEnclave/history?${query}`, { authorization })
    expect([answer.status, answer.code]).toEqual([400, 'query-malformed'])
  }
})

test('signers have a history too, which begins with the operator', async () => {
  const [first, second] = [await createTestSigner('first'), await createTestSigner('second')]
  const { ask } = await administered(database, { mode: 'isolated', signers: [first] })
  await ask('POST', azure('/certificates:add'), {
    body: await signed(signerPayload(second), first),
  })
  await ask('POST', azure('/certificates:remove'), {
    body: await signed(signerPayload(first), second),
  })
  await ask('POST', azure('/certificates:remove'), {
    body: await signed(signerPayload(second), second),
  })
  const { body } = await ask('GET', '/certificates/history', {
    authorization: await bearerOf(['reader']),
  })
  expect(body['value']).toMatchObject([
    { number: 4, action: 'refuse', problem: 'signer-last' },
    {
      number: 3,
      action: 'remove',
      certificateThumbprint: first.thumbprint,
      actor: { kind: 'signer', thumbprint: second.thumbprint },
    },
    {
      number: 2,
      action: 'add',
      certificateThumbprint: second.thumbprint,
      actor: { kind: 'signer', thumbprint: first.thumbprint },
    },
    {
      number: 1,
      action: 'add',
      certificateThumbprint: first.thumbprint,
      actor: { kind: 'operator' },
    },
  ])
})

test('strangers leave no trace, and so cannot fill the database', async () => {
  const { ask, instance } = await administered(database, { mode: 'isolated', signers: [] })
  const stranger = await createTestSigner('stranger')
  await ask('PUT', sgx, { body: await signed(policyPayload(permitAll), stranger) })
  await ask('PUT', sgx, { body: unsecured(policyPayload(permitAll)) })
  expect(
    await postgres.run('select * from attestation.policy_event where instance = $1', [
      instance.name,
    ]),
  ).toEqual([])
})

test('the database itself lets nobody rewrite history', async () => {
  const { ask } = await administered(database, { mode: 'entra' })
  const authorization = await bearerOf(['contributor'])
  await ask('PUT', sgx, { authorization, body: unsecured(policyPayload(permitAll)) })
  for (const statement of [
    `update attestation.policy_event set action = 'reset'`,
    'delete from attestation.policy_event',
    'truncate attestation.policy_event',
  ]) {
    await expect(postgres.run(statement)).rejects.toThrow(/append-only/)
  }
})
