import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import { exportJWK, type JSONWebKeySet, SignJWT } from 'jose'
import { expect, test } from 'vitest'
import { verifyBearer } from './bearer-token.ts'
import type { ProviderKeys } from './provider-keys.ts'

const now = 1_790_000_000
const expectation = {
  issuer: 'https://identity.hospital.example',
  audience: 'urn:sealward:platform',
  roleClaim: 'roles',
  roles: ['clerk', 'radiologist'],
}
const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const jwks: JSONWebKeySet = {
  keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'k1', alg: 'ES256' }],
}
const keys: ProviderKeys = async () => ok(jwks)

function token(
  changes: { readonly [claim: string]: unknown } = {},
  {
    key = pair.privateKey,
    kid = 'k1',
    typ = 'at+jwt',
  }: { key?: KeyObject; kid?: string; typ?: string } = {},
): Promise<string> {
  const claims = {
    iss: expectation.issuer,
    aud: expectation.audience,
    sub: 'u1',
    name: 'Chen Wei',
    roles: ['clerk'],
    iat: now - 10,
    exp: now + 60,
    ...changes,
  }
  return new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid, typ }).sign(key)
}

const verify = async (jwt: string): Promise<unknown> =>
  verifyBearer(`Bearer ${jwt}`, expectation, keys, now)

test('a token of the pinned provider names the member of staff and the roles', async () => {
  expect(await verify(await token())).toEqual({
    ok: true,
    value: { subject: 'u1', name: 'Chen Wei', roles: ['clerk'] },
  })
})

test('roles may lie below a dotted claim', async () => {
  const nested = await token({ roles: undefined, realm_access: { roles: ['radiologist', 'x'] } })
  expect(
    await verifyBearer(
      `Bearer ${nested}`,
      { ...expectation, roleClaim: 'realm_access.roles' },
      keys,
      now,
    ),
  ).toMatchObject({ ok: true, value: { roles: ['radiologist'] } })
})

const wrong: readonly (readonly [string, { readonly [claim: string]: unknown }, string])[] = [
  ['another issuer', { iss: 'https://elsewhere.example' }, 'token-refused'],
  ['another audience', { aud: 'urn:other' }, 'token-refused'],
  ['a time that has passed', { exp: now - 31 }, 'token-expired'],
  ['no role of ours', { roles: ['janitor'] }, 'role-missing'],
  ['no roles at all', { roles: undefined }, 'role-missing'],
  ['no expiry', { exp: undefined }, 'token-refused'],
]
test.each(wrong)('a token with %s is refused', async (_, changes, code) => {
  expect(await verify(await token(changes))).toMatchObject({ ok: false, problem: { code } })
})

test('a token signed by a stranger under a known key id is refused', async () => {
  expect(await verify(await token({}, { key: stranger.privateKey }))).toMatchObject({
    ok: false,
    problem: { code: 'token-refused' },
  })
})

test('a token of an unsecured algorithm is refused', async () => {
  const [, payload] = (await token()).split('.')
  const header = Buffer.from('{"alg":"none"}').toString('base64url')
  expect(await verify(`${header}.${payload}.`)).toMatchObject({ ok: false })
})

test.each([
  [{}, 'logout+jwt'],
  [{ at_hash: 'MTIzNDU2Nzg5MDEyMzQ1Ng' }, 'JWT'],
  [{ c_hash: 'MTIzNDU2Nzg5MDEyMzQ1Ng' }, 'JWT'],
  [{ events: { 'http://schemas.openid.net/event/backchannel-logout': {} } }, 'JWT'],
  [{ typ: 'ID' }, 'JWT'],
  [{ typ: 'Refresh' }, 'JWT'],
])(
  'another token of the provider for the same audience is not an access token: %j',
  async (claims, typ) => {
    expect(await verify(await token(claims, { typ }))).toMatchObject({
      problem: { code: 'token-refused' },
    })
  },
)

test('an access token as Keycloak writes it is one', async () => {
  expect(await verify(await token({ typ: 'Bearer', nonce: 'n' }, { typ: 'JWT' }))).toMatchObject({
    ok: true,
  })
})

test('an unknown key makes the provider be asked once more, and a new key then counts', async () => {
  const asked: boolean[] = []
  const rotated: ProviderKeys = async ({ fresh }) => {
    asked.push(fresh)
    return ok(fresh ? jwks : { keys: [] })
  }
  expect(await verifyBearer(`Bearer ${await token()}`, expectation, rotated, now)).toMatchObject({
    ok: true,
  })
  expect(asked).toEqual([false, true])
})

test.each(['', 'Bearer', 'Bearer a b', 'Basic abc', undefined])(
  '%j is no bearer token',
  async (header) => {
    expect(await verifyBearer(header, expectation, keys, now)).toMatchObject({
      problem: { code: 'token-missing' },
    })
  },
)

test.each(['a', 'a.b', 'a.b.c', 'a.b.c.d.e', '....'])('%j is refused, not thrown', async (text) => {
  expect(await verify(text)).toMatchObject({ ok: false })
})

test('a provider that gives no keys is told apart from a bad token', async () => {
  const down: ProviderKeys = async (): Promise<
    Result<never, Problem<'identity-provider-unavailable'>>
  > => refuse('identity-provider-unavailable', 'status', 'down')
  expect(await verifyBearer(`Bearer ${await token()}`, expectation, down, now)).toMatchObject({
    problem: { code: 'identity-provider-unavailable' },
  })
})
