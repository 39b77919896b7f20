import { utf8Of } from '@sealward/attestation/bytes'
import type { PeerExpectation } from '@sealward/attestation/evidence'
import { defaultPolicyFor, policyHashOf } from '@sealward/attestation/policy'
import { verifyAccessToken } from '@sealward/attestation/token'
import type { Identity } from '@sealward/enclave/identity'
import fc from 'fast-check'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Answer } from '../answer.ts'
import type { Instance } from '../instance.ts'
import { limits } from '../limits.ts'
import {
  type Attester,
  attestBodyOf,
  attestSgx,
  createAttester,
  deployment,
  issuer,
  startOfTests,
} from '../testing/attester.fixtures.ts'
import { assertionOf, attestationOf, exchangeFor, type FormChanges } from './client.fixtures.ts'
import { exchangeToken } from './exchange.ts'
import { createReplayMemory } from './replay-memory.ts'

let attester: Attester
let workload: Identity
let subjectToken: string
beforeAll(async () => {
  attester = await createAttester()
  workload = await attester.workload()
  subjectToken = await attestationOf(attester, workload)
})
afterAll(() => attester.close())

const audience = `${deployment}:cache-gateway`
const assertion = (
  claims: Readonly<Record<string, unknown>> = {},
  by: Identity = workload,
): Promise<string> => assertionOf(attester, by, claims)

/** Asks with the one attestation token that all these tests have. */
const exchange = (
  change: FormChanges = {},
  instance: Instance = attester.deps.instance,
): Promise<Answer> =>
  exchangeFor({ ...attester, deps: { ...attester.deps, instance } }, workload, {
    subject_token: subjectToken,
    ...change,
  })

function refused(error: string, code: string): object {
  const status = error === 'invalid_client' ? 401 : error === 'temporarily_unavailable' ? 503 : 400
  return { status, body: { error, code, error_description: expect.any(String) } }
}

const expectation: PeerExpectation = {
  role: 'platform',
  mrEnclave: ['e1'.repeat(32)],
  mrSigner: ['51'.repeat(32)],
  isvProdId: 1,
  isvSvnMin: 1,
  debug: 'refused',
  tcbStatuses: ['UpToDate'],
}

test('an attestation token becomes an access token that its receiver accepts, of its holder only', async () => {
  const answer = await exchange()
  expect(answer).toMatchObject({
    status: 200,
    body: {
      token_type: 'N_A',
      issued_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      expires_in: 300,
    },
  })
  const { access_token: token } = answer.body as { readonly access_token: string }
  expect(decodeProtectedHeader(token)).toMatchObject({ alg: 'RS256', typ: 'at+jwt' })
  expect(decodeJwt(token)).toMatchObject({
    iss: issuer,
    aud: audience,
    sub: 'platform',
    iat: startOfTests,
    exp: startOfTests + 300,
    cnf: { 'x5t#S256': workload.tls.certificateSha256 },
    purpose: 'cache',
    sealward: {
      deployment,
      role: 'platform',
      mrEnclave: 'e1'.repeat(32),
      tcbStatus: 'UpToDate',
      simulated: true,
      debug: false,
      attestationToken: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
    },
  })
  const trust = {
    issuer,
    jwks: { keys: [attester.signingKey.jwk] },
    signers: [attester.signingKey.signer],
    at: startOfTests,
    clockSkewSeconds: 0,
    denyList: { unchecked: 'not what is tested here' },
    purposes: ['cache'],
    audience,
    peerCertificateSha256: workload.tls.certificateSha256,
    policyHashes: [attester.policyHash],
    expectation,
    deployment,
    development: true,
    admitJti: () => true,
  }
  expect(await verifyAccessToken(token, trust)).toMatchObject({ ok: true })
  expect(
    await verifyAccessToken(token, { ...trust, audience: `${deployment}:diagnostics` }),
  ).toMatchObject({ ok: false, problem: { code: 'wrong-audience' } })
  expect(
    await verifyAccessToken(token, { ...trust, peerCertificateSha256: 'A'.repeat(43) }),
  ).toMatchObject({ ok: false, problem: { code: 'wrong-holder' } })
  expect(
    await verifyAccessToken(token, {
      ...trust,
      policyHashes: [await policyHashOf(defaultPolicyFor('SgxEnclave'))],
    }),
  ).toMatchObject({ ok: false, problem: { code: 'wrong-policy' } })
})

test('an access token ends with the attestation token that it was exchanged for', async () => {
  const { clock } = attester
  clock.move(3600 - 100)
  expect(await exchange()).toMatchObject({ status: 200, body: { expires_in: 100 } })
  clock.move(100)
  expect(await exchange()).toMatchObject(refused('invalid_request', 'expired'))
  clock.move(-3600)
})

test('an audience outside the deployment is refused', async () => {
  for (const other of [
    'urn:uuid:00000000-0000-4000-8000-000000000000:cache-gateway',
    deployment,
    `${deployment}:`,
    `${deployment}:portal`,
  ]) {
    expect(await exchange({ audience: other })).toMatchObject(
      refused('invalid_target', 'wrong-audience'),
    )
  }
})

test('a stolen attestation token is of no use without the identity key', async () => {
  const thief = await attester.workload()
  expect(await exchange({ client_assertion: await assertion({}, thief) })).toMatchObject(
    refused('invalid_client', 'assertion-signature'),
  )
  const asVictim = await assertion({ iss: workload.kid, sub: workload.kid }, thief)
  expect(await exchange({ client_assertion: asVictim })).toMatchObject(
    refused('invalid_client', 'assertion-signature'),
  )
})

test('an assertion is used once', async () => {
  const once = await assertion()
  expect(await exchange({ client_assertion: once })).toMatchObject({ status: 200 })
  expect(await exchange({ client_assertion: once })).toMatchObject(
    refused('invalid_client', 'assertion-replayed'),
  )
  attester.clock.move(60 + limits.clockSkewSeconds)
  expect(await exchange({ client_assertion: once })).toMatchObject(
    refused('invalid_client', 'assertion-time'),
  )
  attester.clock.move(-60 - limits.clockSkewSeconds)
})

test('an assertion is for us, of the key that it names, and of the last minute', async () => {
  const now = startOfTests
  const cases: readonly (readonly [object, string])[] = [
    [{ iss: 'somebody' }, 'assertion-issuer'],
    [{ sub: 'somebody' }, 'assertion-issuer'],
    [{ aud: 'https://other.example/token' }, 'assertion-audience'],
    [{ exp: now + 61 }, 'assertion-time'],
    [{ iat: now - 120, exp: now - 60 }, 'assertion-time'],
    [{ iat: now + 31, exp: now + 60 }, 'assertion-time'],
    [{ jti: undefined }, 'assertion-malformed'],
    [{ jti: 'x'.repeat(limits.assertionIdCharactersMax + 1) }, 'assertion-malformed'],
    [{ exp: 'soon' }, 'assertion-malformed'],
  ]
  for (const [claims, code] of cases) {
    expect(await exchange({ client_assertion: await assertion({ ...claims }) })).toMatchObject(
      refused('invalid_client', code),
    )
  }
})

test('when no more assertions can be remembered, none is let in', async () => {
  const small = { ...attester.deps.instance, assertions: createReplayMemory(2) }
  expect(await exchange({}, small)).toMatchObject({ status: 200 })
  expect(await exchange({}, small)).toMatchObject({ status: 200 })
  expect(await exchange({}, small)).toMatchObject(
    refused('temporarily_unavailable', 'replay-memory-full'),
  )
  attester.clock.move(100)
  expect(await exchange({}, small)).toMatchObject({ status: 200 })
  attester.clock.move(-100)
})

test('a subject token that is unsecured, forged or of another issuer is refused', async () => {
  const [header = '', payload = ''] = subjectToken.split('.')
  const unsecured = `${Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url')}.${payload}.`
  expect(await exchange({ subject_token: unsecured })).toMatchObject(
    refused('invalid_request', 'unsecured'),
  )
  const forged = `${header}.${payload}.${'A'.repeat(342)}`
  expect(await exchange({ subject_token: forged })).toMatchObject(
    refused('invalid_request', 'bad-signature'),
  )
  const access = (await exchange()).body as { readonly access_token: string }
  expect(await exchange({ subject_token: access.access_token })).toMatchObject(
    refused('invalid_request', 'wrong-type'),
  )
})

test('evidence that names no workload of ours cannot be exchanged', async () => {
  const body = await attestBodyOf(workload, { initTimeData: undefined })
  const answer = await attestSgx(attester.deps, utf8Of(JSON.stringify(body)))
  const { token } = answer.body as { readonly token: string }
  expect(await exchange({ subject_token: token })).toMatchObject(
    refused('invalid_request', 'claim-missing'),
  )
})

test('parameters are asked for by name, once each', async () => {
  expect(await exchange({ grant_type: 'client_credentials' })).toMatchObject(
    refused('unsupported_grant_type', 'parameter-unsupported'),
  )
  expect(await exchange({ subject_token_type: 'x' })).toMatchObject(
    refused('invalid_request', 'parameter-unsupported'),
  )
  for (const name of ['subject_token', 'audience', 'purpose']) {
    expect(await exchange({ [name]: undefined })).toMatchObject(
      refused('invalid_request', 'parameter-missing'),
    )
  }
  for (const purpose of ['Ada Lovelace', 'patient 4711', 'x'.repeat(65)]) {
    expect(await exchange({ purpose })).toMatchObject(
      refused('invalid_request', 'parameter-malformed'),
    )
  }
  expect(await exchangeToken(attester.deps, utf8Of('audience=a&audience=b'))).toMatchObject(
    refused('invalid_request', 'parameters-malformed'),
  )
})

test('no bytes make it throw', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.oneof(fc.uint8Array(), fc.webQueryParameters().map(utf8Of)),
      async (bytes) => {
        expect((await exchangeToken(attester.deps, bytes)).status).toBe(400)
      },
    ),
  )
  await fc.assert(
    fc.asyncProperty(fc.string(), fc.string(), async (subject, client) => {
      const answer = await exchange({ subject_token: subject, client_assertion: client })
      expect(answer.status).toBe(400)
    }),
    { numRuns: 30 },
  )
})
