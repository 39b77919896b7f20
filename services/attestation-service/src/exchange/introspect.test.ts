import { ok, refuse } from '@sealward/attestation/bytes'
import type { Identity } from '@sealward/enclave/identity'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Answer } from '../answer.ts'
import { fixedDenials } from '../revocation/denials.ts'
import {
  type Attester,
  createAttester,
  deployment,
  issuer,
  startOfTests,
} from '../testing/attester.fixtures.ts'
import {
  accessTokenIn,
  assertionOf,
  attestationOf,
  exchangeFor,
  type FormChanges,
  formOf,
} from './client.fixtures.ts'
import { type IntrospectDeps, introspect } from './introspect.ts'

let attester: Attester
let platform: Identity
let gateway: Identity
let token: string
beforeAll(async () => {
  attester = await createAttester()
  platform = await attester.workload()
  gateway = await attester.workload({ initTimeData: { role: 'cache-gateway' } })
  token = accessTokenIn(await exchangeFor(attester, platform, {}))
})
afterAll(() => attester.close())

async function ask(
  about: string,
  by: Identity,
  change: FormChanges = {},
  deps: IntrospectDeps = attester.deps,
): Promise<Answer> {
  return introspect(
    deps,
    formOf({
      token: about,
      client_attestation: await attestationOf(attester, by),
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await assertionOf(attester, by, { aud: `${issuer}/introspect` }),
      ...change,
    }),
  )
}

const inactive = { status: 200, body: { active: false } }

test('its audience and its holder are told what an access token says', async () => {
  for (const who of [gateway, platform]) {
    expect(await ask(token, who)).toEqual({
      status: 200,
      body: {
        active: true,
        token_type: 'access_token',
        iss: issuer,
        sub: 'platform',
        aud: `${deployment}:cache-gateway`,
        iat: startOfTests,
        nbf: startOfTests,
        exp: startOfTests + 300,
        jti: expect.any(String),
        cnf: { 'x5t#S256': platform.tls.certificateSha256 },
        purpose: 'cache',
        deployment,
      },
    })
  }
})

test('an attestation token is told about to who holds it', async () => {
  const attestation = await attestationOf(attester, platform)
  expect(await ask(attestation, platform)).toMatchObject({
    body: { active: true, token_type: 'attestation_token', sub: 'platform' },
  })
  expect(await ask(attestation, gateway)).toEqual(inactive)
})

test('nobody else learns whether there is such a token', async () => {
  const another = await attester.workload({ initTimeData: { role: 'diagnostics' } })
  expect(await ask(token, another)).toEqual(inactive)
  for (const text of ['', 'a.b.c', `${token}x`, token.replace(/[^.]*$/, '')]) {
    if (text !== '') expect(await ask(text, gateway)).toEqual(inactive)
  }
})

test('what has expired or is denied is not active', async () => {
  const denied = (entries: Parameters<typeof fixedDenials>[0]): IntrospectDeps => ({
    ...attester.deps,
    instance: { ...attester.deps.instance, denials: fixedDenials(entries) },
  })
  const jti = Object((await ask(token, gateway)).body).jti as string
  const revoked = denied([{ kind: 'token', value: jti }])
  expect(await ask(token, gateway, {}, revoked)).toEqual(inactive)
  // Who asks is denied, too.
  const software = denied([{ kind: 'measurement', value: 'e1'.repeat(32) }])
  expect(await ask(token, gateway, {}, software)).toMatchObject({
    status: 401,
    body: { code: 'measurement-denied' },
  })
  attester.clock.move(300)
  expect(await ask(token, gateway)).toEqual(inactive)
  attester.clock.move(-300)
})

test('an administrator is told about every token, and needs a role', async () => {
  const nothing = undefined as never
  const people = {
    issuer: 'https://identity.example',
    verify: async (authorization: string | undefined) =>
      authorization === 'Bearer reader'
        ? ok({ subject: 'alice', name: 'Alice', roles: ['reader'] as const })
        : refuse('token-refused', 'authorization', 'The access token is not genuine.'),
  }
  const defaults = attester.deps.instance.policies
  const managed = {
    mode: 'entra',
    defaults,
    store: nothing,
    people,
    approvalSeconds: undefined,
  } as const
  const instance = { ...attester.deps.instance, administration: managed }
  const as = (
    authorization: string,
    about: string,
    deps: IntrospectDeps = { ...attester.deps, instance },
  ) => introspect(deps, formOf({ token: about }), authorization)
  expect(await as('Bearer reader', token)).toMatchObject({ body: { active: true } })
  expect(await as('Bearer reader', 'a.b.c')).toEqual(inactive)
  expect(await as('Bearer else', token)).toMatchObject({ status: 401 })
  expect(await as('Bearer reader', token, attester.deps)).toMatchObject({
    status: 400,
    problem: { code: 'instance-shared' },
  })
})

test('who asks proves who they are, once, for this endpoint', async () => {
  const once = await assertionOf(attester, gateway, { aud: `${issuer}/introspect` })
  expect(await ask(token, gateway, { client_assertion: once })).toMatchObject({ status: 200 })
  const cases: readonly (readonly [FormChanges, number, string])[] = [
    [{ client_assertion: once }, 401, 'assertion-replayed'],
    [{ client_assertion: await assertionOf(attester, gateway) }, 401, 'assertion-audience'],
    [{ client_attestation: token }, 401, 'wrong-type'],
    [{ client_assertion_type: undefined }, 401, 'parameter-unsupported'],
    [{ token: undefined }, 400, 'parameter-missing'],
  ]
  for (const [change, status, code] of cases) {
    expect(await ask(token, gateway, change)).toMatchObject({ status, body: { code } })
  }
})
