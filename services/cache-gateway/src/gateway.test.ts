import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'node:tls'
import { ok } from '@sealward/attestation/bytes'
import { failure } from '@sealward/enclave/peers'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  connectRaw,
  createFixture,
  deployment,
  encodeCommand,
  type Fixture,
  type RedisServer,
  redisProgram,
  startRedisServer,
} from './gateway.fixtures.ts'
import type { Gateway } from './gateway.ts'
import { createInProcessStore, createRedisStore, type Store } from './gateway.ts'
import { anonymousLimits, limits } from './limits.ts'

let fixture: Fixture
let gateway: Gateway
beforeAll(async () => {
  fixture = await createFixture()
  gateway = await fixture.open()
})
afterAll(() => fixture.close())

async function admitted(into: Gateway = gateway) {
  const client = await connectRaw(into, fixture.platform)
  client.say('AUTH', await fixture.token())
  expect(await client.heard(/\r\n/)).toBe('+OK\r\n')
  return client
}

test('before AUTH a client may greet and leave, and nothing else', async () => {
  const client = await connectRaw(gateway, fixture.platform)
  client.say('PING')
  expect(await client.heard(/\r\n/)).toBe('+PONG\r\n')
  client.say('HELLO', '3')
  expect(await client.heard(/modules/)).toMatch(/^%7\r\n.*proto\r\n:3\r\n/s)
  for (const words of [
    ['GET', 'k'],
    ['SET', 'k', 'v'],
    ['INFO'],
    ['CLIENT', 'SETNAME', 'x'],
    ['FLUSHALL'],
  ]) {
    client.say(...words)
    expect(await client.heard(/\r\n/)).toMatch(/^-NOAUTH authentication-required /)
  }
  client.say('QUIT')
  expect(await client.heard(/\r\n/)).toBe('+OK\r\n')
  await client.closed
})

test('a client without a certificate is not spoken with', async () => {
  const socket = connect({ host: '127.0.0.1', port: gateway.port, rejectUnauthorized: false })
  let heard = ''
  socket.on('data', (chunk) => {
    heard += String(chunk)
  })
  socket.on('error', () => {})
  socket.write(encodeCommand('PING'))
  await new Promise((resolve) => socket.once('close', resolve))
  // A refusal, and its code.
  expect([heard.charCodeAt(0), heard.slice(2)]).toEqual([2, 'certificate-missing'])
})

test('a token is accepted in each of the ways that clients show one', async () => {
  for (const words of [['AUTH'], ['AUTH', 'any user'], ['HELLO', '3', 'AUTH', 'default']]) {
    const client = await connectRaw(gateway, fixture.platform)
    client.say(...words, await fixture.token())
    expect(await client.heard(/\r\n/)).toMatch(/^[+%]/)
    client.say('EXISTS', 'k')
    expect(await client.heard(/:0/)).toContain(':0\r\n')
    client.socket.destroy()
  }
})

test('a token for somebody else, of somebody else, too old or unlike what is expected is refused', async () => {
  const cases = [
    [await fixture.token({ claims: { aud: `${deployment}:diagnostics` } }), 'wrong-audience'],
    [await fixture.token({ holder: fixture.other }), 'wrong-holder'],
    [await fixture.token({ lifetimeSeconds: -1 }), 'expired'],
    [await fixture.token({ claims: { iss: 'https://elsewhere.example' } }), 'wrong-issuer'],
    [await fixture.token({ sealward: { deployment: 'urn:uuid:other' } }), 'wrong-deployment'],
    [await fixture.token({ sealward: { mrEnclave: '00'.repeat(32) } }), 'wrong-measurement'],
    [await fixture.token({ sealward: { debug: true } }), 'debug'],
    [await fixture.token({ sealward: { policyHash: 'B'.repeat(43) } }), 'wrong-policy'],
    [await fixture.token({ sealward: { tcbStatus: 'OutOfDate' } }), 'tcb-status'],
    ['not a token', 'token-malformed'],
    [`${(await fixture.token()).slice(0, -4)}AAAA`, 'bad-signature'],
    ['eyJhbGciOiJub25lIiwidHlwIjoiYXQrand0In0.e30.', 'unsecured'],
  ] as const
  for (const [token, code] of cases) {
    const client = await connectRaw(gateway, fixture.platform)
    client.say('AUTH', token)
    expect(await client.heard(/\r\n/)).toMatch(new RegExp(`^-WRONGPASS ${code} `))
    client.say('GET', 'k')
    expect(await client.heard(/\r\n/)).toMatch(/^-NOAUTH /)
    client.socket.destroy()
  }
})

test('a token that was shown on one connection opens no other', async () => {
  const token = await fixture.token()
  const first = await connectRaw(gateway, fixture.platform)
  first.say('AUTH', token)
  expect(await first.heard(/\r\n/)).toBe('+OK\r\n')
  const second = await connectRaw(gateway, fixture.platform)
  second.say('AUTH', token)
  expect(await second.heard(/\r\n/)).toMatch(/^-WRONGPASS replayed /)
  first.socket.destroy()
  second.socket.destroy()
})

test('a client that keeps showing bad tokens is closed', async () => {
  const client = await connectRaw(gateway, fixture.platform)
  for (let count = 0; count < limits.refusalsMax + 1; count++) client.say('AUTH', `bad ${count}`)
  await client.closed
  expect((await client.heard(/./s)).match(/WRONGPASS/g)).toHaveLength(limits.refusalsMax)
})

test('the connection ends with the token, unless another one was shown', async () => {
  // Clocks count whole seconds: a token of one may be over before it is shown.
  const brief = await connectRaw(gateway, fixture.platform)
  brief.say('AUTH', await fixture.token({ lifetimeSeconds: 2 }))
  const renewed = await connectRaw(gateway, fixture.platform)
  renewed.say('AUTH', await fixture.token({ lifetimeSeconds: 2 }))
  renewed.say('AUTH', await fixture.token())
  await brief.closed
  expect(await brief.heard(/NOAUTH/)).toMatch(/^\+OK\r\n-NOAUTH token-expired /)
  await sleep(50)
  renewed.say('PING')
  expect(await renewed.heard(/PONG/)).toBe('+OK\r\n+OK\r\n+PONG\r\n')
  renewed.socket.destroy()
})

test('whoever is denied after it was let in is served no longer, nor is anybody while nobody knows', async () => {
  const { denyList } = fixture
  const cases = [
    [{ denied: [{ kind: 'measurement', value: 'e1'.repeat(32) }] }, 'measurement-denied'],
    [{ ageSeconds: 301 }, 'deny-list-stale'],
  ] as const
  for (const [change, code] of cases) {
    const client = await admitted()
    client.say('PING')
    expect(await client.heard(/\r\n/)).toBe('+PONG\r\n')
    Object.assign(denyList, change)
    client.say('GET', 'k')
    expect(await client.heard(/\r\n/)).toMatch(new RegExp(`^-NOAUTH ${code} `))
    await client.closed
    const another = await connectRaw(gateway, fixture.platform)
    another.say('AUTH', await fixture.token())
    expect(await another.heard(/\r\n/)).toMatch(new RegExp(`^-WRONGPASS ${code} `))
    another.socket.destroy()
    Object.assign(denyList, { denied: [], ageSeconds: 0 })
  }
})

test('a client library sends nothing to a gateway that was denied after it connected', async () => {
  const { attested } = fixture.platform
  let isDenied = false
  const standing: typeof attested.peers.standing = async () =>
    isDenied ? failure('refused', 'measurement-denied', 'token', 'denied') : ok(true)
  const asking = {
    ...fixture.platform,
    attested: { ...attested, peers: { ...attested.peers, standing } },
  }
  const options = { username: 'platform', password: await fixture.token() }
  const client = fixture.client(gateway, options, asking)
  expect(await client.set('standing', 'before')).toBe('OK')
  isDenied = true
  const error = once(client, 'error')
  await expect(client.set('standing', 'after')).rejects.toThrow()
  expect(await error).toMatchObject([{ code: 'measurement-denied' }])
  const another = await admitted()
  another.say('GET', 'standing')
  expect(await another.heard(/\r\n.*\r\n/)).toBe('$6\r\nbefore\r\n')
  another.socket.destroy()
})

test('commands beyond the list are refused, and the connection lives on', async () => {
  const client = await admitted()
  for (const words of [
    ['KEYS', '*'],
    ['FLUSHALL'],
    ['CONFIG', 'GET', '*'],
    ['EVAL', 'return 1', '0'],
    ['SUBSCRIBE', 'c'],
    ['MONITOR'],
    ['SCAN', '0'],
  ]) {
    client.say(...words)
    expect(await client.heard(/\r\n/)).toMatch(/^-NOPERM command-refused /)
  }
  client.say('GET')
  expect(await client.heard(/\r\n/)).toMatch(/^-ERR wrong-arguments /)
  client.say('MGET', ...Array.from({ length: limits.valuesMax }, (_, index) => `k${index}`))
  expect(await client.heard(/\$-1\r\n$/)).toMatch(/^\*64\r\n/)
  client.say('MGET', ...Array.from({ length: limits.valuesMax + 1 }, (_, index) => `k${index}`))
  expect(await client.heard(/\r\n/)).toMatch(/^-ERR wrong-arguments /)
  client.say('PING', 'still here')
  expect(await client.heard(/here\r\n/)).toBe('$10\r\nstill here\r\n')
  client.socket.destroy()
})

test('what is not the protocol ends the connection with a word why', async () => {
  const cases: readonly (readonly [string | Uint8Array, RegExp])[] = [
    ['GET / HTTP/1.1\r\n\r\n', /^-ERR inline-refused /],
    ['PING\r\n', /^-ERR inline-refused /],
    ['*1\r\n$-1\r\n', /^-ERR bad-length /],
    ['*100000\r\n', /^-ERR too-many-arguments /],
    [`*2\r\n$4\r\nAUTH\r\n$${anonymousLimits.bulkBytesMax + 1}\r\n`, /^-ERR bulk-too-large /],
  ]
  for (const [bytes, expected] of cases) {
    const client = await connectRaw(gateway, fixture.platform)
    client.socket.write(bytes)
    await client.closed
    expect(await client.heard(/./s)).toMatch(expected)
  }
})

test('whatever bytes come, others are still served', async () => {
  const bystander = await admitted()
  const piece = fc.oneof(
    fc.uint8Array({ minLength: 1, maxLength: 60 }),
    fc
      .constantFrom('*2\r\n$4\r\nAUTH\r\n', '$1\r\n', '*3\r\n', 'x\r\n')
      .map((text) => Buffer.from(text)),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 6 }), async (pieces) => {
      const client = await connectRaw(gateway, fixture.platform)
      for (const bytes of pieces) client.socket.write(bytes)
      client.socket.end()
      await client.closed
    }),
    { numRuns: 25 },
  )
  bystander.say('PING')
  expect(await bystander.heard(/\r\n/)).toBe('+PONG\r\n')
  bystander.socket.destroy()
  expect(fixture.lines.join('')).not.toContain('connection-failed')
})

test('replies keep the order of their commands, however many are sent at once', async () => {
  const client = await admitted()
  const count = 3 * limits.commandsInFlightMax
  const bytes = Array.from({ length: count }, (_, index) =>
    encodeCommand('SET', `k${index}`, `${index}`),
  )
  const reads = Array.from({ length: count }, (_, index) => encodeCommand('GET', `k${index}`))
  client.socket.write(Buffer.concat([...bytes, ...reads]))
  const values = [
    ...(await client.heard(new RegExp(`\\r\\n${count - 1}\\r\\n$`))).matchAll(
      /\$\d+\r\n(\d+)\r\n/g,
    ),
  ]
  expect(values.map((match) => Number(match[1]))).toEqual(
    Array.from({ length: count }, (_, index) => index),
  )
  client.socket.destroy()
})

test('the log tells of admissions and refusals, and never a token, a key or a value', async () => {
  fixture.lines.length = 0
  const client = await admitted()
  client.say('SET', 'canary-key', 'canary-value')
  client.say('AUTH', 'canary-token')
  await client.heard(/WRONGPASS/)
  client.socket.destroy()
  const log = fixture.lines.join('')
  expect(log).toContain('client-admitted')
  expect(log).toContain('token-malformed')
  expect(log).not.toContain('canary')
})

/** What both stores must do for a client of the released library. */
function storeFacts(openStore: () => Promise<Store>): void {
  let served: Gateway
  beforeAll(async () => {
    served = await fixture.open(await openStore())
  })
  for (const protocol of [2, 3] as const) {
    test(`RESP${protocol}: the released client reads back what it wrote`, async () => {
      const client = fixture.client(served, { password: await fixture.token(), protocol })
      const key = `resp${protocol}`
      const bytes = randomBytes(64)
      expect(await client.set(key, bytes)).toBe('OK')
      expect(await client.getBuffer(key)).toEqual(bytes)
      expect(await client.get(`${key}-absent`)).toBeNull()
      expect(await client.set(key, 'other', 'NX')).toBeNull()
      expect(await client.set(key, 'other', 'EX', 100, 'XX')).toBe('OK')
      expect(await client.ttl(key)).toBe(100)
      expect(await client.pttl(key)).toBeGreaterThan(99_000)
      expect(await client.expire(key, 200)).toBe(1)
      expect(await client.mget(key, `${key}-absent`)).toEqual(['other', null])
      expect(await client.exists(key, key)).toBe(2)
      expect(await client.del(key, `${key}-absent`)).toBe(1)
      expect(await client.ttl(key)).toBe(-2)
      client.disconnect()
    })
  }

  test('a large value and a thousand commands at once come back whole', async () => {
    const client = fixture.client(served, { username: 'platform', password: await fixture.token() })
    const large = randomBytes(4_000_000)
    await client.set('large', large)
    expect((await client.getBuffer('large'))?.equals(large)).toBe(true)
    await client.del('large')
    const writes = Array.from({ length: 1000 }, (_, index) =>
      client.set(`many${index}`, `${index}`),
    )
    expect(new Set(await Promise.all(writes))).toEqual(new Set(['OK']))
    const reads = Array.from({ length: 1000 }, (_, index) => client.get(`many${index}`))
    expect(await Promise.all(reads)).toEqual(Array.from({ length: 1000 }, (_, index) => `${index}`))
    client.disconnect()
  })

  test('a client whose token is refused is told why, by its own library', async () => {
    const password = await fixture.token({ holder: fixture.other })
    const client = fixture.client(served, { password, protocol: 3 })
    const error = new Promise<Error>((resolve) => client.once('error', resolve))
    expect((await error).message).toMatch(/^WRONGPASS wrong-holder /)
    client.disconnect()
  })
}

describe('with values in its own memory', () => {
  storeFacts(async () => createInProcessStore({ bytesMax: 16_000_000 }))

  test('the gateway says so', async () => {
    expect(fixture.lines.join('') + (await inLog())).toContain('store-in-process')
    const client = fixture.client(gateway, { password: await fixture.token() })
    expect(await client.info()).toContain('store:in-process')
    client.disconnect()
  })

  async function inLog(): Promise<string> {
    await fixture.open()
    return fixture.lines.join('')
  }
})

if (redisProgram === undefined) {
  process.stdout.write('cache-gateway: no Redis server is installed; its tests are skipped\n')
}

describe.skipIf(redisProgram === undefined)('with a Redis server', () => {
  let redis: RedisServer
  const stores: Store[] = []
  beforeAll(async () => {
    redis = await startRedisServer()
  })
  afterAll(async () => {
    await Promise.all(stores.map((store) => store.close()))
    await redis.stop()
  })

  function openStore(of = deployment): Store {
    const store = createRedisStore({ url: redis.url, deployment: of, patienceMs: 500 })
    stores.push(store)
    return store
  }

  storeFacts(async () => openStore())

  test('deployments that share a server do not meet', async () => {
    const [one, two] = [openStore(), openStore('urn:uuid:another')]
    const key = new TextEncoder().encode('shared')
    await one.set(key, new Uint8Array([1]), {})
    expect(await two.get(key)).toBeUndefined()
    expect(await two.remove([key])).toBe(0)
    expect(await one.get(key)).toEqual(Buffer.from([1]))
  })

  test('a server that has gone is told as that, and used again when it is back', async () => {
    const served = await fixture.open(openStore())
    const client = fixture.client(served, { password: await fixture.token() })
    expect(await client.set('k', 'v')).toBe('OK')
    await redis.stop()
    await expect(client.get('k')).rejects.toThrow(/^ERR store-unavailable /)
    redis = await startRedisServer(redis.port)
    let answer: string | null | undefined
    while (answer === undefined) answer = await client.get('k').catch(() => undefined)
    expect(answer).toBeNull()
    client.disconnect()
  })
})
