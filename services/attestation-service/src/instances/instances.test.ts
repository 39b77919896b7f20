/** Several instances in one service: each by its name and its host, with its own keys and its own patience. */

import { request } from 'node:http'
import { addressesOf } from '@sealward/enclave/rates'
import type { Server } from '@sealward/enclave/server'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createAttestationService } from '../app.ts'
import type { Instance } from '../instance.ts'
import { ringOf } from '../keys/key-ring.ts'
import {
  type Attester,
  attestBodyOf,
  createAttester,
  issuer,
  newSigningKey,
} from '../testing/attester.fixtures.ts'

const otherIssuer = 'https://other.example'
const attestPath = '/attest/SgxEnclave?api-version=2025-06-01'

let attester: Attester
let instances: { readonly first: Instance; readonly other: Instance; readonly patient: Instance }
let server: Server
let port: number
let body: string
let isFresh = true

beforeAll(async () => {
  attester = await createAttester()
  const { instance } = attester.deps
  instances = {
    first: { ...instance, name: 'first' },
    other: {
      ...instance,
      name: 'other',
      issuer: otherIssuer,
      host: 'other.example',
      keys: { ...ringOf(await newSigningKey('ES256')), isFresh: () => isFresh },
    },
    patient: {
      ...instance,
      name: 'patient',
      issuer: 'https://patient.example',
      limits: { ...instance.limits, requestsPerSecond: 0.25, burst: 3, attestBodyBytesMax: 2048 },
    },
  }
  const { first, other, patient } = instances
  server = createAttestationService({
    ...attester.deps,
    instances: [first, other, patient],
    trustedProxies: addressesOf(['127.0.0.1']),
  })
  port = (await server.listen()).port
  body = JSON.stringify(await attestBodyOf(await attester.workload()))
})
afterAll(async () => {
  await server.close()
  await attester.close()
})

interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: unknown
}

/** With a `Host` of one's own, which `fetch` does not send. */
function ask(
  path: string,
  options: { readonly headers?: Record<string, string>; readonly body?: string } = {},
): Promise<Reply> {
  const { headers = {} } = options
  const method = options.body === undefined ? 'GET' : 'POST'
  return new Promise((resolve, reject) => {
    const sent = request({ port, host: '127.0.0.1', path, method, headers }, (response) => {
      let text = ''
      response.on('data', (chunk) => {
        text += String(chunk)
      })
      response.on('end', () =>
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: JSON.parse(text),
        }),
      )
    })
    sent.on('error', reject)
    sent.end(options.body)
  })
}

const json = { 'content-type': 'application/json' }
const issuerIn = ({ body: metadata }: Reply): unknown =>
  (metadata as { readonly issuer: unknown }).issuer

test('an instance is found by its name and by its host, and the first one where neither is said', async () => {
  const path = '/.well-known/openid-configuration'
  expect(issuerIn(await ask(path))).toBe(issuer)
  expect(issuerIn(await ask(path, { headers: { host: 'unknown.example' } }))).toBe(issuer)
  expect(issuerIn(await ask(`/instances/first${path}`))).toBe(issuer)
  expect(issuerIn(await ask(`/instances/other${path}`))).toBe(otherIssuer)
  expect(issuerIn(await ask(path, { headers: { host: 'other.example' } }))).toBe(otherIssuer)
  // The name in the path counts for more than the host.
  const both = await ask(`/instances/first${path}`, { headers: { host: 'other.example' } })
  expect(issuerIn(both)).toBe(issuer)
})

test('each signs with its own key, by its own algorithm, under its own name', async () => {
  for (const [path, algorithm, name] of [
    [attestPath, 'RS256', issuer],
    [`/instances/other${attestPath}`, 'ES256', otherIssuer],
  ] as const) {
    const reply = await ask(path, { headers: json, body })
    expect(reply.status).toBe(200)
    const { token } = reply.body as { readonly token: string }
    expect(decodeProtectedHeader(token)).toMatchObject({ alg: algorithm, jku: `${name}/certs` })
    expect(decodeJwt(token).iss).toBe(name)
  }
  const published = async (path: string): Promise<readonly string[]> =>
    ((await ask(path)).body as { keys: { kid: string }[] }).keys.map(({ kid }) => kid)
  expect(await published('/certs')).toEqual([instances.first.keys.current().kid])
  expect(await published('/instances/other/certs')).toEqual([instances.other.keys.current().kid])
})

test('an instance that is not there, and a path that no instance has, are told apart', async () => {
  for (const [path, code] of [
    ['/instances/nobody/certs', 'instance-unknown'],
    ['/instances/nobody', 'instance-unknown'],
    ['/instances/first/nothing', 'not-found'],
    ['/instances/first', 'not-found'],
  ] as const) {
    const reply = await ask(path)
    expect([reply.status, reply.headers['x-ms-error-code']]).toEqual([404, 'NotFound'])
    expect(reply.body).toMatchObject({ error: { code: 'NotFound', innererror: { code } } })
  }
})

test('keys are a JWK set where only that is asked for, and JSON for everybody else', async () => {
  const typeFor = async (accept: string): Promise<unknown> =>
    (await ask('/certs', { headers: { accept } })).headers['content-type']
  expect(await typeFor('application/jwk+json')).toBe('application/jwk+json')
  for (const accept of ['application/jwk+json, application/json', '*/*', 'application/json', '']) {
    expect(await typeFor(accept)).toMatch(/^application\/json/)
  }
})

test('who asks too often is told when to ask again, and keeps nobody else waiting', async () => {
  const from = (client: string, path = '/certs'): Promise<Reply> =>
    ask(`/instances/patient${path}`, { headers: { 'x-forwarded-for': client } })
  const replies = await Promise.all(
    Array.from({ length: 50 }, () => from('203.0.113.1, 198.51.100.7')),
  )
  expect(replies.filter(({ status }) => status === 200)).toHaveLength(3)
  const refused = replies.find(({ status }) => status !== 200)
  expect(refused).toMatchObject({
    status: 429,
    headers: { 'retry-after': '4', 'x-ms-error-code': 'TooManyRequests' },
    body: { error: { code: 'TooManyRequests', innererror: { code: 'too-many-requests' } } },
  })
  // What a client writes before its proxy's word makes it nobody else.
  expect((await from('192.0.2.1, 198.51.100.7')).status).toBe(429)
  for (const client of ['198.51.100.8', '2001:db8::1'])
    expect((await from(client)).status).toBe(200)
  // Another instance counts for itself, and the time of this one comes.
  expect((await ask('/certs', { headers: { 'x-forwarded-for': '198.51.100.7' } })).status).toBe(200)
  attester.clock.move(4)
  expect((await from('198.51.100.7')).status).toBe(200)
  expect((await from('198.51.100.7')).status).toBe(429)
})

test('attestation and exchange are counted as well, before a body is read, each in its own form', async () => {
  const headers = { 'x-forwarded-for': '198.51.100.9' }
  for (let turn = 0; turn < 3; turn++) await ask('/instances/patient/certs', { headers })
  const attest = await ask(`/instances/patient${attestPath}`, {
    headers: { ...headers, ...json },
    body: ' '.repeat(4096),
  })
  expect(attest).toMatchObject({ status: 429, body: { error: { code: 'TooManyRequests' } } })
  const token = await ask('/instances/patient/token', {
    headers: { ...headers, 'content-type': 'application/x-www-form-urlencoded' },
    body: 'grant_type=x',
  })
  expect(token).toMatchObject({
    status: 429,
    headers: { 'retry-after': '4' },
    body: { error: 'temporarily_unavailable', code: 'too-many-requests' },
  })
})

test('the size of a request is the instance’s own', async () => {
  const headers = { ...json, 'x-forwarded-for': '198.51.100.10' }
  const large = ' '.repeat(4096)
  const small = await ask(`/instances/patient${attestPath}`, { headers, body: large })
  expect(small).toMatchObject({
    status: 413,
    body: { error: { innererror: { code: 'body-too-large' } } },
  })
  expect((await ask(attestPath, { headers, body: large })).status).toBe(400)
})

test('an instance whose keys were not read for too long signs nothing, and says that it is not well', async () => {
  expect((await ask('/healthz')).status).toBe(200)
  isFresh = false
  const attest = await ask(`/instances/other${attestPath}`, { headers: json, body })
  expect(attest).toMatchObject({
    status: 503,
    body: { error: { code: 'ServiceUnavailable', innererror: { code: 'keys-stale' } } },
  })
  const token = await ask('/instances/other/token', {
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: '',
  })
  expect(token).toMatchObject({ status: 503, body: { code: 'keys-stale' } })
  expect((await ask('/healthz')).status).toBe(503)
  // The others go on, and so does what was published.
  expect((await ask(attestPath, { headers: json, body })).status).toBe(200)
  expect((await ask('/instances/other/certs')).status).toBe(200)
  isFresh = true
  expect((await ask('/healthz')).status).toBe(200)
})
