import { textOf, utf8Of } from '@sealward/attestation/bytes'
import { afterEach, beforeEach, expect, test } from 'vitest'
import {
  configsOf,
  post,
  type Replica,
  refusalOf,
  seal,
  startReplica,
} from './sealed-server.fixtures.ts'

let at: Replica

beforeEach(async () => {
  at = await startReplica({ limits: { requestBytesMax: 100_000, headersMax: 4 } })
})

afterEach(() => at.stop())

const ask = async (request: Parameters<typeof seal>[1]) => {
  const [config] = await configsOf(at.keys)
  const { message, open } = await seal(config, request)
  return open(await post(at.url, message))
}

test('an ordinary route gets the opened request, and its answer goes back sealed', async () => {
  const answer = await ask({ path: '/hello', headers: [['x-name', 'Ada']] })
  expect(answer.status).toBe(200)
  expect(answer.headers).toContainEqual(['x-inner', 'yes'])
  expect(textOf(answer.body)).toBe('{"hello":"Ada"}')
  const echoed = await ask({
    method: 'POST',
    path: '/echo',
    headers: [['content-type', 'application/json']],
    body: utf8Of('{"a":1}'),
  })
  expect(textOf(echoed.body)).toBe('{"said":{"a":1}}')
})

test('the status of a route stays inside', async () => {
  const [config] = await configsOf(at.keys)
  const { message, open } = await seal(config, { path: '/nowhere' })
  const outer = await post(at.url, message)
  expect([outer.status, outer.headers.get('cache-control')]).toEqual([
    200,
    'no-store, no-transform',
  ])
  expect(await open(outer)).toMatchObject({ status: 404 })
})

test('what an inner request must not be is said inside', async () => {
  for (const [request, status] of [
    [{ path: '/hello', method: 'BREW' }, 405],
    [{ path: `/${'a'.repeat(3000)}` }, 400],
    [
      { path: '/hello', headers: Array.from({ length: 5 }, (_, n) => [`x-${n}`, 'y'] as const) },
      400,
    ],
  ] as const) {
    expect(await ask(request)).toMatchObject({ status })
  }
  expect(at.reached).toEqual([])
})

test('nothing inside is reachable from outside', async () => {
  for (const path of ['/hello', '/echo', '//hello', '/sealed/hello'])
    expect((await fetch(at.url + path)).status).toBe(404)
  expect(at.reached).toEqual([])
})

test('what is not a sealed message is refused with its code', async () => {
  expect(await refusalOf(await post(at.url, new Uint8Array(3)))).toEqual([400, 'malformed'])
  expect(await refusalOf(await post(at.url, new Uint8Array(90)))).toEqual([422, 'stale-key'])
  const plain = await fetch(`${at.url}/sealed`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: '{}',
  })
  expect(await refusalOf(plain)).toEqual([415, 'unsupported-media-type'])
  expect(await refusalOf(await post(at.url, new Uint8Array(100_001)))).toEqual([413, 'too-large'])
})

test('a message that was changed on the way is refused, and taken once', async () => {
  const [config] = await configsOf(at.keys)
  const { message } = await seal(config, { path: '/hello' })
  const changed = message.slice()
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1
  expect(await refusalOf(await post(at.url, changed))).toEqual([422, 'stale-key'])
  expect(at.reached).toEqual([])
  expect((await post(at.url, message)).status).toBe(200)
  expect(await refusalOf(await post(at.url, message))).toEqual([409, 'replayed'])
  expect(at.reached).toEqual(['GET /hello'])
})

test('evidence is asked for with a nonce of 32 bytes', async () => {
  const evidence = (body: string) =>
    fetch(`${at.url}/evidence`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
    })
  for (const nonce of ['""', '7', '"AAAA"', 'null'])
    expect(await refusalOf(await evidence(`{"nonce":${nonce}}`))).toEqual([400, 'malformed'])
  const nonce = Buffer.alloc(32, 1).toString('base64url')
  expect(await refusalOf(await evidence(JSON.stringify({ nonce })))).toEqual([
    503,
    'evidence-unavailable',
  ])
})
