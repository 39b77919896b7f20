import { expect, test } from 'vitest'
import { limits } from './limits.ts'
import { createProviderKeys, type ProviderKeys } from './provider-keys.ts'

const issuer = 'https://identity.hospital.example'
const jwksUrl = 'https://keys.hospital.example/jwks'

interface World {
  now: number
  answers: Record<string, () => Response>
  readonly asked: string[]
  readonly keys: ProviderKeys
}

function world(more: { readonly url?: string; readonly development?: boolean } = {}): World {
  const state: Omit<World, 'keys'> = {
    now: 1000,
    asked: [],
    answers: {
      [`${issuer}/.well-known/openid-configuration`]: () =>
        Response.json({ issuer, jwks_uri: jwksUrl }),
      [jwksUrl]: () => Response.json({ keys: [{ kty: 'EC', kid: 'k1' }] }),
    },
  }
  const keys = createProviderKeys({
    issuer,
    url: more.url ?? issuer,
    development: more.development ?? false,
    now: () => state.now,
    fetch: async (input) => {
      const url = typeof input === 'string' ? input : ''
      state.asked.push(url)
      return state.answers[url]?.() ?? new Response('', { status: 404 })
    },
  })
  return Object.assign(state, { keys })
}

const stale = { fresh: false } as const

test('keys come by the metadata of the pinned issuer, and are kept for an hour', async () => {
  const it = world()
  expect(await it.keys(stale)).toMatchObject({ ok: true, value: { keys: [{ kid: 'k1' }] } })
  await it.keys(stale)
  expect(it.asked).toHaveLength(2)
  it.now += 3600
  await it.keys(stale)
  expect(it.asked).toHaveLength(4)
})

test('a clock that was set back makes no keys young', async () => {
  const it = world()
  await it.keys(stale)
  it.answers = {}
  it.now -= 3600
  expect(await it.keys(stale)).toMatchObject({ ok: false })
})

test('an unknown key asks again, but not more often than every half minute', async () => {
  const it = world()
  await it.keys(stale)
  it.now += 29
  await it.keys({ fresh: true })
  expect(it.asked).toHaveLength(2)
  it.now += 1
  await it.keys({ fresh: true })
  expect(it.asked).toHaveLength(4)
})

test('many who ask at once are one question', async () => {
  const it = world()
  await Promise.all([it.keys(stale), it.keys(stale), it.keys(stale)])
  expect(it.asked).toHaveLength(2)
})

test.each<[string, (it: World) => void]>([
  [
    'metadata of another issuer',
    (it) => {
      it.answers[`${issuer}/.well-known/openid-configuration`] = () =>
        Response.json({ issuer: 'https://other.example', jwks_uri: jwksUrl })
    },
  ],
  [
    'keys over plain HTTP',
    (it) => {
      it.answers[`${issuer}/.well-known/openid-configuration`] = () =>
        Response.json({ issuer, jwks_uri: 'http://keys.hospital.example/jwks' })
    },
  ],
  [
    'an answer that is too large',
    (it) => {
      it.answers[jwksUrl] = () => new Response('x'.repeat(limits.answerBytesMax + 1))
    },
  ],
  [
    'an answer that is no key set',
    (it) => {
      it.answers[jwksUrl] = () => Response.json({ keys: 'k' })
    },
  ],
  [
    'a provider that is away',
    (it) => {
      it.answers[jwksUrl] = () => {
        throw new TypeError('fetch failed')
      }
    },
  ],
])('%s is unavailable', async (_, change) => {
  const it = world()
  change(it)
  expect(await it.keys(stale)).toMatchObject({
    ok: false,
    problem: { code: 'identity-provider-unavailable' },
  })
})

test('a plain HTTP provider serves a development deployment only, wherever it is reached', async () => {
  const plain = world({ url: 'http://127.0.0.1:1/identity' })
  expect((await plain.keys(stale)).ok).toBe(false)
  const local = world({ url: 'http://127.0.0.1:1/identity', development: true })
  local.answers['http://127.0.0.1:1/identity/.well-known/openid-configuration'] = () =>
    Response.json({ issuer, jwks_uri: `${issuer}/jwks` })
  local.answers['http://127.0.0.1:1/identity/jwks'] = () => Response.json({ keys: [] })
  expect(await local.keys(stale)).toMatchObject({ ok: true })
})
