import { connect } from 'node:net'
import { verifyPeer } from '@sealward/attestation/channel'
import { createPassport, createSignerKeys, type Identity } from '@sealward/enclave/identity'
import { type Server, systemRandom } from '@sealward/enclave/server'
import { createLogger } from '@sealward/enclave/telemetry'
import { decodeJwt } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAttestationService } from './app.ts'
import { limits } from './limits.ts'
import {
  type Attester,
  attestBodyOf,
  createAttester,
  deployment,
  issuer,
} from './testing/attester.fixtures.ts'

let attester: Attester
let server: Server
let url: string
let workload: Identity
const lines: string[] = []

beforeAll(async () => {
  attester = await createAttester()
  const log = createLogger('attestation-service', { write: (line) => lines.push(line) })
  server = createAttestationService({ ...attester.deps, log })
  url = `http://127.0.0.1:${(await server.listen()).port}`
  workload = await attester.workload()
})
afterAll(async () => {
  await server.close()
  await attester.close()
})

const attestPath = '/attest/SgxEnclave?api-version=2025-06-01'

function post(path: string, body: string, contentType = 'application/json'): Promise<Response> {
  return fetch(`${url}${path}`, { method: 'POST', headers: { 'content-type': contentType }, body })
}

test('a workload gets its passport and exchanges it, over HTTP', async () => {
  const passport = createPassport({
    identity: workload,
    attestation: { issuer, url },
    clock: attester.clock,
    random: systemRandom,
  })
  expect(await passport.token()).toMatchObject({ ok: true })
  const audience = `${deployment}:cache-gateway`
  const access = await passport.accessToken(audience, 'cache')
  expect(access).toMatchObject({ ok: true })
  expect(access.ok && decodeJwt(access.value.token)).toMatchObject({
    aud: audience,
    purpose: 'cache',
  })
  expect(await passport.accessToken('urn:uuid:other:cache-gateway', 'cache')).toMatchObject({
    ok: false,
    problem: { code: 'attestation-refused' },
  })
  await passport.close()
})

test('a workload has its evidence made for a challenge, over HTTP', async () => {
  const attestation = { issuer, url }
  const common = { identity: workload, attestation, clock: attester.clock, random: systemRandom }
  const outcome = async (challenged: boolean): Promise<unknown> => {
    const passport = createPassport({ ...common, challenged })
    const token = await passport.token()
    await passport.close()
    return token.ok ? decodeJwt(token.value)['x-sealward-challenge'] : token.problem.code
  }
  expect(await outcome(true)).toBe(true)
  expect(await outcome(false)).toBeUndefined()
})

test('a peer that was given a token is verified by it and by its own evidence', async () => {
  const nonce = systemRandom.bytes(32)
  const evidence = await workload.evidence(nonce)
  if (!evidence.ok) throw new Error(evidence.problem.code)
  const body = await attestBodyOf(workload)
  const { quote, runtimeData, initTimeData } = evidence.value
  const response = await post(
    attestPath,
    JSON.stringify({
      ...body,
      quote,
      runtimeData: { data: runtimeData, dataType: 'JSON' },
      initTimeData: { data: initTimeData, dataType: 'JSON' },
    }),
  )
  const { token } = (await response.json()) as { readonly token: string }
  const keys = createSignerKeys({ url, clock: attester.clock })
  const jwks = await keys.keys()
  const { token: denyList } = (await (await fetch(`${url}/deny-list`)).json()) as { token: string }
  if (!jwks.ok) throw new Error(jwks.problem.code)
  const trust = {
    document: evidence.value,
    token,
    nonce,
    deployment,
    expectation: {
      role: 'platform',
      mrEnclave: ['e1'.repeat(32)],
      mrSigner: ['51'.repeat(32)],
      isvProdId: 1,
      isvSvnMin: 1,
      debug: 'refused',
      tcbStatuses: ['UpToDate'],
    },
    roots: [attester.vendor.rootSpkiSha256],
    attestation: {
      issuer,
      jwks: jwks.value,
      signers: [attester.signingKey.signer],
      policyHashes: [attester.policyHash],
      denyList: { text: denyList, ageSecondsMax: 300 },
    },
    at: attester.clock.now(),
    development: true,
  } as const
  const verified = await verifyPeer(trust)
  expect(verified).toMatchObject({ ok: true, value: { role: 'platform', simulated: true } })
  expect(await verifyPeer({ ...trust, token: undefined })).toMatchObject({
    ok: false,
    problem: { code: 'token-missing' },
  })
  await keys.close()
})

test('keys and metadata are published as the contract has them', async () => {
  const certs = await fetch(`${url}/certs`)
  expect(certs.headers.get('content-type')).toMatch(/^application\/json/)
  expect(await certs.json()).toEqual({
    keys: [
      {
        alg: 'RS256',
        kid: expect.stringMatching(/^[A-Za-z0-9_-]{43}$/),
        kty: 'RSA',
        use: 'sig',
        n: expect.any(String),
        e: 'AQAB',
        x5c: [expect.stringMatching(/^MII[A-Za-z0-9+/]+=*$/)],
      },
    ],
  })
  const metadata = await fetch(`${url}/.well-known/openid-configuration`)
  expect(await metadata.json()).toMatchObject({
    issuer,
    jwks_uri: `${issuer}/certs`,
    token_endpoint: `${issuer}/token`,
    response_types_supported: expect.any(Array),
    id_token_signing_alg_values_supported: ['RS256'],
    claims_supported: expect.arrayContaining(['x-ms-sgx-mrenclave', 'x-sealward-tcb-status']),
  })
  expect((await fetch(`${url}/healthz`)).status).toBe(200)
})

test('the version of the contract is asked for, once and known', async () => {
  const body = JSON.stringify(await attestBodyOf(workload))
  const cases = [
    ['/attest/SgxEnclave', 'api-version-missing'],
    ['/attest/SgxEnclave?api-version=', 'api-version-unknown'],
    ['/attest/SgxEnclave?api-version=2018-09-01-preview', 'api-version-unknown'],
    ['/attest/SgxEnclave?api-version=2025-06-01&api-version=2025-06-01', 'api-version-unknown'],
  ] as const
  for (const [path, code] of cases) {
    const response = await post(path, body)
    expect(response.status).toBe(400)
    expect(response.headers.get('x-ms-error-code')).toBe('InvalidParameter')
    expect(await response.json()).toMatchObject({
      error: { code: 'InvalidParameter', message: expect.any(String), innererror: { code } },
    })
  }
  for (const version of ['2020-10-01', '2022-08-01', '2025-06-01']) {
    // Clients of Azure's write the name percent-encoded.
    const response = await post(`/attest/SgxEnclave?api%2Dversion=${version}`, body)
    expect(response.status).toBe(200)
  }
})

test('other attestation types, media types and sizes are refused in the form of the route', async () => {
  const other = await post('/attest/AzureGuest?api-version=2025-06-01', '{}')
  expect([other.status, await other.json()]).toMatchObject([
    404,
    { error: { code: 'NotFound', innererror: { code: 'attestation-type-unknown' } } },
  ])
  const text = await post(attestPath, '{}', 'text/plain')
  expect([text.status, await text.json()]).toMatchObject([
    415,
    { error: { innererror: { code: 'media-type-unknown' } } },
  ])
  const large = await post(attestPath, ' '.repeat(limits.attestBodyBytesMax + 1))
  expect([large.status, await large.json()]).toMatchObject([
    413,
    { error: { innererror: { code: 'body-too-large' } } },
  ])
  const json = await post('/token', '{}')
  expect([json.status, await json.json()]).toMatchObject([
    415,
    { error: 'invalid_request', code: 'media-type-unknown' },
  ])
  const form = 'application/x-www-form-urlencoded'
  const long = await post('/token', 'a'.repeat(limits.tokenBodyBytesMax + 1), form)
  expect([long.status, await long.json()]).toMatchObject([413, { code: 'body-too-large' }])
  const empty = await post('/token', '', form)
  expect([empty.status, empty.headers.get('cache-control'), await empty.json()]).toMatchObject([
    400,
    'no-store',
    { error: 'unsupported_grant_type' },
  ])
})

test('the log holds codes, and nothing of what was sent', async () => {
  lines.length = 0
  const marker = 'canary-of-the-caller'
  await post(attestPath, JSON.stringify({ quote: marker, nonce: marker }))
  await post(
    `/token?${marker}=${marker}`,
    `subject_token=${marker}`,
    'application/x-www-form-urlencoded',
  )
  expect(lines.join('')).toContain('attest-refused')
  expect(lines.join('')).toContain('unsupported-version')
  expect(lines.join('')).toContain('exchange-refused')
  expect(lines.join('')).not.toContain(marker)
})

test('who hangs up in the middle of a body makes no failure of ours', async () => {
  lines.length = 0
  const socket = connect(Number(new URL(url).port), '127.0.0.1')
  socket.write(
    `POST ${attestPath} HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 99\r\n\r\n{`,
  )
  await new Promise((resolve) => setTimeout(resolve, 50))
  socket.destroy()
  await new Promise((resolve) => setTimeout(resolve, 50))
  // Whatever the first one came to, it was logged before this one.
  await post(attestPath, '{}')
  expect(lines.join('')).toContain('attest-refused')
  expect(lines.join('')).not.toContain('request-failed')
})

test('a bug of ours is told as nothing but that', async () => {
  const secret = 'what the exception says'
  const broken = createAttestationService({
    ...attester.deps,
    endorsements: {
      endorsementsFor: () => Promise.reject(new Error(secret)),
      snpEndorsementsFor: () => Promise.reject(new Error(secret)),
    },
  })
  const response = await broken.app.inject({
    method: 'POST',
    url: attestPath,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(await attestBodyOf(workload)),
  })
  expect(response.statusCode).toBe(500)
  expect(response.body).not.toContain(secret)
  await broken.close()
})
