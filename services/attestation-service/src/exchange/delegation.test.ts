import type { PeerExpectation, TeeRole } from '@sealward/attestation/evidence'
import { type AccessTokenTrust, verifyAccessToken } from '@sealward/attestation/token'
import type { Identity } from '@sealward/enclave/identity'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
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
} from './client.fixtures.ts'

let attester: Attester
let platform: Identity
let gateway: Identity
let diagnostics: Identity
beforeAll(async () => {
  attester = await createAttester()
  const workload = (role: TeeRole) => attester.workload({ initTimeData: { role } })
  platform = await workload('platform')
  gateway = await workload('cache-gateway')
  diagnostics = await workload('diagnostics')
})
afterAll(() => attester.close())

const accessType = 'urn:ietf:params:oauth:token-type:access_token'
const jwtType = 'urn:ietf:params:oauth:token-type:jwt'

/** Exchanges what `actor` was shown, for the next audience. */
async function actFor(actor: Identity, subject: string, change: FormChanges = {}) {
  return exchangeFor(attester, actor, {
    subject_token: subject,
    subject_token_type: accessType,
    actor_token: await attestationOf(attester, actor),
    actor_token_type: jwtType,
    audience: `${deployment}:diagnostics`,
    ...change,
  })
}

const lettingAct = async (role: string): Promise<string> =>
  accessTokenIn(await exchangeFor(attester, platform, { may_act: role }))

function expectationOf(role: TeeRole): PeerExpectation {
  return {
    role,
    mrEnclave: ['e1'.repeat(32)],
    mrSigner: ['51'.repeat(32)],
    isvProdId: 1,
    isvSvnMin: 1,
    debug: 'refused',
    tcbStatuses: ['UpToDate'],
  }
}

async function shown(
  token: string,
  holder: Identity,
  change: Partial<AccessTokenTrust> = {},
): Promise<string> {
  const result = await verifyAccessToken(token, {
    issuer,
    jwks: { keys: [attester.signingKey.jwk] },
    signers: [attester.signingKey.signer],
    at: attester.clock.now(),
    clockSkewSeconds: 0,
    denyList: { unchecked: 'not what is tested here' },
    audience: `${deployment}:diagnostics`,
    peerCertificateSha256: holder.tls.certificateSha256,
    purposes: ['cache'],
    policyHashes: [attester.policyHash],
    expectation: expectationOf('platform'),
    deployment,
    development: true,
    admitJti: () => true,
    ...change,
  })
  return result.ok ? 'verified' : result.problem.code
}

test('an access token is not exchanged onward unless its holder lets its audience act', async () => {
  const silent = accessTokenIn(await exchangeFor(attester, platform, {}))
  expect(await actFor(gateway, silent)).toMatchObject({
    status: 400,
    body: { error: 'invalid_request', code: 'may-not-act' },
  })
  const another = await lettingAct('diagnostics')
  expect(await actFor(diagnostics, another)).toMatchObject({ body: { code: 'may-not-act' } })
  expect(await actFor(gateway, another)).toMatchObject({ body: { code: 'may-not-act' } })
})

test('whoever is let act gets a token of the holder’s, bound to its own certificate, that says who acts', async () => {
  const answer = await actFor(gateway, await lettingAct('cache-gateway'))
  expect(answer).toMatchObject({ status: 200, body: { expires_in: 300 } })
  const token = accessTokenIn(answer)
  expect(decodeJwt(token)).toMatchObject({
    sub: 'platform',
    aud: `${deployment}:diagnostics`,
    cnf: { 'x5t#S256': gateway.tls.certificateSha256 },
    sealward: { role: 'platform' },
    act: { sub: 'cache-gateway', sealward: { role: 'cache-gateway', deployment } },
  })
  const actors = [expectationOf('cache-gateway')]
  expect(await shown(token, gateway, { actors })).toBe('verified')
  expect(await shown(token, platform, { actors })).toBe('wrong-holder')
  expect(await shown(token, gateway)).toBe('actor-not-accepted')
  expect(await shown(token, gateway, { actors: [expectationOf('diagnostics')] })).toBe(
    'actor-not-accepted',
  )
  const other = [{ ...expectationOf('cache-gateway'), mrEnclave: ['00'.repeat(32)] }]
  expect(await shown(token, gateway, { actors: other })).toBe('wrong-measurement')
})

test('actors nest, the last outermost, three at most, and the token ends with the first', async () => {
  let token = await lettingAct('cache-gateway')
  attester.clock.move(100)
  const steps = [
    [gateway, 'diagnostics', 'diagnostics'],
    [diagnostics, 'cache-gateway', 'cache-gateway'],
    [gateway, 'diagnostics', 'diagnostics'],
  ] as const
  for (const [actor, audience, mayAct] of steps) {
    const answer = await actFor(actor, token, {
      audience: `${deployment}:${audience}`,
      may_act: mayAct,
    })
    expect(answer).toMatchObject({ status: 200, body: { expires_in: 200 } })
    token = accessTokenIn(answer)
  }
  expect(decodeJwt(token)).toMatchObject({
    act: {
      sub: 'cache-gateway',
      act: { sub: 'diagnostics', act: { sub: 'cache-gateway' } },
    },
  })
  expect(await actFor(diagnostics, token)).toMatchObject({ body: { code: 'too-many-actors' } })
  attester.clock.move(200)
  expect(await actFor(diagnostics, token)).toMatchObject({ body: { code: 'expired' } })
  attester.clock.move(-300)
  expect(attester.clock.now()).toBe(startOfTests)
})

test('who stole the access token does not act with it, nor does the audience with a stolen identity', async () => {
  const token = await lettingAct('cache-gateway')
  const thief = await attester.workload({ initTimeData: { role: 'diagnostics' } })
  expect(await actFor(thief, token)).toMatchObject({ body: { code: 'may-not-act' } })
  const stolen = {
    actor_token: await attestationOf(attester, gateway),
    client_assertion: await assertionOf(attester, thief),
  }
  expect(await actFor(thief, token, stolen)).toMatchObject({
    status: 401,
    body: { error: 'invalid_client', code: 'assertion-signature' },
  })
})

test('each kind of subject is asked for as it is', async () => {
  const actor = await attestationOf(attester, gateway)
  const cases: readonly (readonly [FormChanges, string, string])[] = [
    [{ actor_token: actor, actor_token_type: jwtType }, 'invalid_request', 'actor-unexpected'],
    [{ actor_token: actor }, 'invalid_request', 'parameter-unsupported'],
    [{ actor_token_type: jwtType }, 'invalid_request', 'parameter-unsupported'],
    [{ subject_token_type: accessType }, 'invalid_request', 'actor-missing'],
    [{ may_act: 'somebody' }, 'invalid_request', 'parameter-malformed'],
    [{ scope: 'all' }, 'invalid_scope', 'parameter-unsupported'],
    [{ resource: 'https://cache.example' }, 'invalid_target', 'parameter-unsupported'],
    [{ requested_token_type: 'urn:x' }, 'invalid_request', 'parameter-unsupported'],
    [{ client_assertion_type: 'urn:x' }, 'invalid_request', 'parameter-unsupported'],
  ]
  for (const [change, error, code] of cases) {
    expect(await exchangeFor(attester, platform, change)).toMatchObject({
      status: 400,
      body: { error, code },
    })
  }
  const access = accessTokenIn(await exchangeFor(attester, platform, {}))
  expect(await actFor(gateway, actor)).toMatchObject({ body: { code: 'wrong-type' } })
  expect(await actFor(gateway, access, { actor_token: access })).toMatchObject({
    body: { code: 'wrong-type' },
  })
})
