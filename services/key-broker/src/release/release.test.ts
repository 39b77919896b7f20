import { createHash, createPrivateKey, generateKeyPairSync, X509Certificate } from 'node:crypto'
import { compactVerify, decodeJwt, decodeProtectedHeader, importX509 } from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  claimsFor,
  createReleaseTarget,
  type ReleaseTarget,
  releasePolicyOf,
  startTestBroker,
  type TestAnswer,
  type TestBroker,
  type VaultBody,
} from '../testing/broker.fixtures.ts'

let broker: TestBroker
let target: ReleaseTarget
beforeAll(async () => {
  broker = await startTestBroker()
  target = createReleaseTarget()
}, 60_000)
afterAll(() => broker.close())

/** Released to enclaves of one signer, of version 3 at least, that nobody debugs. */
function policyFor(rules: readonly object[] = []): object {
  return {
    version: '1.0.0',
    anyOf: [
      {
        authority: broker.authority.issuer,
        allOf: [
          { claim: 'x-ms-attestation-type', equals: 'sgx' },
          { claim: 'x-ms-sgx-is-debuggable', equals: 'false' },
          { claim: 'x-ms-sgx-mrsigner', equals: 'cd'.repeat(32) },
          { claim: 'x-ms-sgx-svn', greaterOrEquals: 3 },
          ...rules,
        ],
      },
    ],
  }
}

async function create(name: string, changes: object = {}): Promise<string> {
  const made = await broker.ask('POST', `/keys/${name}/create`, {
    body: {
      kty: 'oct-HSM',
      key_size: 256,
      attributes: { exportable: true },
      release_policy: releasePolicyOf(policyFor()),
      ...changes,
    },
  })
  expect([name, made.status, made.code]).toEqual([name, 200, undefined])
  return made.body.key.kid
}

async function release(
  name: string,
  options: {
    readonly claims?: Readonly<Record<string, unknown>>
    readonly token?: string
    readonly body?: object
    readonly roles?: readonly string[]
    readonly version?: string
  } = {},
): Promise<TestAnswer> {
  const claims = claimsFor(broker.authority, target.publicJwk, options.claims)
  const token = options.token ?? (await broker.authority.issue(claims))
  const path = options.version === undefined ? name : `${name}/${options.version}`
  return broker.ask('POST', `/keys/${path}/release`, {
    body: { target: token, ...options.body },
    roles: options.roles,
  })
}

/** What is signed. */
interface Released {
  readonly request: { readonly kid: string }
  readonly response: { readonly key: VaultBody }
}

async function answerOf(answer: TestAnswer): Promise<Released> {
  expect([answer.status, answer.code]).toEqual([200, undefined])
  const jws = answer.body.value
  const { alg = '', x5c = [] } = decodeProtectedHeader(jws)
  const pem = `-----BEGIN CERTIFICATE-----\n${x5c[0]}\n-----END CERTIFICATE-----`
  const { payload } = await compactVerify(jws, await importX509(pem, alg))
  return JSON.parse(Buffer.from(payload).toString())
}

describe('a release', () => {
  test.each(['CKM_RSA_AES_KEY_WRAP', 'RSA_AES_KEY_WRAP_256', 'RSA_AES_KEY_WRAP_384'])(
    'gives the key to whom the policy names, wrapped with %s, and to nobody else',
    async (enc) => {
      const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
      const jwk = privateKey.export({ format: 'jwk' })
      const name = `released-${enc.toLowerCase().replaceAll('_', '-')}`
      const imported = await broker.ask('PUT', `/keys/${name}`, {
        body: {
          key: { ...jwk, kty: 'RSA-HSM', key_ops: ['decrypt'] },
          hsm: true,
          attributes: { exportable: true },
          release_policy: releasePolicyOf(policyFor()),
        },
      })
      expect(imported.status).toBe(200)
      const answer = await answerOf(await release(name, { body: { enc, nonce: 'a nonce' } }))
      const { kid } = imported.body.key
      expect(answer.request).toEqual({ 'api-version': '7.4', enc, kid, nonce: 'a nonce' })
      const { key, attributes, release_policy } = answer.response.key
      expect(key).toMatchObject({ kid, kty: 'RSA-HSM', key_ops: ['decrypt'], n: jwk.n, e: 'AQAB' })
      expect(Object.keys(key)).not.toContain('d')
      expect(attributes['exportable']).toBe(true)
      expect(JSON.parse(Buffer.from(release_policy.data, 'base64url').toString())).toEqual(
        policyFor(),
      )
      const blob = JSON.parse(Buffer.from(key.key_hsm, 'base64url').toString())
      expect(blob).toMatchObject({
        schema_version: '1.0',
        header: { kid: 'target-key', alg: 'dir', enc },
      })
      const opened = createPrivateKey({
        key: Buffer.from(target.open(key.key_hsm)),
        format: 'der',
        type: 'pkcs8',
      })
      expect(opened.export({ format: 'jwk' })).toEqual(jwk)
      expect(() => createReleaseTarget().open(key.key_hsm)).toThrow()
    },
  )

  test('gives a symmetric key as its bytes, of the version that is asked for', async () => {
    const first = await create('versions')
    const rotated = await broker.ask('POST', '/keys/versions/rotate')
    const current = await answerOf(await release('versions'))
    expect(current.request.kid).toBe(rotated.body.key.kid)
    const version = first.split('/').at(-1) ?? ''
    const older = await answerOf(await release('versions', { version }))
    expect(older.request.kid).toBe(first)
    const bytesIn = (answer: Released): Uint8Array => target.open(answer.response.key.key.key_hsm)
    expect(bytesIn(older).length).toBe(32)
    expect(bytesIn(older)).not.toEqual(bytesIn(current))
    expect(bytesIn(await answerOf(await release('versions', { version })))).toEqual(bytesIn(older))
    expect(await release('versions', { version: 'f'.repeat(32) })).toMatchObject({
      status: 404,
      vaultCode: 'KeyNotFound',
    })
  })

  test('is signed by the certificate in its header', async () => {
    await create('signed')
    const answer = await release('signed')
    const { x5c = [], ...header } = decodeProtectedHeader(answer.body.value)
    const der = Buffer.from(x5c[0] ?? '', 'base64')
    const digest = createHash('sha256').update(der).digest('base64url')
    expect(header).toEqual({ alg: 'ES256', kid: digest, 'x5t#S256': digest })
    expect(new X509Certificate(der).subject).toBe('CN=sealward key-broker')
    await broker.restart()
    const again = await release('signed')
    expect(decodeProtectedHeader(again.body['value']).kid).toBe(digest)
  })

  test('goes to the first suitable key of the token', async () => {
    await create('first-suitable')
    const other = createReleaseTarget()
    const keys = [
      { kty: 'EC', crv: 'P-256', x: 'x', y: 'y', use: 'enc', kid: 'ec' },
      { ...other.publicJwk, use: 'sig', kid: 'not for encryption' },
      { kty: 'RSA', n: other.publicJwk['n'], e: 'AQAB', use: 'enc' },
      {
        kty: 'RSA',
        n: target.publicJwk['n'],
        e: 'AQAB',
        kid: 'the first',
        key_ops: ['wrapKey', 'encrypt'],
      },
      { ...other.publicJwk, kid: 'a second' },
    ]
    const answer = await answerOf(
      await release('first-suitable', { claims: { 'x-ms-runtime': { keys } } }),
    )
    const { key_hsm } = answer.response.key.key
    expect(target.open(key_hsm).length).toBe(32)
    expect(Buffer.from(key_hsm, 'base64url').toString()).toContain('"kid":"the first"')
  })
})

describe('is refused', () => {
  test.each<[what: string, claims: Readonly<Record<string, unknown>>, unmet: string]>([
    [
      'to an enclave of another signer',
      { 'x-ms-sgx-mrsigner': 'ee'.repeat(32) },
      'x-ms-sgx-mrsigner',
    ],
    [
      'to an enclave that is debugged',
      { 'x-ms-sgx-is-debuggable': true },
      'x-ms-sgx-is-debuggable',
    ],
    ['to an older one', { 'x-ms-sgx-svn': 2 }, 'x-ms-sgx-svn'],
    ['where a claim is missing', { 'x-ms-sgx-svn': undefined }, 'x-ms-sgx-svn'],
    ['to another kind of TEE', { 'x-ms-attestation-type': 'sevsnpvm' }, 'x-ms-attestation-type'],
  ])('%s, and the log says why', async (_what, claims, unmet) => {
    await create('refused-to')
    const answer = await release('refused-to', { claims })
    expect(answer).toMatchObject({ status: 403, vaultCode: 'Forbidden', code: 'release-refused' })
    expect(answer.body.error?.message).toContain(unmet)
    const entry = (await broker.entries()).at(-1)
    expect(entry).toMatchObject({ action: 'key-release', outcome: 'release-refused' })
    const { conditions, met, policyVersion, attestationType } = entry?.details ?? {}
    expect([met, policyVersion]).toEqual([false, 1])
    expect(attestationType).toBe(claims['x-ms-attestation-type'] ?? 'sgx')
    expect(conditions?.length).toBe(4)
    const failed = conditions?.filter((one) => !one.met)
    expect(failed).toMatchObject([{ claim: unmet, met: false }])
  })

  test('where a policy names an authority that nobody here knows', async () => {
    const policy = policyFor() as { anyOf: { authority: string }[] }
    const [rule] = policy.anyOf
    if (rule === undefined) throw new Error('a rule')
    rule.authority = 'https://elsewhere.example'
    await create('elsewhere', { release_policy: releasePolicyOf(policy) })
    expect(await release('elsewhere')).toMatchObject({ status: 403, code: 'release-refused' })
  })

  test('for a token of an authority that is not known, forged, of another policy, or too old', async () => {
    await create('tokens')
    const good = await broker.authority.issue(claimsFor(broker.authority, target.publicJwk))
    const [header = '', payload = '', signature = ''] = good.split('.')
    const claims = decodeJwt(good)
    const withClaims = (changes: object): string =>
      [
        header,
        Buffer.from(JSON.stringify({ ...claims, ...changes })).toString('base64url'),
        signature,
      ].join('.')
    const codes = async (token: string): Promise<unknown> => {
      const { status, code, vaultCode } = await release('tokens', { token })
      return [status, vaultCode, code]
    }
    expect(await codes(withClaims({ iss: 'https://elsewhere.example' }))).toEqual([
      403,
      'Forbidden',
      'authority-unknown',
    ])
    expect(await codes(withClaims({ 'x-ms-sgx-svn': 9 }))).toEqual([
      403,
      'Forbidden',
      'bad-signature',
    ])
    expect(await codes('no token')).toEqual([403, 'Forbidden', 'authority-unknown'])
    expect(await codes(`${header}.${payload}.`)).toMatchObject([403, 'Forbidden', 'bad-signature'])
    const other = await broker.authority.issue(
      claimsFor(broker.authority, target.publicJwk, { 'x-ms-policy-hash': 'B'.repeat(43) }),
    )
    expect(await codes(other)).toEqual([403, 'Forbidden', 'wrong-policy'])
    const silent = await broker.authority.issue(
      claimsFor(broker.authority, target.publicJwk, { 'x-sealward-simulated': undefined }),
    )
    expect(await codes(silent)).toEqual([403, 'Forbidden', 'simulated'])
    const before = (await broker.entries()).length
    broker.clock.move(2 * 3600)
    expect(await codes(good)).toEqual([403, 'Forbidden', 'expired'])
    // Who is not believed writes nothing into the log.
    expect((await broker.entries()).length).toBe(before)
  })

  test('to whoever is denied', async () => {
    await create('denied')
    expect((await release('denied')).status).toBe(200)
    broker.authority.denied = [{ kind: 'measurement', value: 'ab'.repeat(32) }]
    broker.authority.sequence += 1
    broker.clock.move(120)
    expect(await release('denied')).toMatchObject({ status: 403, code: 'measurement-denied' })
    broker.authority.denied = []
    broker.authority.sequence += 1
    broker.clock.move(120)
    expect((await release('denied')).status).toBe(200)
  })

  test('while nobody says who is denied', async () => {
    await create('stale')
    expect((await release('stale')).status).toBe(200)
    const token = await broker.authority.issue(claimsFor(broker.authority, target.publicJwk))
    broker.authority.failing = 500
    broker.clock.move(1000)
    const answer = await release('stale', { token })
    expect(answer).toMatchObject({ status: 503, code: 'deny-list-stale' })
    broker.authority.failing = undefined
    broker.clock.move(60)
    expect((await release('stale')).status).toBe(200)
  })

  test('for a key that is disabled, deleted, not exportable, or whose time is not now', async () => {
    const at = broker.clock.now()
    await create('disabled', { attributes: { exportable: true, enabled: false } })
    await create('ended', { attributes: { exportable: true, exp: at - 1 } })
    await create('not-begun', { attributes: { exportable: true, nbf: at + 3600 } })
    await create('deleted')
    await broker.ask('DELETE', '/keys/deleted')
    const plain = { kty: 'oct', key_size: 256 }
    await broker.ask('POST', '/keys/plain/create', { body: plain })
    const code = async (name: string): Promise<unknown> => (await release(name)).code
    expect(await code('disabled')).toBe('key-disabled')
    expect(await code('ended')).toBe('key-expired')
    expect(await code('not-begun')).toBe('key-not-yet-valid')
    expect(await code('deleted')).toBe('key-unknown')
    expect(await code('never-made')).toBe('key-unknown')
    expect(await code('plain')).toBe('key-not-exportable')
    broker.clock.move(3601)
    expect((await release('not-begun')).status).toBe(200)
  })

  test('to a token without a key, or with one that is too small or none', async () => {
    await create('targets')
    const code = async (keys: unknown): Promise<unknown> =>
      (await release('targets', { claims: { 'x-ms-runtime': { keys } } })).code
    for (const none of [undefined, [], 'keys', [null], [{ kty: 'RSA' }], {}]) {
      expect(await code(none)).toBe('target-key-missing')
    }
    const { n = '' } = target.publicJwk
    for (const jwk of [
      createReleaseTarget(1024).publicJwk,
      { ...target.publicJwk, e: 'AQ' },
      { ...target.publicJwk, e: '' },
      { ...target.publicJwk, n: `AAAA${n}` },
      { ...target.publicJwk, n: 'not base64url!' },
      { ...target.publicJwk, n: 'A'.repeat(342) },
    ]) {
      expect(await code([jwk])).toBe('target-key-refused')
    }
  })

  test('without a token of somebody who may ask for releases', async () => {
    await create('roles')
    const none = await release('roles', { roles: [] })
    expect([none.status, none.code]).toEqual([401, 'token-missing'])
    expect(none.headers.get('www-authenticate')).toMatch(
      /^Bearer authorization="https:\/\/identity\.example", resource="https:\/\/keys\.example"$/,
    )
    for (const role of ['reader', 'user', 'officer', 'auditor']) {
      const answer = await release('roles', { roles: [role] })
      expect([answer.status, answer.code]).toEqual([403, 'role-insufficient'])
    }
    expect((await release('roles', { roles: ['releaser'] })).status).toBe(200)
  })
})

describe('policies', () => {
  test('have versions, and the log says which one was asked', async () => {
    const kid = await create('changing')
    expect((await release('changing')).status).toBe(200)
    const stricter = policyFor([{ claim: 'x-ms-sgx-product-id', equals: 8 }])
    const changed = await broker.ask('PATCH', `/keys/changing/${kid.split('/').at(-1)}`, {
      body: { release_policy: releasePolicyOf(stricter) },
    })
    expect(changed.status).toBe(200)
    expect(await release('changing')).toMatchObject({ status: 403, code: 'release-refused' })
    const [before, , after] = (await broker.entries()).slice(-3)
    expect([before?.outcome, before?.details?.policyVersion]).toEqual(['done', 1])
    expect([after?.outcome, after?.details?.policyVersion]).toEqual(['release-refused', 2])
    expect(before?.details?.policyDigest).not.toBe(after?.details?.policyDigest)
  })

  test('that are immutable stay, for every later version', async () => {
    const policy = releasePolicyOf(policyFor(), true)
    const kid = await create('immutable', { release_policy: policy })
    const version = kid.split('/').at(-1)
    const weaker = releasePolicyOf({
      anyOf: [{ authority: broker.authority.issuer, anyOf: [{ claim: 'jti', exists: true }] }],
    })
    const refused = { status: 403, code: 'release-policy-immutable' }
    const change = (body: object): Promise<TestAnswer> =>
      broker.ask('PATCH', `/keys/immutable/${version}`, { body })
    expect(await change({ release_policy: weaker })).toMatchObject(refused)
    expect(await change({ release_policy: releasePolicyOf(policyFor()) })).toMatchObject(refused)
    expect((await change({ release_policy: policy })).status).toBe(200)
    const made = await broker.ask('POST', '/keys/immutable/create', {
      body: { kty: 'oct', attributes: { exportable: true }, release_policy: weaker },
    })
    expect(made).toMatchObject(refused)
    const plain = await broker.ask('POST', '/keys/immutable/create', { body: { kty: 'oct' } })
    expect(plain).toMatchObject(refused)
    const rotated = await broker.ask('POST', '/keys/immutable/rotate')
    expect(rotated.body.release_policy).toMatchObject({ immutable: true })
    expect(rotated.body.release_policy.data).toBe((policy as { data: string }).data)
  })

  test('that are immutable outlast their key: neither an older backup nor a new key has another', async () => {
    const weaker = releasePolicyOf({
      anyOf: [{ authority: broker.authority.issuer, anyOf: [{ claim: 'jti', exists: true }] }],
    })
    const made = await create('outlasting', { release_policy: weaker })
    const loose = await broker.ask('POST', '/keys/outlasting/backup')
    const policy = releasePolicyOf(policyFor(), true)
    const path = `/keys/outlasting/${made.split('/').at(-1)}`
    const pinned = await broker.ask('PATCH', path, { body: { release_policy: policy } })
    expect(pinned.status).toBe(200)
    const strict = await broker.ask('POST', '/keys/outlasting/backup')
    await broker.ask('DELETE', '/keys/outlasting')
    expect((await broker.ask('DELETE', '/deletedkeys/outlasting')).status).toBe(204)
    const restore = ({ body: { value } }: TestAnswer): Promise<TestAnswer> =>
      broker.ask('POST', '/keys/restore', { body: { value } })
    const refused = { status: 403, code: 'release-policy-immutable' }
    expect(await restore(loose)).toMatchObject(refused)
    const another = { kty: 'oct', attributes: { exportable: true }, release_policy: weaker }
    for (const name of ['outlasting', 'OutLasting']) {
      expect(await broker.ask('POST', `/keys/${name}/create`, { body: another })).toMatchObject(
        refused,
      )
    }
    const restored = await restore(strict)
    expect(restored.body.release_policy).toMatchObject({ immutable: true })
    await broker.ask('DELETE', '/keys/outlasting')
    await broker.ask('DELETE', '/deletedkeys/outlasting')
    const again = await broker.ask('POST', '/keys/outlasting/create', {
      body: { ...another, release_policy: releasePolicyOf(policyFor()) },
    })
    expect(again.body.release_policy).toMatchObject({ immutable: true })
  })

  test('that say something unknown are refused at import, never passed over', async () => {
    for (const rule of [
      { claim: 'a', matches: '.*' },
      { claim: 'a', equals: 1, comment: 'x' },
    ]) {
      const made = await broker.ask('POST', '/keys/unknown-operator/create', {
        body: {
          kty: 'oct',
          attributes: { exportable: true },
          release_policy: releasePolicyOf(policyFor([rule])),
        },
      })
      expect(made).toMatchObject({ status: 400, code: 'release-policy-malformed' })
      expect(made.body.error?.message).toContain('release_policy.anyOf[0].allOf[4]')
    }
  })

  test('and exportable keys belong together', async () => {
    const make = (body: object): Promise<TestAnswer> =>
      broker.ask('POST', '/keys/together/create', { body: { kty: 'oct', ...body } })
    const release_policy = releasePolicyOf(policyFor())
    expect(await make({ attributes: { exportable: true } })).toMatchObject({
      code: 'release-policy-missing',
    })
    expect(await make({ release_policy })).toMatchObject({ code: 'key-not-exportable' })
    expect((await make({})).status).toBe(200)
    const change = (body: object): Promise<TestAnswer> =>
      broker.ask('PATCH', '/keys/together', { body })
    expect(await change({ release_policy })).toMatchObject({ code: 'key-not-exportable' })
    expect(await change({ attributes: { exportable: true } })).toMatchObject({
      code: 'key-exportable-fixed',
    })
  })
})

test('neither a key nor a token is in a log, and no key is in the database', async () => {
  const k = Buffer.from('a key that nobody else may see..')
  await broker.ask('PUT', '/keys/canary', {
    body: {
      key: { kty: 'oct', k: k.toString('base64url') },
      attributes: { exportable: true },
      release_policy: releasePolicyOf(policyFor()),
    },
  })
  const token = await broker.authority.issue(claimsFor(broker.authority, target.publicJwk))
  const released = await answerOf(await release('canary', { token }))
  expect(Buffer.from(target.open(released.response.key.key.key_hsm))).toEqual(k)
  await release('canary', { token: `${token}x` })
  const log = Buffer.from(broker.lines.join('\n'))
  const everything = Buffer.concat([log, await broker.postgres.everything()])
  expect(everything.length).toBeGreaterThan(10_000)
  const signature = token.split('.')[2] ?? ''
  for (const form of [k.toString(), k.toString('hex'), k.toString('base64url'), signature]) {
    expect(everything.includes(form)).toBe(false)
  }
})
