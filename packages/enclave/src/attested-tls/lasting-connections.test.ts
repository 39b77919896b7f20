/** Connections that stay open while what was believed of their peers changes. */

import { createServer as createHttpsServer } from 'node:https'
import {
  type AddressInfo,
  connect as connectPlain,
  createServer as createPlain,
  type Server as PlainServer,
} from 'node:net'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import type { TLSSocket } from 'node:tls'
import { ok } from '@sealward/attestation/bytes'
import { createSampleVendor, type SampleVendor } from '@sealward/attestation/sample'
import { type Dispatcher, fetch } from 'undici'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { type Clock, systemClock } from '../effects/index.ts'
import { createServer } from '../server/index.ts'
import { createLogger } from '../telemetry/index.ts'
import {
  startAttestationService,
  type TestAttestationService,
} from '../testing/attestation-service.ts'
import { createTestWorkload, sampleExpectation, type TestWorkload } from '../testing/attested.ts'
import {
  type AttestedConnection,
  type AttestedTls,
  attestConnections,
  attestedRedisConnector,
  attestedServerOptions,
  ConnectFailure,
  connectAttested,
  createAttestedClient,
  createAttestedDispatcher,
  listenAttested,
  type RedisConnector,
} from './index.ts'

let at = systemClock.now()
const clock: Clock = { now: () => at }
let vendor: SampleVendor
let service: TestAttestationService
let platform: TestWorkload
let provider: TestWorkload
const undo: (() => unknown)[] = []

beforeEach(async () => {
  at = systemClock.now()
  vendor = await createSampleVendor({ at })
  service = await startAttestationService(vendor, clock)
  undo.push(() => service.close())
  platform = await workload('platform')
  provider = await workload('diagnostics')
})
afterEach(async () => {
  for (const each of undo.splice(0).reverse()) await each()
})

async function workload(role: 'platform' | 'diagnostics'): Promise<TestWorkload> {
  const peers = [role === 'platform' ? 'diagnostics' : 'platform'] as const
  const made = await createTestWorkload({ vendor, service, clock, role, peers })
  undo.push(() => made.close())
  return made
}

/** Asks about nobody again: what is seen is what the other side does. */
function careless({ attested }: TestWorkload): AttestedTls {
  const standing: AttestedTls['peers']['standing'] = async () => ok(true)
  return { ...attested, peers: { ...attested.peers, standing } }
}

/** Both workloads are measured as this. A minute later it is known. */
function deny(): void {
  service.denied = [
    { kind: 'measurement', value: sampleExpectation('platform').mrEnclave[0] ?? '' },
  ]
  service.sequence += 1
  at += 60
}

/** Says to which connection it answers; `heard` is what it was asked. */
async function httpServerOf(
  attested: AttestedTls,
): Promise<{ readonly origin: string; readonly heard: string[]; answer(): void }> {
  const heard: string[] = []
  let answer = (): void => {}
  const logger = createLogger('test', { level: 'silent' })
  const tls = { attested, clients: ['platform'] as const }
  const server = createServer({ name: 'diagnostics', logger, tls })
  server.app.all('/whoami', async ({ raw }) => {
    heard.push('/whoami')
    return { from: raw.socket.remotePort }
  })
  server.app.get('/slow', async () => {
    heard.push('/slow')
    await new Promise<void>((resolve) => {
      answer = resolve
    })
    return { slow: true }
  })
  undo.push(() => server.close())
  const { port } = await server.listen()
  return { origin: `https://127.0.0.1:${port}`, heard, answer: () => answer() }
}

function dispatcherOf(attested: AttestedTls, connections = 4): Dispatcher {
  const dispatcher = createAttestedDispatcher(attested, { role: 'diagnostics', connections })
  undo.push(() => dispatcher.destroy())
  return dispatcher
}

async function ask(
  dispatcher: Dispatcher,
  origin: string,
  path = '/whoami',
): Promise<{ readonly from?: number; readonly slow?: boolean; readonly type?: string }> {
  const { body } = await dispatcher.request({ origin, path, method: 'GET' })
  return (await body.json()) as { from?: number }
}

describe('an undici dispatcher', () => {
  test('asks one connection again and again, but not after its peer was denied', async () => {
    const { origin, heard } = await httpServerOf(careless(provider))
    const dispatcher = dispatcherOf(platform.attested)
    const first = await ask(dispatcher, origin)
    expect(await ask(dispatcher, origin)).toEqual(first)
    deny()
    await expect(ask(dispatcher, origin)).rejects.toMatchObject({ code: 'measurement-denied' })
    await expect(ask(dispatcher, origin)).rejects.toMatchObject({ code: 'measurement-denied' })
    expect(heard).toHaveLength(2)
    service.denied = []
    service.sequence += 1
    at += 60
    expect((await ask(dispatcher, origin)).from).not.toBe(first.from)
  })

  test('sends nothing of what waited while its peer was denied', async () => {
    const { origin, heard, answer } = await httpServerOf(careless(provider))
    const dispatcher = dispatcherOf(platform.attested, 1)
    const slow = ask(dispatcher, origin, '/slow')
    await expect.poll(() => heard).toEqual(['/slow'])
    const waiting = [ask(dispatcher, origin), ask(dispatcher, origin)].map((one) =>
      one.then(
        () => 'answered',
        ({ code }) => code,
      ),
    )
    deny()
    answer()
    // What was sent before was sent to who was believed then.
    expect(await slow).toEqual({ slow: true })
    expect(await Promise.all(waiting)).toEqual(['measurement-denied', 'measurement-denied'])
    expect(heard).toEqual(['/slow'])
  })

  test('sends nothing while nobody knows who is denied, and goes on afterwards', async () => {
    const { origin, heard } = await httpServerOf(careless(provider))
    const dispatcher = dispatcherOf(platform.attested)
    const first = await ask(dispatcher, origin)
    service.failing = 503
    at += 301
    await expect(ask(dispatcher, origin)).rejects.toMatchObject({ code: 'deny-list-stale' })
    expect(heard).toHaveLength(1)
    service.failing = undefined
    at += 6
    expect(await ask(dispatcher, origin)).toEqual(first)
  })

  test('goes on over another connection after the verification has ended, and lets what is under way be answered', async () => {
    const { origin, heard, answer } = await httpServerOf(careless(provider))
    const dispatcher = dispatcherOf(platform.attested, 2)
    const first = await ask(dispatcher, origin)
    const slow = ask(dispatcher, origin, '/slow')
    await expect.poll(() => heard).toEqual(['/whoami', '/slow'])
    at += 901
    const later = await ask(dispatcher, origin)
    expect(later.from).not.toBe(first.from)
    answer()
    expect(await slow).toEqual({ slow: true })
    for (let count = 0; count < 3; count++) {
      expect((await ask(dispatcher, origin)).from).not.toBe(first.from)
    }
  })

  test('serves the library’s own fetch, and interceptors', async () => {
    const { origin } = await httpServerOf(provider.attested)
    const dispatcher = dispatcherOf(platform.attested, 1)
    const answer = await fetch(`${origin}/whoami`, { dispatcher })
    const said = await answer.json()
    const statuses: number[] = []
    const composed = dispatcher.compose((dispatch) => (options, handler) => {
      statuses.push(answer.status)
      return dispatch(options, handler)
    })
    expect(await ask(composed, origin)).toEqual(said)
    expect(statuses).toEqual([200])
    await composed.close()
    await expect(ask(dispatcher, origin)).rejects.toMatchObject({ code: 'peer-unreachable' })
  })

  test('answers all of many requests at once, over as many connections as it may have', async () => {
    const { origin } = await httpServerOf(provider.attested)
    const dispatcher = dispatcherOf(platform.attested, 3)
    const answers = await Promise.all(Array.from({ length: 40 }, () => ask(dispatcher, origin)))
    expect(new Set(answers.map(({ from }) => from)).size).toBe(3)
    const closed = ask(dispatcher, origin)
    await dispatcher.close()
    expect(await closed).toHaveProperty('from')
    await expect(ask(dispatcher, origin)).rejects.toMatchObject({ code: 'peer-unreachable' })
  })
})

test('an attested client sends nothing of what waited while its peer was denied', async () => {
  const { origin, heard, answer } = await httpServerOf(careless(provider))
  const { attested } = platform
  const client = createAttestedClient({ attested, origin, role: 'diagnostics', connectionsMax: 1 })
  undo.push(() => client.close())
  const slow = client.request({ method: 'GET', path: '/slow' })
  await expect.poll(() => heard).toEqual(['/slow'])
  const waiting = client.request({ method: 'POST', path: '/whoami' })
  deny()
  answer()
  expect(await slow).toMatchObject({ ok: true })
  expect(await waiting).toMatchObject({ problem: { kind: 'refused', code: 'measurement-denied' } })
  expect(heard).toEqual(['/slow'])
})

/** Takes bodies as they come, and says how long they were. */
async function countingServerOf(
  attested: AttestedTls,
): Promise<{ origin: string; began(): number }> {
  let began = 0
  const server = createHttpsServer(
    attestedServerOptions(attested.identity.tls),
    (request, response) => {
      began += 1
      let length = 0
      request.on('error', () => {})
      request.on('data', (chunk) => {
        length += chunk.length
      })
      request.on('end', () =>
        response.end(JSON.stringify({ length, from: request.socket.remotePort })),
      )
    },
  )
  attestConnections(server, { attested, clients: ['platform'] })
  const origin = `https://127.0.0.1:${await listening(server)}`
  return { origin, began: () => began }
}

describe('a request that is under way', () => {
  /** A body in two pieces; something happens between them. */
  const bodyAround = (between: () => void, began: () => number): Readable =>
    Readable.from(
      (async function* () {
        yield Buffer.alloc(1000)
        await expect.poll(began).toBeGreaterThan(0)
        between()
        yield Buffer.alloc(1000)
      })(),
    )

  test('is sent to its end when the verification ends, and the next goes another way', async () => {
    const { origin, began } = await countingServerOf(careless(provider))
    const dispatcher = dispatcherOf(platform.attested, 1)
    const body = bodyAround(() => {
      at += 901
    }, began)
    const answer = await dispatcher.request({ origin, path: '/', method: 'POST', body })
    const first = (await answer.body.json()) as { length: number; from: number }
    expect(first.length).toBe(2000)
    expect((await ask(dispatcher, origin, '/')).from).not.toBe(first.from)
  })

  test('is cut off when the peer is denied', async () => {
    const { origin, began } = await countingServerOf(careless(provider))
    const dispatcher = dispatcherOf(platform.attested, 1)
    const body = bodyAround(deny, began)
    await expect(
      dispatcher.request({ origin, path: '/', method: 'POST', body }),
    ).rejects.toMatchObject({ code: 'measurement-denied' })
  })

  test('is cut off when the peer is denied after the verification has ended, too', async () => {
    const { origin, began } = await countingServerOf(careless(provider))
    const dispatcher = dispatcherOf(platform.attested, 1)
    const body = bodyAround(() => {
      at += 901
      deny()
    }, began)
    await expect(
      dispatcher.request({ origin, path: '/', method: 'POST', body }),
    ).rejects.toMatchObject({ code: 'measurement-denied' })
  })

  test('goes another way when the verification ends before its first byte, be it sent once only', async () => {
    const { origin, began } = await countingServerOf(careless(provider))
    const { attested } = platform
    let isLate = false
    const client = createAttestedClient({
      attested,
      origin,
      role: 'diagnostics',
      accessToken: async () => {
        if (isLate) at += 901
        isLate = false
        return ok({ token: 'token', expiresAt: at })
      },
    })
    undo.push(() => client.close())
    const from = async (): Promise<unknown> => {
      const answer = await client.request({ method: 'POST', path: '/', body: 'x' })
      if (!answer.ok) throw new Error(answer.problem.code)
      return (JSON.parse(Buffer.from(answer.value.body).toString()) as { from: number }).from
    }
    const first = await from()
    isLate = true
    expect(await from()).not.toBe(first)
    expect(began()).toBe(2)
  })
})

/** A server that takes what comes, of a protocol of its own. */
async function rawServerOf(attested: AttestedTls): Promise<{
  readonly port: number
  readonly heard: string[]
  readonly refused: string[]
  readonly sockets: TLSSocket[]
}> {
  const heard: string[] = []
  const refused: string[] = []
  const sockets: TLSSocket[] = []
  const listener = await listenAttested({
    attested,
    clients: ['platform'],
    onRefused: ({ code }) => void refused.push(code),
    onConnection: (socket) => {
      sockets.push(socket)
      socket.on('data', (chunk) => {
        heard.push(String(chunk))
        socket.write('+OK\r\n')
      })
    },
  })
  undo.push(() => listener.close(0))
  return { port: listener.port, heard, refused, sockets }
}

async function connected(attested: AttestedTls, port: number): Promise<AttestedConnection> {
  const connection = await connectAttested(attested, {
    host: '127.0.0.1',
    port,
    role: 'diagnostics',
  })
  if (!connection.ok) throw new Error(connection.problem.code)
  undo.push(() => connection.value.socket.destroy())
  return connection.value
}

async function listening(server: PlainServer): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  undo.push(() => server.close())
  return (server.address() as AddressInfo).port
}

/** What ended a connection. */
function endOf(socket: TLSSocket): Promise<unknown> {
  return new Promise((resolve) => {
    socket.once('error', resolve)
    socket.once('close', () => resolve('closed'))
  })
}

describe('a connection of any protocol', () => {
  test.each(['one by one', 'together'])(
    'sends nothing that is written %s after its peer was denied',
    async (how) => {
      const { port, heard } = await rawServerOf(careless(provider))
      const { socket } = await connected(platform.attested, port)
      const end = endOf(socket)
      socket.write('GET a\r\n')
      await expect.poll(() => heard.join('')).toBe('GET a\r\n')
      deny()
      if (how === 'together') socket.cork()
      socket.write('SET b 1\r\n')
      socket.write('SET c 1\r\n')
      if (how === 'together') socket.uncork()
      const ended = await end
      expect(ended).toBeInstanceOf(ConnectFailure)
      expect(ended).toMatchObject({ code: 'measurement-denied', problem: { kind: 'refused' } })
      await sleep(20)
      expect(heard.join('')).toBe('GET a\r\n')
      expect(socket.destroyed).toBe(true)
    },
  )

  test('sends nothing after the verification of its peer has ended', async () => {
    const { port, heard } = await rawServerOf(careless(provider))
    const { socket } = await connected(platform.attested, port)
    const end = endOf(socket)
    at += 901
    socket.end('SET b 1\r\n')
    expect(await end).toMatchObject({ code: 'verification-ended' })
    expect(heard).toEqual([])
  })

  test('carries all that is written while its peer is believed, in its order', async () => {
    const { port, heard } = await rawServerOf(provider.attested)
    const { socket } = await connected(platform.attested, port)
    socket.resume()
    let sent = ''
    for (let count = 0; count < 500; count++) {
      const text = `${count} `.repeat(1 + (count % 40))
      sent += text
      if (count % 7 === 0) socket.cork()
      socket.write(text)
      if (count % 7 === 3) socket.uncork()
      if (count % 50 === 0) await sleep(1)
    }
    socket.uncork()
    await new Promise<void>((resolve) => socket.end('the end', resolve))
    await expect.poll(() => heard.join('')).toBe(`${sent}the end`)
  })

  test.each(['client', 'server'])(
    'ends at the %s when its peer was denied, though nothing is sent',
    async (side) => {
      const asking = (one: TestWorkload): AttestedTls => ({
        ...one.attested,
        askAgainSeconds: 0.02,
      })
      const isClient = side === 'client'
      const { port, sockets } = await rawServerOf(isClient ? careless(provider) : asking(provider))
      const { socket } = await connected(isClient ? asking(platform) : careless(platform), port)
      await expect.poll(() => sockets.length).toBe(1)
      socket.resume()
      // Neither because of time nor because nobody knows who is denied.
      service.failing = 503
      at += 901
      await sleep(60)
      expect(socket.destroyed).toBe(false)
      service.failing = undefined
      at -= 900
      const own = isClient ? socket : sockets[0]
      if (own === undefined) throw new Error('no connection')
      const end = endOf(own)
      deny()
      expect(await end).toBe('closed')
    },
  )
})

describe('a server', () => {
  test('does not hear a client that was denied after it connected, and ends the connection', async () => {
    const { origin, heard } = await httpServerOf(provider.attested)
    const dispatcher = dispatcherOf(careless(platform), 1)
    await ask(dispatcher, origin)
    deny()
    const answer = await dispatcher.request({ origin, path: '/whoami', method: 'POST', body: 'x' })
    expect([answer.statusCode, answer.headers['connection']]).toEqual([403, 'close'])
    expect(answer.headers['content-type']).toBe('application/problem+json; charset=utf-8')
    expect(await answer.body.json()).toMatchObject({
      type: 'urn:sealward:problem:measurement-denied',
      status: 403,
    })
    expect(heard).toEqual(['/whoami'])
    // Nor does another connection come about.
    await expect(ask(dispatcher, origin)).rejects.toMatchObject({ code: 'measurement-denied' })
  })

  test('does not hear a client that was denied after its verification had ended', async () => {
    const { origin, heard } = await httpServerOf({ ...provider.attested, askAgainSeconds: 3600 })
    const dispatcher = dispatcherOf(careless(platform), 1)
    await ask(dispatcher, origin)
    at += 901
    deny()
    expect(await ask(dispatcher, origin)).toMatchObject({
      type: 'urn:sealward:problem:measurement-denied',
      status: 403,
    })
    expect(heard).toHaveLength(1)
  })

  test('hears nobody while it is not known who is denied', async () => {
    const { origin, heard } = await httpServerOf(provider.attested)
    const dispatcher = dispatcherOf(careless(platform), 1)
    await ask(dispatcher, origin)
    service.failing = 503
    at += 301
    expect(await ask(dispatcher, origin)).toMatchObject({
      type: 'urn:sealward:problem:deny-list-stale',
      status: 503,
    })
    expect(heard).toHaveLength(1)
  })

  test('answers whom it verified long ago, and closes the connection with it', async () => {
    const { origin } = await httpServerOf(provider.attested)
    const dispatcher = dispatcherOf(careless(platform), 1)
    await ask(dispatcher, origin)
    at += 901
    const { statusCode, headers, body } = await dispatcher.request({
      origin,
      path: '/whoami',
      method: 'GET',
    })
    await body.dump()
    expect([statusCode, headers['connection']]).toEqual([200, 'close'])
  })

  test('does not hear a client that was denied, whatever it asks HTTP for', async () => {
    const heard: string[] = []
    const own = provider.identity.tls
    const server = createHttpsServer(attestedServerOptions(own), (_request, response) => {
      heard.push('request')
      response.end()
    })
    server.on('checkContinue', (_request, response) => {
      heard.push('checkContinue')
      response.writeHead(417).end()
    })
    server.on('upgrade', (_request, socket) => {
      heard.push('upgrade')
      socket.destroy()
    })
    attestConnections(server, { attested: provider.attested, clients: ['platform'] })
    const port = await listening(server)
    const kinds = ['upgrade: other\r\nconnection: upgrade\r\n', 'expect: 100-continue\r\n', '']
    /** What comes of one request of each kind, all connections made before. */
    const answers = async (before: () => void): Promise<readonly string[]> => {
      const sockets: TLSSocket[] = []
      for (const _ of kinds) sockets.push((await connected(careless(platform), port)).socket)
      before()
      return Promise.all(
        sockets.map(async (socket, index) => {
          let text = ''
          const end = endOf(socket)
          const answered = new Promise<void>((resolve) => {
            socket.on('data', (chunk) => {
              text += chunk
              if (text.includes('\r\n\r\n')) resolve()
            })
          })
          socket.write(`POST / HTTP/1.1\r\nhost: x\r\n${kinds[index]}content-length: 0\r\n\r\n`)
          await Promise.race([end, answered])
          const [, status = ''] = /^HTTP\/1\.1 (\d+)/.exec(text) ?? []
          return `${status} ${/^connection: (.*)\r$/im.exec(text)?.[1] ?? 'ended'}`
        }),
      )
    }
    // Who has not been told to continue is not waited for.
    expect(await answers(() => {})).toEqual([' ended', '417 close', '200 keep-alive'])
    expect(heard.splice(0).toSorted()).toEqual(['checkContinue', 'request', 'upgrade'])
    // Verified long ago: answered, and no more than that.
    const later = (): void => {
      at += 901
    }
    expect(await answers(later)).toEqual([' ended', '417 close', '200 close'])
    expect(heard.splice(0).toSorted()).toEqual(['checkContinue', 'request'])
    expect(await answers(deny)).toEqual([' ended', '403 close', '403 close'])
    expect(heard).toEqual([])
  })
})

describe('nothing stays open', () => {
  const broken = async (): Promise<never> => {
    throw new Error('broken')
  }

  /** Sockets of this process, either end. */
  const socketsOpen = (): number =>
    process.getActiveResourcesInfo().filter((name) => /^(?:TCP|TLS)(?:Socket)?Wrap$/.test(name))
      .length

  async function leavesNothing(failing: () => Promise<unknown>): Promise<void> {
    const before = socketsOpen()
    await failing()
    await expect.poll(socketsOpen).toBeLessThanOrEqual(before)
  }

  const target = (port: number) => ({ host: '127.0.0.1', port, role: 'diagnostics' }) as const

  test('of a connection whose verification breaks, at the client', async () => {
    const { port } = await rawServerOf(provider.attested)
    // What is believed already is at hand without a connection to anybody else.
    await connected(platform.attested, port)
    for (const attested of [
      { ...platform.attested, identity: { ...platform.attested.identity, sign: broken } },
      { ...platform.attested, peers: { ...platform.attested.peers, verify: broken } },
    ]) {
      await leavesNothing(async () => {
        await expect(connectAttested(attested, target(port))).rejects.toThrow('broken')
      })
    }
  })

  test('of a connection whose verification breaks, at the server', async () => {
    const { port: first } = await rawServerOf(provider.attested)
    await connected(platform.attested, first)
    for (const attested of [
      {
        ...provider.attested,
        identity: { ...provider.attested.identity, sign: broken },
      },
      { ...provider.attested, peers: { ...provider.attested.peers, verify: broken } },
    ]) {
      const { port, refused } = await rawServerOf(attested)
      await leavesNothing(async () => {
        expect(await connectAttested(platform.attested, target(port))).toMatchObject({
          problem: { code: 'peer-unreachable' },
        })
      })
      expect(refused).toEqual(['internal'])
    }
  })

  test('of a connection that is refused, or never comes about', async () => {
    const { port } = await rawServerOf(provider.attested)
    await connected(platform.attested, port)
    const shownTls = (): undefined => undefined
    const unknown = { ...platform.attested, identity: { ...platform.attested.identity, shownTls } }
    await leavesNothing(() => connectAttested(unknown, target(port)))
    await leavesNothing(() =>
      connectAttested(platform.attested, { ...target(port), role: 'key-broker' }),
    )
    const deaf = await listening(createPlain((socket) => socket.resume()))
    await leavesNothing(async () => {
      const met = await connectAttested(platform.attested, { ...target(deaf), secondsMax: 0.05 })
      expect(met).toMatchObject({ problem: { code: 'peer-unreachable' } })
    })
  })

  test('of a client that leaves while it is being verified: it is not served, and nobody asks about it again', async () => {
    let isHere = true
    let leave = (): void => {}
    const gone = new Promise<void>((resolve) => {
      leave = resolve
    })
    let asked = 0
    const { peers } = provider.attested
    const attested: AttestedTls = {
      ...provider.attested,
      askAgainSeconds: 0.02,
      peers: {
        async verify(certificate, roles) {
          const peer = await peers.verify(certificate, roles)
          isHere = false
          await gone
          return peer
        },
        async standing(session) {
          asked += 1
          return peers.standing(session)
        },
      },
    }
    const refused: string[] = []
    let served = 0
    const listener = await listenAttested({
      attested,
      clients: ['platform'],
      onRefused: ({ code }) => refused.push(code),
      onConnection: () => {
        served += 1
      },
    })
    undo.push(() => listener.close(0))
    const between = createPlain((near) => {
      const far = connectPlain(listener.port, '127.0.0.1')
      near.on('error', () => far.destroy())
      far.on('error', () => near.destroy())
      near.pipe(far).pipe(near)
      const timer = setInterval(() => {
        if (isHere) return
        clearInterval(timer)
        near.destroy()
        far.resetAndDestroy()
        setTimeout(leave, 50)
      }, 5)
    })
    const met = await connectAttested(platform.attested, target(await listening(between)))
    expect(met).toMatchObject({ problem: { code: 'peer-unreachable' } })
    await expect.poll(() => refused).toEqual(['peer-unreachable'])
    await sleep(100)
    expect({ served, asked }).toEqual({ served: 0, asked: 0 })
  })

  test('of a client, a dispatcher and a connector that are ended while they connect', async () => {
    const { port } = await rawServerOf(provider.attested)
    await connected(platform.attested, port)
    const origin = `https://127.0.0.1:${port}`
    const { attested } = platform
    await leavesNothing(async () => {
      const client = createAttestedClient({ attested, origin, role: 'diagnostics' })
      const answer = client.request({ method: 'GET', path: '/' })
      await client.close()
      expect(await answer).toMatchObject({ problem: { code: 'peer-unreachable' } })
    })
    await leavesNothing(async () => {
      const dispatcher = createAttestedDispatcher(attested, { role: 'diagnostics' })
      const answer = ask(dispatcher, origin)
      await Promise.all([
        expect(answer).rejects.toMatchObject({ code: 'peer-unreachable' }),
        dispatcher.destroy(),
      ])
    })
    await leavesNothing(async () => {
      const connector = new (attestedRedisConnector<new () => RedisConnector>(
        attested,
        target(port),
      ))()
      const connecting = connector.connect()
      connector.disconnect()
      await expect(connecting).rejects.toMatchObject({ code: 'peer-unreachable' })
    })
  })
})
