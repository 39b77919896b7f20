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
} from '../testing/administered.fixtures.ts'
import { startOfTests } from '../testing/attester.fixtures.ts'
import {
  createTestSigner,
  keyUsages,
  permitAll,
  policyPayload,
  signed,
  signerPayload,
  type TestSigner,
  unsecured,
} from '../testing/policy-signer.fixtures.ts'
import { readPolicyJws } from './policy-jws.ts'

let postgres: TestPostgres
let database: Database
let first: TestSigner
let second: TestSigner
beforeAll(async () => {
  postgres = await startTestPostgres()
  database = await openStore({ url: postgres.url })
  first = await createTestSigner('first')
  second = await createTestSigner('second', { algorithm: 'ES256' })
}, 60_000)
afterAll(async () => {
  await database?.destroy()
  await postgres?.stop()
})

const sgx = azure('/policies/SgxEnclave')
const [add, remove] = [azure('/certificates:add'), azure('/certificates:remove')]

function isolated(signers: readonly TestSigner[], more: object = {}): Promise<Administered> {
  return administered(database, { mode: 'isolated', signers, ...more })
}

const policyOf = (text: string, signer: TestSigner, more: object = {}): Promise<string> =>
  signed(policyPayload(text), signer, more)

async function thumbprints({ ask }: Administered): Promise<readonly unknown[]> {
  const { claims } = await ask('GET', azure('/certificates'), {
    authorization: await bearerOf(['reader']),
  })
  const { keys } = claims['x-ms-policy-certificates'] as { readonly keys: readonly object[] }
  return keys.map((key) => Reflect.get(key, 'kid'))
}

test('a registered signer sets and resets, without anybody else; nothing unsigned does', async () => {
  const { ask } = await isolated([first, second])
  for (const signer of [first, second]) {
    const set = await ask('PUT', sgx, { body: await policyOf(permitAll, signer) })
    expect([set.status, set.claims]).toMatchObject([
      200,
      { 'x-ms-policy-result': 'Updated', 'x-ms-policy-signer': { x5c: [signer.x5c] } },
    ])
    const reset = await ask('POST', azure('/policies/SgxEnclave:reset'), {
      body: await signed('', signer),
    })
    expect(reset.claims).toMatchObject({ 'x-ms-policy-result': 'Removed' })
  }
  // Not even for somebody with the role.
  const authorization = await bearerOf(['contributor'])
  const answer = await ask('PUT', sgx, { authorization, body: unsecured(policyPayload(permitAll)) })
  expect([answer.status, answer.azureCode, answer.code]).toEqual([
    403,
    'Forbidden',
    'policy-unsigned',
  ])
})

test('a key without a certificate counts as the registered certificate of this key', async () => {
  const { ask } = await isolated([first])
  const { n, e } = first.privateKey.export({ format: 'jwk' })
  const header = { x5c: undefined, jwk: { kty: 'RSA', n, e } }
  expect(
    (await ask('PUT', sgx, { body: await policyOf(permitAll, first, { header }) })).status,
  ).toBe(200)
  const { x, y } = second.privateKey.export({ format: 'jwk' })
  const other = { x5c: undefined, jwk: { kty: 'EC', crv: 'P-256', x, y } }
  expect(
    (await ask('PUT', sgx, { body: await policyOf(permitAll, second, { header: other }) })).code,
  ).toBe('policy-signer-unknown')
})

test('a registered authority vouches for those below it, as long as every certificate may', async () => {
  const at = startOfTests
  const root = await createTestSigner('root', { keyUsage: keyUsages.keyCertSign })
  const narrow = await createTestSigner('narrow', { pathLength: 0 })
  const middle = await createTestSigner('middle', { issuer: root })
  const leaf = (issuer: TestSigner, more: object = {}): Promise<TestSigner> =>
    createTestSigner('leaf', { issuer, isCa: false, ...more })
  const { ask } = await isolated([root, narrow])

  const direct = await leaf(root)
  const deep = await leaf(middle)
  for (const [signer, above] of [
    [direct, []],
    [direct, [root]],
    [deep, [middle]],
    [deep, [middle, root, first]],
    [await leaf(narrow), []],
  ] as const) {
    const body = await signed({ ...policyPayload(permitAll), iat: at }, signer, { above })
    expect((await ask('PUT', sgx, { body })).status).toBe(200)
  }

  const expired = await createTestSigner('expired', { issuer: root, notAfter: at - 1 })
  const encrypting = await leaf(root, { keyUsage: keyUsages.keyEncipherment })
  const notAnAuthority = await leaf(root)
  const namesake = await createTestSigner('root')
  for (const [signer, above] of [
    // Signs certificates only.
    [root, []],
    [encrypting, []],
    [await leaf(root, { notAfter: at - 1 }), []],
    [await leaf(root, { notBefore: at + 1 }), []],
    [await leaf(expired), [expired]],
    [await leaf(notAnAuthority), [notAnAuthority]],
    // The one in between is not there.
    [deep, []],
    // Of another key, whatever it is called.
    [await leaf(namesake), [namesake]],
    [await leaf(namesake), [root]],
    // One authority more than it may have below it.
    ...(await (async () => {
      const below = await createTestSigner('below', { issuer: narrow })
      return [[await leaf(below), [below]]] as const
    })()),
    [first, []],
  ] as const) {
    const body = await signed({ ...policyPayload(permitAll), iat: at }, signer, { above })
    const answer = await ask('PUT', sgx, { body })
    expect([signer.commonName, answer.status, answer.code]).toEqual([
      signer.commonName,
      403,
      'policy-signer-unknown',
    ])
  }
})

test('a signer whose time is over signs nothing more', async () => {
  const brief = await createTestSigner('brief', { notAfter: startOfTests + 60 })
  const { ask, clock } = await isolated([brief])
  clock.move(60)
  expect((await ask('PUT', sgx, { body: await policyOf(permitAll, brief) })).status).toBe(200)
  clock.move(1)
  expect((await ask('PUT', sgx, { body: await policyOf(`${permitAll} `, brief) })).code).toBe(
    'policy-signer-unknown',
  )
})

test('signers are added and removed by signers; adding and removing again is no error; the last one stays', async () => {
  const world = await isolated([first])
  const { ask } = world
  const change = async (path: string, payload: object, by: TestSigner) =>
    ask('POST', path, {
      body: JSON.stringify(await signed(payload, by)),
      contentType: 'application/json',
    })
  expect(await thumbprints(world)).toEqual([first.thumbprint])
  expect((await change(add, signerPayload(second), second)).code).toBe('policy-signer-unknown')
  expect((await ask('POST', add, { body: unsecured(signerPayload(second)) })).code).toBe(
    'policy-unsigned',
  )

  const added = await change(add, signerPayload(second), first)
  expect(added.claims).toMatchObject({
    'x-ms-policycertificates-result': 'IsPresent',
    'x-ms-certificate-result': 'IsPresent',
    'x-ms-certificate-thumbprint': second.thumbprint,
  })
  expect(await thumbprints(world)).toEqual([first.thumbprint, second.thumbprint])
  // The name of the claim that released clients write.
  const { 'maa-policyCertificate': jwk } = signerPayload(second) as Record<string, object>
  for (const payload of [{ policyCertificate: jwk }, { 'x-ms-policyCertificate': jwk }]) {
    const again = await change(add, payload, second)
    expect(again.claims).toMatchObject({ 'x-ms-policycertificates-result': 'IsPresent' })
  }
  expect((await change(add, { policyCertificate: jwk, ...signerPayload(first) }, first)).code).toBe(
    'field-unknown',
  )

  const removed = await change(remove, signerPayload(first), second)
  expect(removed.claims).toMatchObject({
    'x-ms-policycertificates-result': 'IsAbsent',
    'x-ms-certificate-thumbprint': first.thumbprint,
  })
  expect((await ask('PUT', sgx, { body: await policyOf(permitAll, first) })).code).toBe(
    'policy-signer-unknown',
  )
  const absent = await change(remove, signerPayload(first), second)
  expect(absent.claims).toMatchObject({ 'x-ms-policycertificates-result': 'IsAbsent' })
  const last = await change(remove, signerPayload(second), second)
  expect([last.status, last.azureCode, last.code]).toEqual([400, 'InvalidOperation', 'signer-last'])
  expect(await thumbprints(world)).toEqual([second.thumbprint])
})

test('of two last signers that remove each other at once, one stays', async () => {
  const world = await isolated([first, second])
  const answers = await Promise.all([
    world.ask('POST', remove, { body: await signed(signerPayload(first), second) }),
    world.ask('POST', remove, { body: await signed(signerPayload(second), first) }),
  ])
  expect(answers.map(({ status }) => status).sort((a, b) => a - b)).toEqual([200, 403])
  expect(await thumbprints(world)).toHaveLength(1)
})

test('what cannot become a signer is told why', async () => {
  const { ask } = await isolated([first])
  const at = startOfTests
  const { n, e } = second.privateKey.export({ format: 'jwk' })
  const cases = [
    [signerPayload(await createTestSigner('leaf', { isCa: false })), 'signer-not-an-authority'],
    [signerPayload(await createTestSigner('old', { notAfter: at - 1 })), 'signer-not-in-time'],
    [
      signerPayload(await createTestSigner('other', { keyUsage: keyUsages.keyEncipherment })),
      'signer-key-unsuited',
    ],
    [
      { policyCertificate: { kty: 'RSA', ...first.privateKey.export({ format: 'jwk' }) } },
      'wrong-value',
    ],
    [{ policyCertificate: { kty: 'RSA', n, e } }, 'signer-certificate-missing'],
    [{ policyCertificate: { kty: 'oct', k: 'AAAA' } }, 'wrong-value'],
    [{ policyCertificate: { kty: 'RSA', x5c: [] } }, 'wrong-value'],
    [{}, 'field-missing'],
    [policyPayload(permitAll), 'field-missing'],
  ] as const
  for (const [payload, code] of cases) {
    const answer = await ask('POST', add, { body: await signed(payload, first) })
    expect([answer.status, answer.code]).toEqual([400, code])
  }
  const numbers = (await createTestSigner('another')).privateKey.export({ format: 'jwk' })
  const mismatched = { kty: 'RSA', x5c: [first.x5c], n: numbers.n, e: numbers.e }
  const answer = await ask('POST', add, {
    body: await signed({ policyCertificate: mismatched }, first),
  })
  expect(answer.code).toBe('signer-key-mismatch')
})

test('no instance but an isolated one has signers, and its refusal is the recorded one', async () => {
  const { ask } = await administered(database, { mode: 'entra' })
  const body = await signed(signerPayload(second), first)
  const authorization = await bearerOf(['contributor'])
  for (const path of [add, remove]) {
    expect((await ask('POST', path, { body })).status).toBe(401)
    const answer = await ask('POST', path, { authorization, body })
    expect([answer.status, answer.azureCode, answer.code]).toEqual([
      400,
      'InvalidOperation',
      'instance-not-isolated',
    ])
  }
})

test('whoever saw a signed request cannot send it again, for this type or another', async () => {
  const { ask } = await isolated([first])
  const reset = await signed('', first)
  const policy = await policyOf(permitAll, first)
  const resetPath = azure('/policies/SgxEnclave:reset')
  expect((await ask('PUT', sgx, { body: policy })).status).toBe(200)
  // A request that is sent twice changes nothing, and is no error: networks do that.
  expect((await ask('PUT', sgx, { body: policy })).status).toBe(200)
  expect((await ask('POST', resetPath, { body: reset })).status).toBe(200)
  for (const [method, path, body] of [
    ['PUT', sgx, policy],
    ['PUT', azure('/policies/TdxVm'), policy],
  ] as const) {
    const answer = await ask(method, path, { body })
    expect([answer.status, answer.code]).toEqual([403, 'policy-jws-replayed'])
    const reader = { authorization: await bearerOf(['reader', 'approver']), body }
    expect((await ask(method, path, reader)).code).toBe('policy-jws-replayed')
  }
  const renewed = await signed({ ...policyPayload(permitAll), iat: startOfTests }, first)
  expect((await ask('PUT', sgx, { body: renewed })).status).toBe(200)
  expect((await ask('POST', resetPath, { body: reset })).code).toBe('policy-jws-replayed')
  // Somebody with the role may: then it is not the signature alone that says who asks.
  const authorization = await bearerOf(['contributor'])
  expect((await ask('POST', resetPath, { authorization, body: reset })).status).toBe(200)
  expect((await ask('PUT', sgx, { authorization, body: policy })).status).toBe(200)
})

test('another signature of ECDSA, which anybody can make of one, makes no new request', async () => {
  const { ask } = await isolated([second])
  const body = await policyOf(permitAll, second)
  expect((await ask('PUT', sgx, { body })).status).toBe(200)
  const reset = { body: await signed('', second) }
  expect((await ask('POST', azure('/policies/SgxEnclave:reset'), reset)).status).toBe(200)
  const [header = '', payload = '', signature = ''] = body.split('.')
  const numbers = Buffer.from(signature, 'base64url')
  const s = orderOfP256 - BigInt(`0x${numbers.subarray(32).toString('hex')}`)
  const mirrored = Buffer.concat([
    numbers.subarray(0, 32),
    Buffer.from(s.toString(16).padStart(64, '0'), 'hex'),
  ])
  const twin = [header, payload, mirrored.toString('base64url')].join('.')
  expect(readPolicyJws(twin)).toMatchObject({ ok: true })
  expect((await ask('PUT', sgx, { body: twin })).code).toBe('policy-jws-replayed')
})

test('whoever sends a signed request again and again does not fill history', async () => {
  const { ask } = await isolated([first])
  const old = await policyOf(permitAll, first)
  const elsewhere = await signed(
    { ...policyPayload(permitAll), aud: 'https://else.example/policies/SgxEnclave' },
    first,
  )
  expect((await ask('PUT', sgx, { body: old })).status).toBe(200)
  expect((await ask('PUT', sgx, { body: await policyOf(`${permitAll} `, first) })).status).toBe(200)
  for (let count = 0; count < 5; count++) {
    expect((await ask('PUT', sgx, { body: old })).code).toBe('policy-jws-replayed')
    expect((await ask('PUT', sgx, { body: elsewhere })).code).toBe('policy-jws-audience')
  }
  const authorization = await bearerOf(['reader'])
  const { body } = await ask('GET', '/policies/SgxEnclave/history', { authorization })
  const events = body['value'] as readonly { readonly action: string; readonly problem?: string }[]
  expect(events.map(({ action, problem }) => problem ?? action)).toEqual([
    'policy-jws-audience',
    'policy-jws-replayed',
    'set',
    'set',
  ])
})

const orderOfP256 = 0xffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551n

test('without an identity provider an isolated instance takes signatures, and nobody reads it', async () => {
  const { ask } = await isolated([first], { withoutPeople: true })
  const authorization = await bearerOf(['contributor'])
  const set = await ask('PUT', sgx, { authorization, body: await policyOf(permitAll, first) })
  expect(set.status).toBe(200)
  for (const path of [sgx, azure('/certificates'), '/policies/SgxEnclave/history']) {
    const answer = await ask('GET', path, { authorization })
    expect([answer.status, answer.code]).toEqual([403, 'administration-unread'])
  }
})
