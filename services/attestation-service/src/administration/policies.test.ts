import { sign } from 'node:crypto'
import { base64UrlOf, utf8Of } from '@sealward/attestation/bytes'
import { defaultPolicyFor, policyHashOf } from '@sealward/attestation/policy'
import { createProviderKeys, verifyBearer } from '@sealward/enclave/identity-provider'
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
} from '../testing/administered.fixtures.ts'
import {
  createTestSigner,
  permitAll,
  policyPayload,
  signed,
  signerPayload,
  unsecured,
} from '../testing/policy-signer.fixtures.ts'
import { administratorRoles } from './administration.ts'
import { tokenHashOf } from './records.ts'

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
const resetSgx = azure('/policies/SgxEnclave:reset')
const denyAll = 'version=1.0; authorizationrules{=> deny();};'

function put({ ask }: Administered, text: string, more: object = {}) {
  return ask('PUT', sgx, {
    authorization: contributor,
    body: unsecured(policyPayload(text)),
    ...more,
  })
}

test('what is not set is shown as the default, in the form in which clients would have set it', async () => {
  const { ask } = await administered(database, { mode: 'entra' })
  for (const type of ['SgxEnclave', 'OpenEnclave', 'SevSnpVm', 'TdxVm'] as const) {
    const { claims, headers } = await ask('GET', azure(`/policies/${type}`), {
      authorization: contributor,
    })
    const text = defaultPolicyFor(type)
    expect(claims['x-ms-policy']).toBe(unsecured(policyPayload(text)))
    expect(headers['etag']).toBe(`"${await policyHashOf(text)}"`)
  }
  for (const type of ['Tpm', 'AzureGuest']) {
    const { claims } = await ask('GET', azure(`/policies/${type}`), { authorization: contributor })
    expect(claims['x-ms-policy']).toBe('eyJhbGciOiJub25lIn0..')
  }
})

test('what was set is in force, for its own type, until it is reset', async () => {
  const world = await administered(database, { mode: 'entra' })
  const { ask, instance, clock } = world
  const body = unsecured(policyPayload(permitAll))
  const set = await put(world, permitAll)
  expect([set.status, set.claims]).toMatchObject([
    200,
    { 'x-ms-policy-result': 'Updated', 'x-ms-policy-token-hash': tokenHashOf(body) },
  ])
  expect(set.claims).not.toHaveProperty('x-ms-policy-signer')
  const got = await ask('GET', sgx, { authorization: contributor })
  expect(got.claims['x-ms-policy']).toBe(body)
  expect(await instance.policies.inForce('SgxEnclave')).toMatchObject({
    value: { hash: await policyHashOf(permitAll), policy: { text: permitAll } },
  })
  expect(await instance.policies.inForce('OpenEnclave')).toMatchObject({
    value: { hash: await policyHashOf(defaultPolicyFor('OpenEnclave')) },
  })
  const reset = await ask('POST', resetSgx, { authorization: contributor, body: unsecured('') })
  expect(reset.claims).toMatchObject({ 'x-ms-policy-result': 'Removed' })
  clock.move(5)
  expect(await instance.policies.inForce('SgxEnclave')).toMatchObject({
    value: { hash: await policyHashOf(defaultPolicyFor('SgxEnclave')) },
  })
})

test('a signed policy says who signed it, by certificate or by key', async () => {
  const { ask } = await administered(database, { mode: 'entra' })
  const rsa = await createTestSigner('rsa', { isCa: false })
  const byCertificate = await ask('PUT', sgx, {
    authorization: contributor,
    body: await signed(policyPayload(permitAll), rsa),
  })
  expect(byCertificate.claims['x-ms-policy-signer']).toEqual({
    alg: 'RS256',
    kty: 'RSA',
    use: 'sig',
    x5c: [rsa.x5c],
  })
  const ec = await createTestSigner('ec', { algorithm: 'ES256' })
  const { x, y } = ec.privateKey.export({ format: 'jwk' })
  const jwk = { kty: 'EC', crv: 'P-256', x, y }
  const byKey = await ask('PUT', sgx, {
    authorization: contributor,
    body: await signed(policyPayload(denyAll), ec, { header: { x5c: undefined, jwk } }),
  })
  expect(byKey.claims['x-ms-policy-signer']).toEqual({ alg: 'ES256', use: 'sig', ...jwk })
})

test('a policy comes as text or as a JSON string, with white space around it', async () => {
  const world = await administered(database, { mode: 'entra' })
  const jws = unsecured(policyPayload(permitAll))
  const bodies = [
    [jws, 'text/plain'],
    [`\r\n ${jws}\n`, 'text/plain; charset=utf-8'],
    [jws, 'application/jose'],
    [jws, 'application/json'],
    [JSON.stringify(jws), 'application/json'],
  ] as const
  for (const [body, contentType] of bodies) {
    const set = await put(world, '', { body, contentType })
    expect([set.status, set.claims['x-ms-policy-token-hash']]).toEqual([200, tokenHashOf(jws)])
  }
  expect((await put(world, permitAll, { contentType: 'text/html' })).code).toBe(
    'media-type-unknown',
  )
})

test('what is no policy is refused, with its line and column, and changes nothing', async () => {
  const world = await administered(database, { mode: 'entra' })
  await put(world, permitAll)
  const cases = [
    [unsecured(policyPayload('version=1.0; authorizationrules{=> permit()')), 'policy-syntax'],
    [unsecured(policyPayload('version=9.0; authorizationrules{};')), 'policy-version'],
    [unsecured(policyPayload('')), 'policy-syntax'],
    [
      unsecured(
        policyPayload(
          'version=1.1; configurationrules{=> issueproperty(type="x-ms-sgx-tcbidentifier", value="no");}; authorizationrules{=> permit();};',
        ),
      ),
      'policy-configuration',
    ],
  ] as const
  for (const [body, code] of cases) {
    const answer = await put(world, '', { body })
    expect([answer.status, answer.azureCode, answer.code]).toEqual([
      400,
      'PolicyParsingError',
      code,
    ])
    expect(answer.headers['x-ms-error-code']).toBe('PolicyParsingError')
  }
  const got = await world.ask('GET', sgx, { authorization: contributor })
  expect(got.claims['x-ms-policy']).toBe(unsecured(policyPayload(permitAll)))
})

test('what is no JSON Web Signature of a policy is refused by its place', async () => {
  const world = await administered(database, { mode: 'entra' })
  const signer = await createTestSigner('signer')
  const stranger = await createTestSigner('stranger')
  const genuine = await signed(policyPayload(permitAll), signer)
  const [header = '', payload = '', signature = ''] = genuine.split('.')
  const withHeader = (value: object, rest = `${payload}.`): string =>
    `${base64UrlOf(utf8Of(JSON.stringify(value)))}.${rest}`
  const cases: readonly (readonly [string, string])[] = [
    ['', 'policy-jws-malformed'],
    ['version=1.0;', 'policy-jws-malformed'],
    [`${genuine}.`, 'policy-jws-malformed'],
    [`${header}.${payload}.${signature}=`, 'policy-jws-malformed'],
    ['"a.b', 'json-malformed'],
    [withHeader({}), 'field-missing'],
    [withHeader({ alg: 'none', crit: ['b64'] }), 'field-unknown'],
    // No other name of an algorithm, in whichever case, and no key of ours as a secret.
    [withHeader({ alg: 'None' }), 'policy-jws-algorithm'],
    [
      withHeader({ alg: 'HS256', x5c: [signer.x5c] }, `${payload}.${signature}`),
      'policy-jws-algorithm',
    ],
    [
      withHeader({ alg: 'RSA256', x5c: [signer.x5c] }, `${payload}.${signature}`),
      'policy-jws-algorithm',
    ],
    [
      withHeader({ alg: 'PS256', x5c: [signer.x5c] }, `${payload}.${signature}`),
      'policy-jws-algorithm',
    ],
    [
      withHeader({ alg: 'none', x5c: [signer.x5c] }, `${payload}.${signature}`),
      'policy-jws-signature',
    ],
    [withHeader({ alg: 'RS256' }, `${payload}.${signature}`), 'policy-jws-key'],
    [withHeader({ alg: 'ES256', x5c: [signer.x5c] }, `${payload}.${signature}`), 'policy-jws-key'],
    [withHeader({ alg: 'RS256', x5c: [signer.x5c] }, `${payload}.`), 'policy-jws-signature'],
    [withHeader({ alg: 'RS256', x5c: ['AA=='] }, `${payload}.${signature}`), 'wrong-value'],
    [
      withHeader({ alg: 'RS256', x5c: [stranger.x5c] }, `${payload}.${signature}`),
      'policy-jws-signature',
    ],
    [`${header}.${payload.slice(0, -4)}.${signature}`, 'policy-jws-signature'],
    [unsecured({ AttestationPolicy: 'not base64url!' }), 'wrong-value'],
    [unsecured({ AttestationPolicy: base64UrlOf(Uint8Array.of(0xff)) }), 'wrong-value'],
    [unsecured({}), 'field-missing'],
    [unsecured(''), 'json-malformed'],
  ]
  for (const [body, code] of cases) {
    const answer = await put(world, '', { body })
    expect([body.slice(0, 60), answer.status, answer.code]).toEqual([body.slice(0, 60), 400, code])
  }
  const jwk = signer.privateKey.export({ format: 'jwk' })
  const { n, e } = stranger.privateKey.export({ format: 'jwk' })
  for (const [other, code] of [
    [{ kty: 'RSA', n, e }, 'policy-jws-key-mismatch'],
    [{ kty: 'RSA', x5c: [stranger.x5c] }, 'policy-jws-key-mismatch'],
    [jwk, 'wrong-value'],
  ] as const) {
    const body = await signed(policyPayload(permitAll), signer, { header: { jwk: other } })
    expect((await put(world, '', { body })).code).toBe(code)
  }
})

test('escapes of JSON in a certificate are read as what they stand for', async () => {
  const world = await administered(database, { mode: 'entra' })
  const signer = await createTestSigner('signer')
  const text = JSON.stringify({ alg: 'RS256', x5c: [signer.x5c] }).replaceAll('+', '\\u002B')
  expect(text).toContain('\\u002B')
  const message = `${base64UrlOf(utf8Of(text))}.${base64UrlOf(utf8Of(JSON.stringify(policyPayload(permitAll))))}`
  const body = `${message}.${base64UrlOf(sign('sha256', utf8Of(message), signer.privateKey))}`
  expect(await put(world, '', { body })).toMatchObject({
    status: 200,
    claims: { 'x-ms-policy-signer': { x5c: [signer.x5c] } },
  })
})

test('a policy that was signed to be set resets nothing, and the other way round', async () => {
  const { ask } = await administered(database, { mode: 'entra' })
  const request = { authorization: contributor, body: unsecured(policyPayload(permitAll)) }
  expect((await ask('POST', resetSgx, request)).code).toBe('policy-not-empty')
  for (const body of [unsecured(''), unsecured({}), unsecured({ AttestationPolicy: '' })]) {
    expect((await ask('POST', resetSgx, { ...request, body })).status).toBe(200)
  }
})

test('who asks is known, or told how to be', async () => {
  const { ask } = await administered(database, { mode: 'entra' })
  const body = unsecured(policyPayload(permitAll))
  const later = { exp: 1_795_392_000 - 31 }
  const cases: readonly (readonly [string | undefined, number, string])[] = [
    [undefined, 401, 'token-missing'],
    ['Bearer nonsense', 401, 'token-refused'],
    [await bearerOf(['contributor'], 'x', { aud: 'urn:another' }), 401, 'token-refused'],
    [
      await bearerOf(['contributor'], 'x', { iss: 'https://elsewhere.example' }),
      401,
      'token-refused',
    ],
    [await bearerOf(['contributor'], 'x', later), 401, 'token-expired'],
    [await bearerOf([]), 403, 'role-missing'],
    [await bearerOf(['reader']), 403, 'role-insufficient'],
    [await bearerOf(['approver']), 403, 'role-insufficient'],
  ]
  for (const [authorization, status, code] of cases) {
    const answer = await ask('PUT', sgx, { authorization, body })
    expect([answer.status, answer.code]).toEqual([status, code])
    expect(answer.azureCode).toBe(status === 401 ? 'Unauthorized' : 'Forbidden')
    expect(answer.headers['www-authenticate']).toMatch(/^Bearer realm="https:\/\/instance-/)
  }
  expect((await ask('GET', sgx)).status).toBe(401)
  expect((await ask('GET', azure('/certificates'))).status).toBe(401)
  expect((await ask('GET', sgx, { authorization: await bearerOf(['reader']) })).status).toBe(200)
})

test('an identity provider that is away is no reason to let somebody in', async () => {
  const expectation = { ...provider, roles: administratorRoles }
  const keys = createProviderKeys({
    issuer: provider.issuer,
    url: provider.issuer,
    development: false,
    now: () => 0,
    fetch: () => Promise.reject(new TypeError('fetch failed')),
  })
  const { ask } = await administered(database, {
    mode: 'entra',
    people: {
      issuer: provider.issuer,
      verify: (authorization) => verifyBearer(authorization, expectation, keys, 0),
    },
  })
  const answer = await ask('GET', sgx, { authorization: contributor })
  expect([answer.status, answer.code]).toEqual([503, 'identity-provider-unavailable'])
})

test('types and versions of the contract are asked for by name', async () => {
  const { ask } = await administered(database, { mode: 'entra' })
  const authorization = contributor
  for (const path of ['/policies/sgxenclave', '/policies/SevSnpVm:reset', '/policies/']) {
    expect(await ask('GET', azure(path), { authorization })).toMatchObject({ status: 404 })
  }
  for (const path of ['/policies/SgxEnclave', '/policies/:reset', '/policies/Nothing:reset']) {
    const answer = await ask('POST', azure(path), { authorization, body: unsecured('') })
    expect([answer.status, answer.code]).toEqual([404, 'policy-type-unknown'])
  }
  expect((await ask('GET', '/policies/SgxEnclave', { authorization })).code).toBe(
    'api-version-missing',
  )
  expect((await ask('PUT', sgx, { authorization, body: ' '.repeat(262_145) })).status).toBe(413)
})

test('a shared instance shows its defaults to everybody, and nobody changes them', async () => {
  const { ask } = await administered(database, { mode: 'shared' })
  expect((await ask('GET', sgx)).claims['x-ms-policy']).toBe(
    unsecured(policyPayload(defaultPolicyFor('SgxEnclave'))),
  )
  expect((await ask('GET', azure('/certificates'))).claims['x-ms-policy-certificates']).toEqual({
    keys: [],
  })
  const signer = await createTestSigner('signer')
  for (const [method, path, body] of [
    ['PUT', sgx, unsecured(policyPayload(permitAll))],
    ['POST', resetSgx, unsecured('')],
    ['POST', azure('/certificates:add'), await signed(signerPayload(signer), signer)],
    ['POST', azure('/certificates:remove'), await signed(signerPayload(signer), signer)],
    ['GET', '/policies/SgxEnclave/history', undefined],
    ['GET', '/approvals', undefined],
  ] as const) {
    const answer = await ask(method, path, {
      authorization: contributor,
      ...(body === undefined ? {} : { body }),
    })
    expect([path, answer.status, answer.azureCode, answer.code]).toEqual([
      path,
      400,
      'InvalidOperation',
      'instance-shared',
    ])
  }
})

test('of two that change at once none is lost, and one that names what it replaces notices', async () => {
  const world = await administered(database, { mode: 'entra' })
  const wanted = Array.from({ length: 8 }, (_, index) => permitAll + ' '.repeat(index))
  const answers = await Promise.all(wanted.map((text) => put(world, text)))
  expect(answers.map(({ status }) => status)).toEqual(wanted.map(() => 200))
  const history = await world.ask('GET', '/policies/SgxEnclave/history', {
    authorization: contributor,
  })
  const events = history.body['value'] as readonly { readonly version: number }[]
  expect(events.map(({ version }) => version)).toEqual([8, 7, 6, 5, 4, 3, 2, 1])

  const before = String(
    (await world.ask('GET', sgx, { authorization: contributor })).headers['etag'],
  )
  const conditional = await Promise.all([
    put(world, permitAll, { ifMatch: before }),
    put(world, denyAll, { ifMatch: `"another", ${before}` }),
  ])
  expect(conditional.map(({ status }) => status).sort((a, b) => a - b)).toEqual([200, 412])
  expect(conditional.map(({ code }) => code)).toContain('policy-changed')
  expect((await put(world, permitAll, { ifMatch: '*' })).status).toBe(200)
  const reset = { authorization: contributor, body: unsecured(''), ifMatch: before }
  expect((await world.ask('POST', resetSgx, reset)).status).toBe(412)
  expect((await put(world, permitAll, { ifMatch: '' })).status).toBe(412)
})

test('what a payload says of itself is held to: where it is for, and that it is no older than the last', async () => {
  const world = await administered(database, { mode: 'entra' })
  const { instance, clock } = world
  const stated = (claims: object): Promise<{ status: number; code: string | undefined }> =>
    put(world, '', { body: unsecured({ ...policyPayload(permitAll), ...claims }) })
  const at = clock.now()
  expect(await stated({ aud: `${instance.issuer}/policies/SgxEnclave`, iat: at })).toMatchObject({
    status: 200,
  })
  for (const [claims, status, code] of [
    [{ aud: `${instance.issuer}/policies/TdxVm` }, 400, 'policy-jws-audience'],
    [{ aud: 'https://elsewhere.example/policies/SgxEnclave' }, 400, 'policy-jws-audience'],
    [{ iat: at - 1 }, 409, 'policy-jws-outdated'],
    [{ iat: at + 31 }, 400, 'policy-jws-early'],
    [{ iat: 'today' }, 400, 'wrong-type'],
  ] as const) {
    expect(await stated(claims)).toMatchObject({ status, code })
  }
  expect(await stated({ iat: at + 30 })).toMatchObject({ status: 200 })
})

test('the log names codes, and nobody', async () => {
  const world = await administered(database, { mode: 'entra' })
  const authorization = await bearerOf(['reader'], 'canary-of-a-person')
  await world.ask('PUT', sgx, { authorization, body: unsecured(policyPayload(permitAll)) })
  await world.ask('PUT', sgx, { authorization: contributor, body: 'canary-of-a-body' })
  const log = world.lines.join('')
  expect(log).toContain('role-insufficient')
  expect(log).toContain('policy-jws-malformed')
  expect(log).not.toContain('canary')
})
