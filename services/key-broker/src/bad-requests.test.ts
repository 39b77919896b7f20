import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  claimsFor,
  createReleaseTarget,
  releasePolicyOf,
  startTestBroker,
  type TestBroker,
} from './testing/broker.fixtures.ts'

let broker: TestBroker
const target = createReleaseTarget()
let good: { readonly target: string }

beforeAll(async () => {
  broker = await startTestBroker()
  const made = await broker.ask('POST', '/keys/good/create', {
    body: {
      kty: 'oct',
      attributes: { exportable: true },
      release_policy: releasePolicyOf(policy),
    },
  })
  expect(made.status).toBe(200)
  good = { target: await broker.authority.issue(claimsFor(broker.authority, target.publicJwk)) }
}, 60_000)
afterAll(() => broker.close())

const policy = {
  anyOf: [
    {
      authority: 'http://127.0.0.1:1',
      allOf: [{ claim: 'x-ms-attestation-type', equals: 'sgx' }],
    },
  ],
}
const jwk = { kty: 'oct', k: 'A'.repeat(43) }
const deep = `${'['.repeat(64)}${']'.repeat(64)}`

/** One of every kind: method, path, body, and our code for it. */
const bad: readonly (readonly [method: string, path: string, body: unknown, code: string])[] = [
  ...['create', 'backup', 'rotate'].map(
    (verb) => ['POST', `/keys/${'x'.repeat(128)}/${verb}`, {}, 'key-name-malformed'] as const,
  ),
  ['GET', '/keys/under_score', undefined, 'key-name-malformed'],
  ['GET', '/keys/..%2F..%2Fetc', undefined, 'key-name-malformed'],
  ['GET', '/keys/good%00', undefined, 'key-name-malformed'],
  ['GET', '/keys/nobody', undefined, 'key-unknown'],
  ['GET', '/keys/good/nothing', undefined, 'key-version-unknown'],
  ['GET', '/keys/good/%00', undefined, 'key-version-unknown'],
  ['GET', '/deletedkeys/good', undefined, 'key-not-deleted'],
  ['DELETE', '/deletedkeys/good', undefined, 'key-not-deleted'],
  ['POST', '/deletedkeys/nobody/recover', undefined, 'key-unknown'],
  ['POST', '/keys/k/create', '', 'body-malformed'],
  ['POST', '/keys/k/create', '{"kty": ', 'body-malformed'],
  ['POST', '/keys/k/create', '{"kty":"oct","kty":"RSA"}', 'body-malformed'],
  ['POST', '/keys/k/create', '"\\ud800"', 'body-malformed'],
  ['POST', '/keys/k/create', deep, 'body-malformed'],
  ['POST', '/keys/k/create', [], 'body-malformed'],
  ['POST', '/keys/k/create', {}, 'body-malformed'],
  ['POST', '/keys/k/create', { kty: 'DSA' }, 'body-malformed'],
  ['POST', '/keys/k/create', { kty: 'RSA', key_size: 1024 }, 'body-malformed'],
  ['POST', '/keys/k/create', { kty: 'RSA', key_size: 1e9 }, 'body-malformed'],
  ['POST', '/keys/k/create', { kty: 'RSA', public_exponent: 3 }, 'body-malformed'],
  ['POST', '/keys/k/create', { kty: 'RSA', crv: 'P-256' }, 'body-malformed'],
  ['POST', '/keys/k/create', { kty: 'EC', crv: 'P-256K' }, 'body-malformed'],
  ['POST', '/keys/k/create', { kty: 'EC', crv: 'P-384', key_size: 256 }, 'body-malformed'],
  ['POST', '/keys/k/create', { kty: 'oct', key_size: 64 }, 'body-malformed'],
  ['POST', '/keys/k/create', { kty: 'oct', exportible: true }, 'body-malformed'],
  ['POST', '/keys/k/create', { kty: 'oct', attributes: { exportible: true } }, 'body-malformed'],
  ['POST', '/keys/k/create', { kty: 'oct', attributes: { nbf: 2, exp: 1 } }, 'body-malformed'],
  ['POST', '/keys/k/create', { kty: 'oct', attributes: { exp: -1 } }, 'body-malformed'],
  ['POST', '/keys/k/create', { kty: 'oct', key_ops: ['fly'] }, 'body-malformed'],
  ['POST', '/keys/k/create', { kty: 'EC', key_ops: ['encrypt'] }, 'key-operations-refused'],
  ['POST', '/keys/k/create', { kty: 'oct', tags: { a: 1 } }, 'body-malformed'],
  ['POST', '/keys/k/create', { kty: 'oct', tags: tagsOf(16) }, 'body-malformed'],
  ['POST', '/keys/k/create', { kty: 'oct', tags: { a: 'x'.repeat(257) } }, 'body-malformed'],
  [
    'POST',
    '/keys/k/create',
    { kty: 'oct', attributes: { exportable: true } },
    'release-policy-missing',
  ],
  [
    'POST',
    '/keys/k/create',
    { kty: 'oct', release_policy: releasePolicyOf(policy) },
    'key-not-exportable',
  ],
  [
    'POST',
    '/keys/k/create',
    { kty: 'oct', attributes: { exportable: true }, release_policy: releasePolicyOf({}) },
    'release-policy-malformed',
  ],
  [
    'POST',
    '/keys/k/create',
    { kty: 'oct', attributes: { exportable: true }, release_policy: { data: 'not base64url!' } },
    'body-malformed',
  ],
  ['PUT', '/keys/k', { key: { kty: 'oct', k: 'AAAA' } }, 'key-refused'],
  ['PUT', '/keys/k', { key: { kty: 'oct', k: 'not base64url!' } }, 'key-refused'],
  ['PUT', '/keys/k', { key: { kty: 'oct' } }, 'key-refused'],
  ['PUT', '/keys/k', { key: { kty: 'RSA', n: 'AQAB', e: 'AQAB' } }, 'key-refused'],
  [
    'PUT',
    '/keys/k',
    { key: { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA', d: 'AA' } },
    'key-refused',
  ],
  [
    'PUT',
    '/keys/k',
    { key: { kty: 'EC', crv: 'P-256', x: jwk.k, y: jwk.k, d: jwk.k } },
    'key-refused',
  ],
  ['PUT', '/keys/k', { key: { ...jwk, key_hsm: 'AAAA' } }, 'body-malformed'],
  ['PUT', '/keys/k', { key: jwk, more: true }, 'body-malformed'],
  ['PATCH', '/keys/nobody', {}, 'key-unknown'],
  ['PATCH', '/keys/good', { key_ops: ['sign', 'fly'] }, 'body-malformed'],
  ['PATCH', '/keys/good', { attributes: { exportable: false } }, 'key-exportable-fixed'],
  ['PUT', '/keys/good/rotationpolicy', rotation({ timeAfterCreate: 'P1S' }), 'body-malformed'],
  ['PUT', '/keys/good/rotationpolicy', rotation({ timeAfterCreate: 'PT1S' }), 'body-malformed'],
  ['PUT', '/keys/good/rotationpolicy', rotation({ timeAfterCreate: 'P' }), 'body-malformed'],
  ['PUT', '/keys/good/rotationpolicy', rotation({ timeAfterCreate: 'P9999Y' }), 'body-malformed'],
  ['PUT', '/keys/good/rotationpolicy', rotation({ timeBeforeExpiry: 'P1D' }), 'body-malformed'],
  ['PUT', '/keys/good/rotationpolicy', rotation({}), 'body-malformed'],
  [
    'PUT',
    '/keys/good/rotationpolicy',
    { ...rotation({ timeBeforeExpiry: 'P9D' }), attributes: { expiryTime: 'P9D' } },
    'body-malformed',
  ],
  ['PUT', '/keys/nobody/rotationpolicy', {}, 'key-unknown'],
  ['POST', '/rng', { count: 0 }, 'body-malformed'],
  ['POST', '/rng', { count: 129 }, 'body-malformed'],
  ['POST', '/keys/restore', { value: 'AAAA' }, 'backup-refused'],
  ['POST', '/keys/restore', { value: '!' }, 'body-malformed'],
  ['POST', '/keys/good//encrypt', { alg: 'A256GCM' }, 'body-malformed'],
  ['POST', '/keys/good//encrypt', { alg: 'ROT13', value: 'AAAA' }, 'algorithm-unsupported'],
  ['POST', '/keys/good//decrypt', { alg: 'A256GCM', value: 'AAAA' }, 'cryptography-refused'],
  ['POST', '/keys/good//verify', { alg: 'HS256', value: 'AAAA' }, 'body-malformed'],
  ['POST', '/keys/good/release', {}, 'body-malformed'],
  ['POST', '/keys/good/release', { target: 1 }, 'body-malformed'],
  ['POST', '/keys/good/release', { target: '' }, 'authority-unknown'],
  ['POST', '/keys/good/release', { target: '..' }, 'authority-unknown'],
  ['POST', '/keys/good/release', { target: 'a'.repeat(100_000) }, 'authority-unknown'],
  ['POST', '/keys/good/release', { target: 'a.b.c', enc: 'RSA1_5' }, 'body-malformed'],
  ['POST', '/keys/good/release', { target: 'a.b.c', nonce: 'n'.repeat(1025) }, 'body-malformed'],
  ['POST', '/keys/good/release', { target: 'a.b.c', policy: {} }, 'body-malformed'],
]

function tagsOf(count: number): object {
  return Object.fromEntries(Array.from({ length: count }, (_, index) => [`tag-${index}`, 'x']))
}

function rotation(trigger: object): object {
  return { lifetimeActions: [{ trigger, action: { type: 'Rotate' } }] }
}

test.each(bad)('%s %s with %j is refused', async (method, path, body, code) => {
  const answer = await broker.ask(method, path, { body })
  expect([answer.status >= 400 && answer.status < 500, answer.code]).toEqual([true, code])
  const { error } = answer.body
  expect(error?.message).toMatch(/^[A-Z][^\n]+\.$/)
  expect(answer.headers.get('cache-control')).toBe('no-store')
})

test('a version of the contract has to be named, and be one that is spoken', async () => {
  const bearer = await broker.people.tokenOf(['officer'])
  const headers = { authorization: `Bearer ${bearer}` }
  for (const [query, code] of [
    ['', 'api-version-missing'],
    ['?api-version=', 'api-version-unknown'],
    ['?api-version=2016-10-01', 'api-version-unknown'],
    ['?api-version=7.4&api-version=7.3', 'api-version-unknown'],
  ]) {
    const response = await fetch(`${broker.url}/keys${query}`, { headers })
    const { error } = (await response.json()) as { error: { innererror: { code: string } } }
    expect([query, response.status, error.innererror.code]).toEqual([query, 400, code])
  }
  const escaped = await fetch(`${broker.url}/keys?api%2Dversion=7.4`, { headers })
  expect(escaped.status).toBe(200)
})

test('a page has a size and a beginning', async () => {
  for (const query of [
    '&maxresults=0',
    '&maxresults=26',
    '&maxresults=1.5',
    '&maxresults=1&maxresults=2',
    '&$skiptoken=!',
    `&$skiptoken=${'A'.repeat(300)}`,
  ]) {
    const answer = await broker.ask('GET', '/keys', { query })
    expect([query, answer.status, answer.code]).toEqual([query, 400, 'page-malformed'])
  }
})

test('nobody without a token, and nobody whose role is another, is served anything', async () => {
  const asks: readonly (readonly [method: string, path: string, roles: readonly string[]])[] = [
    ['GET', '/keys', ['auditor']],
    ['GET', '/keys/good', ['auditor']],
    ['GET', '/keys/good/rotationpolicy', ['auditor']],
    ['GET', '/deletedkeys', ['auditor']],
    ['POST', '/keys/k/create', ['reader', 'user', 'releaser', 'auditor']],
    ['PUT', '/keys/k', ['reader', 'user', 'releaser', 'auditor']],
    ['PATCH', '/keys/good', ['reader', 'user', 'releaser', 'auditor']],
    ['POST', '/keys/good/rotate', ['reader', 'user', 'releaser', 'auditor']],
    ['DELETE', '/keys/good', ['reader', 'user', 'releaser', 'auditor']],
    ['DELETE', '/deletedkeys/good', ['reader', 'user', 'releaser', 'auditor']],
    ['POST', '/keys/good/backup', ['reader', 'user', 'releaser', 'auditor']],
    ['POST', '/keys/restore', ['reader', 'user', 'releaser', 'auditor']],
    ['POST', '/keys/good//decrypt', ['reader', 'officer', 'releaser', 'auditor']],
    ['POST', '/keys/good/release', ['reader', 'officer', 'user', 'auditor']],
    ['POST', '/rng', ['reader', 'releaser', 'auditor']],
  ]
  for (const [method, path, roles] of asks) {
    const nobody = await broker.ask(method, path, { roles: [] })
    expect([path, nobody.status, nobody.code]).toEqual([path, 401, 'token-missing'])
    expect(nobody.headers.get('www-authenticate')).toMatch(/^Bearer authorization="/)
    for (const role of roles) {
      const answer = await broker.ask(method, path, { roles: [role] })
      expect([path, role, answer.code]).toEqual([path, role, 'role-insufficient'])
    }
    const forged = await broker.ask(method, path, {
      roles: [],
      headers: { authorization: 'Bearer eyJhbGciOiJub25lIn0.e30.' },
    })
    expect([path, forged.status]).toEqual([path, 401])
  }
  expect((await broker.ask('GET', '/keys/good')).status).toBe(200)
})

test('who the people are cannot be known: 503', async () => {
  const bearer = await broker.people.tokenOf(['officer'])
  broker.people.failing = true
  broker.clock.move(2 * 3600)
  const headers = { authorization: `Bearer ${bearer}` }
  const response = await fetch(`${broker.url}/keys?api-version=7.4`, { headers })
  const { error } = (await response.json()) as { error: { innererror: { code: string } } }
  expect([response.status, error.innererror.code]).toEqual([503, 'identity-provider-unavailable'])
  broker.people.failing = false
})

test('a body that is too large, or of another kind, is not read', async () => {
  const bearer = await broker.people.tokenOf(['officer'])
  const post = (body: string, type: string): Promise<Response> =>
    fetch(`${broker.url}/keys/k/create?api-version=7.4`, {
      method: 'POST',
      headers: { authorization: `Bearer ${bearer}`, 'content-type': type },
      body,
    })
  expect((await post(`"${'x'.repeat(1_100_000)}"`, 'application/json')).status).toBe(413)
  expect((await post('<kty>oct</kty>', 'application/xml')).status).toBe(415)
})

test('a thousand bad requests of every kind change nothing for good ones', async () => {
  const before = await broker.ask('GET', '/keys/good')
  const keysBefore = (await broker.ask('GET', '/keys')).body.value.length
  for (let batch = 0; batch < Math.ceil(1000 / bad.length); batch++) {
    const answers = await Promise.all(
      bad.map(([method, path, body]) => broker.ask(method, path, { body })),
    )
    expect(answers.every(({ status }) => status >= 400 && status < 500)).toBe(true)
  }
  expect((await broker.ask('GET', '/keys/good')).body).toEqual(before.body)
  expect((await broker.ask('GET', '/keys')).body.value.length).toBe(keysBefore)
  expect(broker.lines.filter((line) => line.includes('"level":"error"'))).toEqual([])
}, 120_000)

test('a client that asks too often waits, and others do not', async () => {
  const limited = await startTestBroker({
    config: {
      limits: { requestsPerSecond: 0.01, burst: 3 },
      trustedProxies: ['127.0.0.1'],
    },
  })
  try {
    const from = (address: string) =>
      limited.ask('GET', '/keys', { headers: { 'x-forwarded-for': address } })
    for (let count = 0; count < 3; count++) expect((await from('192.0.2.1')).status).toBe(200)
    const late = await from('192.0.2.1')
    expect([late.status, late.vaultCode, late.code]).toEqual([
      429,
      'Throttled',
      'too-many-requests',
    ])
    expect(late.headers.get('retry-after')).toBe('100')
    expect((await from('192.0.2.2')).status).toBe(200)
  } finally {
    await limited.close()
  }
})

test('the good one is still released, if its policy is met', async () => {
  const fitting = {
    anyOf: [{ ...policy.anyOf[0], authority: broker.authority.issuer }],
  }
  await broker.ask('PATCH', '/keys/good', { body: { release_policy: releasePolicyOf(fitting) } })
  const token = await broker.authority.issue(claimsFor(broker.authority, target.publicJwk))
  expect(token).not.toBe(good.target)
  expect((await broker.ask('POST', '/keys/good/release', { body: { target: token } })).status).toBe(
    200,
  )
})
