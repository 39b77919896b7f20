import { createServer, type Server } from 'node:http'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import {
  base64UrlOf,
  concat,
  ok,
  type Problem,
  type Result,
  textOf,
  utf8Of,
} from '../bytes/index.ts'
import { at, createDeployment, type Deployment, random } from './deployment.fixtures.ts'
import {
  type ByteSource,
  ChannelError,
  chunkedRequestMediaType,
  chunkedResponseMediaType,
  createReplayWindow,
  createSealedFetch,
  decodeRequestStream,
  encodeKeyConfigs,
  encodeResponseStream,
  fetchTransport,
  generateKeyConfig,
  type InformationalResponse,
  NotVerifiedError,
  type OhttpKey,
  openChunkedRequest,
  piecesOf,
  type ReplayWindow,
  type RequestHead,
  type ResponseHead,
  type SealedFetch,
  type SealedTransport,
  type Streamed,
  sealChunkedResponse,
  type VerifiedPeer,
  verifyPeer,
} from './index.ts'

const origin = 'https://platform.example'
const nonce = random.bytes(32)

type Answer = ResponseHead & {
  readonly body: ByteSource
  readonly informational?: readonly InformationalResponse[]
}

/** A platform: verified keys, and what answers behind them. */
interface Platform {
  keys: readonly OhttpKey[]
  answer: (request: Streamed<RequestHead>) => Promise<Answer>
  readonly replay: ReplayWindow
  /** Every outer body that arrived. */
  readonly seen: Uint8Array[]
  readonly lengths: (number | undefined)[]
}

let world: Deployment

beforeAll(async () => {
  world = await createDeployment()
})

async function peerWith(keys: readonly OhttpKey[]): Promise<Result<VerifiedPeer, Problem>> {
  const ohttp = base64UrlOf(encodeKeyConfigs(keys.map(({ config }) => config)))
  const tee = await world.tee('platform', nonce, { runtimeData: { ohttp } })
  return verifyPeer(world.trust(tee, nonce, await world.token(tee)))
}

const echo: Platform['answer'] = async ({ method, path, headers, body }) => ({
  status: 200,
  headers: [['content-type', 'application/json']],
  body: utf8Of(JSON.stringify({ method, path, headers, body: textOf(await gathered(body)) })),
})

async function platformOf(keys: readonly OhttpKey[]): Promise<Platform> {
  return { keys, answer: echo, replay: createReplayWindow(), seen: [], lengths: [] }
}

async function gathered(source: ByteSource): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for await (const piece of piecesOf(source)) pieces.push(piece)
  return concat(...pieces)
}

const problemJson = (code: string) => ({
  status: 422,
  contentType: 'application/problem+json; charset=utf-8',
  body: utf8Of(JSON.stringify({ type: `urn:sealward:problem:${code}` })),
})

/** The platform's side of the exchange, as a transport that needs no network. */
function transportTo(platform: Platform): SealedTransport {
  return async ({ mediaType, body, length }) => {
    expect(mediaType).toBe(chunkedRequestMediaType)
    const message = await gathered(body)
    platform.seen.push(message)
    platform.lengths.push(length)
    return respond(platform, message)
  }
}

async function respond(
  { keys, replay, answer }: Platform,
  message: ByteSource,
): ReturnType<SealedTransport> {
  const opened = await openChunkedRequest({ keys, message, replay })
  if (!opened.ok) {
    const { code } = opened.problem
    return problemJson(code === 'not-opened' ? 'stale-key' : code)
  }
  const request = await decodeRequestStream(opened.value.request)
  if (!request.ok) throw new Error(request.problem.code)
  const { informational = [], body, ...head } = await answer(request.value)
  const response = encodeResponseStream(head, body, { informational })
  return {
    status: 200,
    contentType: chunkedResponseMediaType,
    body: await sealChunkedResponse({ exchange: opened.value.exchange, response, random }),
  }
}

let platform: Platform
let verified: number

beforeEach(async () => {
  platform = await platformOf([await generateKeyConfig({ keyId: 1, random })])
  verified = 0
})

const fetchTo = (
  transport: SealedTransport = transportTo(platform),
  verify = (): Promise<Result<VerifiedPeer, Problem>> => peerWith(platform.keys),
): SealedFetch =>
  createSealedFetch({
    origin,
    transport,
    random,
    now: () => at,
    verify: () => {
      verified++
      return verify()
    },
  })

async function problemOf(promise: Promise<unknown>): Promise<unknown> {
  const error: unknown = await promise.then(
    () => 'no error',
    (reason: unknown) => reason,
  )
  if (error instanceof ChannelError || error instanceof NotVerifiedError) return error.problem.code
  return error
}

describe('what goes in and what comes out', () => {
  test('a request without a body, as a path, a URL and a Request', async () => {
    const fetch = fetchTo()
    for (const input of [
      '/fhir/Patient?family=Nobody',
      new URL('/fhir/Patient?family=Nobody', origin),
      new Request(`${origin}/fhir/Patient?family=Nobody`),
    ]) {
      const response = await fetch(input)
      expect(response).toBeInstanceOf(Response)
      expect(response).toMatchObject({ status: 200, ok: true })
      expect(response.headers.get('content-type')).toBe('application/json')
      expect(await response.json()).toEqual({
        method: 'GET',
        path: '/fhir/Patient?family=Nobody',
        headers: [],
        body: '',
      })
    }
    expect(verified).toBe(1)
    for (const message of platform.seen) {
      expect(new TextDecoder('latin1').decode(message)).not.toMatch(/fhir|Nobody/)
    }
  })

  const formData = new FormData()
  formData.set('name', 'Nobody')
  const octets = utf8Of('Nobody')
  test.each<[string, BodyInit | ByteSource, string | undefined]>([
    ['a string', 'Nobody', 'text/plain;charset=UTF-8'],
    ['bytes', octets, undefined],
    ['a buffer', octets.buffer as ArrayBuffer, undefined],
    ['a view', new DataView(octets.buffer as ArrayBuffer), undefined],
    ['a Blob', new Blob(['Nobody'], { type: 'text/x' }), 'text/x'],
    [
      'parameters',
      new URLSearchParams({ name: 'Nobody' }),
      'application/x-www-form-urlencoded;charset=UTF-8',
    ],
    ['a stream', new Blob(['Nobody']).stream(), undefined],
    ['an iterable', [utf8Of('No'), utf8Of('body')], undefined],
  ])('%s as a body', async (_, body, contentType) => {
    const response = await fetchTo()('/a', { method: 'post', body })
    expect(await response.json()).toEqual({
      method: 'POST',
      path: '/a',
      headers: contentType === undefined ? [] : [['content-type', contentType]],
      body: expect.stringContaining('Nobody'),
    })
  })

  test('a form as a body, with its boundary', async () => {
    const response = await fetchTo()('/a', { method: 'POST', body: formData })
    const { headers, body } = await response.json()
    const [, boundary] = /^multipart\/form-data; boundary=(.+)$/.exec(headers[0][1]) ?? []
    expect(boundary).toBeDefined()
    expect(body).toContain(boundary)
  })

  test('a Request with its method, headers and body, and what is said beside it', async () => {
    const request = new Request(`${origin}/a`, {
      method: 'PUT',
      headers: { 'X-A': '1', 'content-type': 'text/x' },
      body: 'Nobody',
    })
    expect(await (await fetchTo()(request)).json()).toEqual({
      method: 'PUT',
      path: '/a',
      headers: [
        ['content-type', 'text/x'],
        ['x-a', '1'],
      ],
      body: 'Nobody',
    })
    expect(request.bodyUsed).toBe(true)
    expect(await problemOf(fetchTo()(request))).toBeInstanceOf(TypeError)
    const other = new Request(`${origin}/a`, { method: 'PUT', body: 'Nobody' })
    const response = await fetchTo()(other, {
      method: 'POST',
      body: 'Somebody',
      headers: { b: '2' },
    })
    expect(await response.json()).toMatchObject({ method: 'POST', body: 'Somebody' })
  })

  test.each([204, 205, 304])('status %i has no body, and came whole', async (status) => {
    platform.answer = async () => ({ status, headers: [['etag', '"1"']], body: new Uint8Array() })
    const response = await fetchTo()('/a')
    expect(response.status).toBe(status)
    expect(response.body).toBeNull()
    expect(response.headers.get('etag')).toBe('"1"')
  })

  test('any other status is an answer, and a redirect is not followed', async () => {
    for (const status of [302, 404, 500]) {
      platform.answer = async () => ({
        status,
        headers: [['location', 'https://elsewhere.example/']],
        body: utf8Of('{}'),
      })
      expect(await fetchTo()('/a')).toMatchObject({ status, ok: false })
    }
    expect(platform.seen).toHaveLength(3)
  })

  test('fields of one name are kept, and informational responses are handed on', async () => {
    platform.answer = async () => ({
      status: 200,
      headers: [
        ['x-a', '1'],
        ['x-a', '2'],
      ],
      informational: [{ status: 103, headers: [['link', '</a>']] }],
      body: new Uint8Array(),
    })
    const early: InformationalResponse[] = []
    const response = await fetchTo()('/a', { onInformational: (one) => early.push(one) })
    expect(response.headers.get('x-a')).toBe('1, 2')
    expect(early).toEqual([{ status: 103, headers: [['link', '</a>']] }])
  })

  test.each([
    ['another method', '/a', { method: 'GE T' }],
    ['a GET with a body', '/a', { body: 'a' }],
    ['a field that cannot be carried', '/a', { headers: { a: 'é' } }],
    ['no URL', 'https://', {}],
  ])('%s is a TypeError, and nothing is sent', async (_, input, init) => {
    expect(await problemOf(fetchTo()(input, init))).toBeInstanceOf(TypeError)
    expect(platform.seen).toEqual([])
  })

  test('a request for somebody else is refused, and nothing is sent', async () => {
    for (const input of [
      'https://elsewhere.example/a',
      '//elsewhere.example/a',
      'http://platform.example/a',
      new Request('https://elsewhere.example/a'),
    ]) {
      expect(await problemOf(fetchTo()(input))).toBe('other-origin')
    }
    expect([platform.seen, verified]).toEqual([[], 0])
  })
})

describe('long bodies', () => {
  const mebibyte = 1_048_576
  /** Pieces that are made as they are read. */
  async function* pieces(count: number): AsyncGenerator<Uint8Array> {
    for (let index = 0; index < count; index++) yield new Uint8Array(65_536).fill(index)
  }

  test('stream up and down at once, whatever their length', async () => {
    let received = 0
    platform.answer = async ({ body }) => ({
      status: 200,
      headers: [],
      body: (async function* answer() {
        for await (const piece of body) {
          received += piece.length
          yield piece
        }
      })(),
    })
    const streaming: SealedTransport = ({ body }) => respond(platform, body)
    const response = await fetchTo(streaming)('/a', { method: 'POST', body: pieces(64) })
    expect(received).toBe(0)
    const reader = response.body?.getReader()
    const first = await reader?.read()
    expect(first?.value?.every((byte) => byte === 0)).toBe(true)
    expect(received).toBeLessThan(9 * 65_536)
    let length = first?.value?.length ?? 0
    for (;;) {
      const next = await reader?.read()
      if (next === undefined || next.done) break
      length += next.value.length
    }
    expect([length, received]).toEqual([64 * 65_536, 64 * 65_536])
  })

  test.each([0, 5, mebibyte - 500, mebibyte - 20, mebibyte, 3 * mebibyte + 17])(
    'the length of a sealed body of %i bytes is known before it is sealed',
    async (size) => {
      platform.answer = async ({ body }) => ({
        status: 200,
        headers: [],
        body: utf8Of(`${(await gathered(body)).length}`),
      })
      const whole: boolean[] = []
      const transport: SealedTransport = (message, options) => {
        whole.push(message.body instanceof Uint8Array)
        return transportTo(platform)(message, options)
      }
      const body = new Blob([new Uint8Array(size)])
      const response = await fetchTo(transport)('/a', { method: 'POST', body })
      expect(await response.text()).toBe(`${size}`)
      expect(platform.lengths).toEqual([platform.seen[0]?.length])
      // With its head it has to fit into one chunk.
      expect(whole).toEqual([size <= mebibyte - 500])
    },
  )

  test('a body that fails as it is read is told as it is, and the request is never whole', async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield new Uint8Array(100_000)
      throw new RangeError('the disk is gone')
    }
    const outcome = fetchTo()('/a', { method: 'POST', body: broken() })
    await expect(outcome).rejects.toThrow(new RangeError('the disk is gone'))
  })

  test('giving up the answer gives up the connection', async () => {
    let wasGivenUp = false
    platform.answer = async () => ({
      status: 200,
      headers: [],
      body: (async function* endless() {
        try {
          for (;;) yield new Uint8Array(1000)
        } finally {
          wasGivenUp = true
        }
      })(),
    })
    const response = await fetchTo()('/a')
    const reader = response.body?.getReader()
    await reader?.read()
    await reader?.cancel()
    expect(wasGivenUp).toBe(true)
  })
})

describe('failures', () => {
  const answering =
    (answer: Partial<Awaited<ReturnType<SealedTransport>>>): SealedTransport =>
    async () => ({
      status: 200,
      contentType: chunkedResponseMediaType,
      body: new Uint8Array(64),
      ...answer,
    })

  test.each<[string, SealedTransport]>([
    ['unavailable', () => Promise.reject(new TypeError('fetch failed'))],
    ['unavailable', answering({ status: 503, contentType: 'text/plain' })],
    ['unsealed-response', answering({ status: 404, contentType: 'text/html' })],
    ['unsealed-response', answering({ contentType: 'application/json' })],
    ['unsealed-response', answering({ contentType: 'message/ohttp-res' })],
    ['unsealed-response', answering(problemJson('made-up'))],
    ['unsealed-response', answering({ status: 403, body: new Uint8Array(1_000_000) })],
    ['too-large', answering(problemJson('too-large'))],
    ['replayed', answering(problemJson('replayed'))],
    [
      'not-opened',
      answering({ body: concat(new Uint8Array(32), Uint8Array.of(0), new Uint8Array(16)) }),
    ],
    ['truncated', answering({ body: new Uint8Array(3) })],
  ])('%s is told by its code', async (code, transport) => {
    expect(await problemOf(fetchTo(transport)('/a'))).toBe(code)
  })

  test('an answer that is cut, changed or breaks off fails as it is read', async () => {
    platform.answer = async () => ({
      status: 200,
      headers: [],
      body: [utf8Of('one'), utf8Of('two'), utf8Of('three')],
    })
    const mangled =
      (
        mangle: (pieces: Uint8Array[]) => AsyncIterable<Uint8Array> | Uint8Array[],
      ): SealedTransport =>
      async (message, options) => {
        const answer = await transportTo(platform)(message, options)
        const pieces: Uint8Array[] = []
        for await (const piece of piecesOf(answer.body)) pieces.push(piece)
        return { ...answer, body: mangle(pieces) }
      }
    async function* breakingOff(pieces: Uint8Array[]): AsyncGenerator<Uint8Array> {
      yield* pieces.slice(0, 3)
      throw new TypeError('terminated')
    }
    for (const [code, mangle] of [
      ['truncated', (pieces: Uint8Array[]) => pieces.slice(0, -1)],
      ['not-opened', ([a, b, c, ...rest]: Uint8Array[]) => [a, c, b, ...rest] as Uint8Array[]],
      ['unavailable', breakingOff],
    ] as const) {
      const outcome = fetchTo(mangled(mangle))('/a').then((response) => response.text())
      expect(await problemOf(outcome)).toBe(code)
    }
  })

  test('a peer that is not verified gets nothing', async () => {
    const refused: Problem = { code: 'measurement', at: 'mrEnclave', detail: 'another one' }
    const fetch = fetchTo(undefined, async () => ({ ok: false, problem: refused }))
    const error: unknown = await fetch('/a').catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(NotVerifiedError)
    expect(error).toMatchObject({ problem: refused })
    const pretending = fetchTo(undefined, async () =>
      ok({ keyConfigs: [] } as unknown as VerifiedPeer),
    )
    await expect(pretending('/a')).rejects.toThrow('not a peer that was verified')
    expect(platform.seen).toEqual([])
  })

  test('a peer that offers no sealed channel gets nothing', async () => {
    const fetch = fetchTo(undefined, async () => {
      const gateway = await world.tee('cache-gateway', nonce)
      return verifyPeer(world.trust(gateway, nonce, await world.token(gateway)))
    })
    expect(await problemOf(fetch('/a'))).toBe('unsupported-suite')
    expect(platform.seen).toEqual([])
  })

  test('an aborted signal rejects with its reason, before and after the answer began', async () => {
    const before = AbortSignal.abort(new Error('enough'))
    await expect(fetchTo()('/a', { signal: before })).rejects.toThrow('enough')
    expect(verified).toBe(0)

    const during = new AbortController()
    const waiting: SealedTransport = (_, { signal }) =>
      new Promise((_resolve, reject) => {
        signal?.addEventListener('abort', () => reject(new DOMException('aborted', 'AbortError')))
        during.abort(new Error('enough of this'))
      })
    await expect(fetchTo(waiting)('/a', { signal: during.signal })).rejects.toThrow(
      'enough of this',
    )

    const after = new AbortController()
    platform.answer = async () => ({ status: 200, headers: [], body: [utf8Of('a'), utf8Of('b')] })
    const response = await fetchTo()('/a', { signal: after.signal })
    after.abort(new Error('enough of all'))
    await expect(response.text()).rejects.toThrow('enough of all')
  })
})

describe('a key that is said to be stale', () => {
  const newKeys = async (): Promise<readonly OhttpKey[]> => [
    await generateKeyConfig({ keyId: 2, random }),
  ]

  test('and is: the peer is verified anew, and the request is sent once more', async () => {
    const fetch = fetchTo()
    await fetch('/a')
    platform.keys = await newKeys()
    const response = await fetch('/b', { method: 'PUT', body: 'Nobody' })
    expect(await response.json()).toMatchObject({ path: '/b', body: 'Nobody' })
    expect([platform.seen.length, verified]).toEqual([3, 2])
  })

  test('and was not when the request was done: what must not be done twice is sent again with an idempotency key alone', async () => {
    const held: SealedTransport = async (message, options) => {
      const answer = await transportTo(platform)(message, options)
      if (!isHeld) return answer
      // The request was done. Its answer is held back until there are new keys, and another one given.
      isHeld = false
      platform.keys = await newKeys()
      return problemJson('stale-key')
    }
    let isHeld = false
    const fetch = fetchTo(held)
    await fetch('/a')
    isHeld = true
    const post = { method: 'POST', body: 'Nobody' }
    expect(await fetch('/b', post).catch((error: unknown) => error)).toMatchObject({
      problem: { code: 'stale-key', at: 'idempotency-key' },
    })
    expect([platform.seen.length, verified]).toEqual([2, 2])
    // What comes next is sealed to the new keys.
    expect((await fetch('/c', post)).status).toBe(200)
    isHeld = true
    const once = { ...post, headers: { 'idempotency-key': '"0123456789abcdef"' } }
    expect((await fetch('/d', once)).status).toBe(200)
    expect(platform.seen.length).toBe(5)
  })

  test('and is not: the request is not sent again on a stranger’s word', async () => {
    let sent = 0
    const stranger: SealedTransport = async (message, options) => {
      sent++
      // It arrives and is done. Only the answer is another's.
      await transportTo(platform)(message, options)
      return problemJson('stale-key')
    }
    expect(await problemOf(fetchTo(stranger)('/a', { method: 'POST', body: 'a' }))).toBe(
      'stale-key',
    )
    expect([sent, verified]).toEqual([1, 2])
  })

  test('is not asked about more than once for a request', async () => {
    let sent = 0
    const transport: SealedTransport = async () => {
      sent++
      platform.keys = await newKeys()
      return problemJson('stale-key')
    }
    expect(await problemOf(fetchTo(transport)('/a'))).toBe('stale-key')
    expect([sent, verified]).toEqual([2, 2])
  })

  test('with a body that cannot be read again: it says so, and the next request is sealed to the new key', async () => {
    const fetch = fetchTo()
    await fetch('/a')
    platform.keys = await newKeys()
    const body = new Blob(['Nobody']).stream()
    const error: unknown = await fetch('/b', { method: 'PUT', body }).catch((e: unknown) => e)
    expect(error).toMatchObject({ problem: { code: 'stale-key', at: 'body' } })
    expect((await fetch('/c')).status).toBe(200)
    expect([platform.seen.length, verified]).toEqual([3, 2])
  })

  test('and the peer is not what it was: nothing is sent again', async () => {
    let isGone = false
    const fetch = fetchTo(undefined, async () =>
      isGone
        ? { ok: false, problem: { code: 'measurement', at: '', detail: 'another one' } }
        : peerWith(platform.keys),
    )
    await fetch('/a')
    platform.keys = await newKeys()
    isGone = true
    expect(await problemOf(fetch('/b'))).toBe('measurement')
    expect(platform.seen).toHaveLength(2)
    // Nor is anything sent to the one of before.
    expect(await problemOf(fetch('/c'))).toBe('measurement')
    expect(platform.seen).toHaveLength(2)
  })

  test('for many requests at once is asked about once', async () => {
    const fetch = fetchTo()
    await fetch('/a')
    platform.keys = await newKeys()
    const responses = await Promise.all(['/b', '/c', '/d', '/e'].map((path) => fetch(path)))
    expect(responses.map(({ status }) => status)).toEqual([200, 200, 200, 200])
    expect(verified).toBe(2)
  })

  test('a verification that has lapsed is made anew before anything is sent', async () => {
    let now = at
    const fetch = createSealedFetch({
      origin,
      transport: transportTo(platform),
      random,
      now: () => now,
      verify: () => {
        verified++
        return peerWith(platform.keys)
      },
    })
    const { token } = await fetch.peer()
    await fetch('/a')
    expect(verified).toBe(1)
    now = token.expiresAt
    await fetch('/a')
    expect(verified).toBe(2)
  })
})

describe('over fetch', () => {
  let server: Server
  let url: string

  beforeAll(async () => {
    server = createServer((incoming, outgoing) => {
      void respond(platform, incoming).then(({ status, contentType, body }) => {
        outgoing.writeHead(status, { 'content-type': contentType })
        const pieces = body instanceof Uint8Array ? [body] : (body as AsyncIterable<Uint8Array>)
        Readable.from(pieces).pipe(outgoing)
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    url = `http://127.0.0.1:${address.port}/sealed`
  })

  afterAll(() => {
    server.close()
    server.closeAllConnections()
  })

  test.each([true, false])('bodies of any length, streamed: %s', async (streams) => {
    platform.answer = async ({ body }) => ({ status: 200, headers: [], body })
    const progress: (readonly [number, number | undefined])[] = []
    const fetch = fetchTo(fetchTransport(globalThis.fetch, url, { streams }))
    for (const size of [0, 1000, 5_000_000]) {
      progress.length = 0
      const body = new Uint8Array(size).fill(7)
      const response = await fetch('/a', {
        method: 'POST',
        body: new Blob([body]),
        onUploadProgress: (...one) => progress.push(one),
      })
      const answer = new Uint8Array(await response.arrayBuffer())
      expect(answer).toEqual(body)
      const total = progress[0]?.[1] ?? 0
      expect(progress.at(0)).toEqual([0, total])
      expect(progress.at(-1)).toEqual([total, total])
      expect(progress.map(([sent]) => sent)).toEqual(
        progress.map(([sent]) => sent).toSorted((a, b) => a - b),
      )
    }
  })

  test('an answer is read as it is written', async () => {
    let goOn = (): void => {}
    const gate = new Promise<void>((resolve) => {
      goOn = resolve
    })
    platform.answer = async () => ({
      status: 200,
      headers: [['content-type', 'text/event-stream']],
      body: (async function* progress() {
        yield utf8Of('data: 1\n\n')
        await gate
        yield utf8Of('data: 2\n\n')
      })(),
    })
    const response = await fetchTo(fetchTransport(globalThis.fetch, url))('/a')
    const reader = response.body?.pipeThrough(new TextDecoderStream()).getReader()
    expect(await reader?.read()).toEqual({ done: false, value: 'data: 1\n\n' })
    goOn()
    expect(await reader?.read()).toEqual({ done: false, value: 'data: 2\n\n' })
    expect(await reader?.read()).toMatchObject({ done: true })
  })

  test('nobody there is told as such', async () => {
    const transport = fetchTransport(globalThis.fetch, 'http://127.0.0.1:1/sealed')
    expect(await problemOf(fetchTo(transport)('/a'))).toBe('unavailable')
  })

  test('asks proxies not to gather, and tells them nothing', async () => {
    const asked: [string, RequestInit][] = []
    const recording = (async (to: string, init: RequestInit) => {
      asked.push([to, init])
      return new Response(null, { status: 503 })
    }) as unknown as typeof globalThis.fetch
    await problemOf(fetchTo(fetchTransport(recording, 'https://platform.example/sealed'))('/a'))
    expect(asked).toMatchObject([
      [
        'https://platform.example/sealed',
        {
          method: 'POST',
          credentials: 'omit',
          redirect: 'error',
          headers: { 'content-type': chunkedRequestMediaType, incremental: '?1' },
        },
      ],
    ])
  })
})
