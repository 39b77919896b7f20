import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { request as httpRequest, type IncomingMessage } from 'node:http'
import { connect } from 'node:net'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { ChannelError } from '@sealward/attestation/channel'
import type { FastifyInstance } from 'fastify'
import { afterEach, expect, test } from 'vitest'
import { postInChunks, postWhole, sealInChunks, textOf } from './chunked-client.fixtures.ts'
import { lingerSecondsMax } from './limits.ts'
import { type Replica, refusalOf, startReplica } from './sealed-server.fixtures.ts'

const replicas: Replica[] = []

afterEach(async () => {
  await Promise.all(replicas.splice(0).map((replica) => replica.stop()))
})

/** What routes saw. */
interface Seen {
  readonly bytes: number[]
  readonly ended: string[]
  readonly closed: string[]
}

async function started(
  limits: Parameters<typeof startReplica>[0] extends infer O ? NonNullable<O> : never = {},
): Promise<{ at: Replica; seen: Seen }> {
  const seen: Seen = { bytes: [], ended: [], closed: [] }
  const at = await startReplica({ ...limits, routes: (inner) => streamingRoutes(inner, seen) })
  replicas.push(at)
  return { at, seen }
}

function streamingRoutes(inner: FastifyInstance, seen: Seen): void {
  inner.addContentTypeParser('application/octet-stream', (_request, payload, done) =>
    done(null, payload),
  )
  inner.post('/digest', async (request) => {
    const hash = createHash('sha256')
    let bytes = 0
    try {
      for await (const piece of request.body as Readable) {
        bytes += piece.length
        seen.bytes.push(piece.length)
        hash.update(piece)
      }
    } catch (error) {
      seen.ended.push(error instanceof Error ? error.message : 'other')
      throw error
    }
    seen.ended.push('whole')
    return { bytes, sha256: hash.digest('hex') }
  })
  inner.get<{ Params: { bytes: string } }>('/zeros/:bytes', async ({ params }, reply) => {
    const zeros = async function* () {
      for (let left = Number(params.bytes); left > 0; left -= 65_536) {
        const piece = Buffer.alloc(Math.min(left, 65_536))
        seen.bytes.push(piece.length)
        yield piece
      }
    }
    reply.raw.once('close', () => seen.closed.push('zeros'))
    return reply.type('application/octet-stream').send(Readable.from(zeros()))
  })
  inner.get<{ Params: { bytes: string } }>('/sevens/:bytes', async ({ params }) =>
    '7'.repeat(Number(params.bytes)),
  )
  inner.get('/progress', async (request, reply) => {
    const pieces = async function* () {
      for (let step = 1; step <= 3; step++) {
        yield `data: ${step}\n\n`
        await sleep(100)
      }
    }
    request.raw.once('close', () => seen.closed.push('progress'))
    return reply.type('text/event-stream').send(Readable.from(pieces()))
  })
  inner.get('/forever', async (_request, reply) => {
    reply.raw.once('close', () => seen.closed.push('forever'))
    const pieces = async function* () {
      yield 'data: first\n\n'
      await new Promise(() => {})
    }
    return reply.type('text/event-stream').send(Readable.from(pieces()))
  })
  inner.post(
    '/staff-only',
    { onRequest: async (_request, reply) => reply.code(401).send({ who: 'nobody' }) },
    async () => ({ reached: true }),
  )
  inner.get('/dies-later', async (_request, reply) => {
    const pieces = async function* () {
      yield 'data: first\n\n'
      await sleep(20)
      throw new Error('in its middle')
    }
    return reply.type('text/event-stream').send(Readable.from(pieces()))
  })
  inner.get('/dies', async (_request, reply) => {
    reply.raw.destroy()
    return reply
  })
}

async function* pieces(count: number, bytes: number, pauseMs = 0): AsyncGenerator<Uint8Array> {
  for (let index = 0; index < count; index++) {
    if (pauseMs > 0) await sleep(pauseMs)
    yield randomBytes(bytes)
  }
}

async function until(isSo: () => boolean): Promise<void> {
  for (let waited = 0; !isSo(); waited += 10) {
    if (waited > 5000) throw new Error('it does not come')
    await sleep(10)
  }
}

test('a long body streams into an ordinary route, and its answer comes back sealed', async () => {
  const { at, seen } = await started()
  const body = randomBytes(5_000_000)
  const { message, open } = await sealInChunks(at, '/digest', body)
  const response = await open(await postInChunks(at, message))
  expect(response.status).toBe(200)
  expect(JSON.parse(await textOf(response.body))).toEqual({
    bytes: body.length,
    sha256: createHash('sha256').update(body).digest('hex'),
  })
  expect(seen.bytes.length).toBeGreaterThan(10)
})

test('a request without a body, and a route that is not there, are as they are elsewhere', async () => {
  const { at } = await started()
  const hello = await sealInChunks(at, '/hello', undefined, [['x-name', 'Ada']])
  const response = await hello.open(await postInChunks(at, hello.message))
  expect([response.status, await textOf(response.body)]).toEqual([200, '{"hello":"Ada"}'])
  expect(response.headers).toContainEqual(['x-inner', 'yes'])
  const nowhere = await sealInChunks(at, '/nowhere')
  expect(await nowhere.open(await postInChunks(at, nowhere.message))).toMatchObject({ status: 404 })
  const brew = await sealInChunks(at, `/${'a'.repeat(3000)}`)
  expect(await brew.open(await postInChunks(at, brew.message))).toMatchObject({ status: 400 })
})

const ways = [
  ['as it is sealed', postInChunks],
  ['as a whole', postWhole],
] as const

test.each(ways)('asked %s: progress comes as it is made', async (_, send) => {
  const { at } = await started()
  const { message, open } = await sealInChunks(at, '/progress')
  const answer = await send(at, message)
  expect(answer.headers.get('x-accel-buffering')).toBe('no')
  expect(answer.headers.get('cache-control')).toBe('no-store, no-transform')
  const began = performance.now()
  const came: (readonly [string, number])[] = []
  for await (const piece of (await open(answer)).body)
    came.push([Buffer.from(piece).toString(), performance.now() - began])
  expect(came.map(([text]) => text.trim())).toEqual(['data: 1', 'data: 2', 'data: 3'])
  expect((came[2]?.[1] ?? 0) - (came[0]?.[1] ?? 0)).toBeGreaterThan(120)
})

test.each(ways)('asked %s: the head of an answer alone is an answer', async (_, send) => {
  const { at } = await started()
  const { message, open } = await sealInChunks(at, '/hello', undefined, [], 'HEAD')
  const response = await open(await send(at, message))
  expect([response.status, await textOf(response.body)]).toEqual([200, ''])
  expect(response.headers).toContainEqual(['x-inner', 'yes'])
})

test.each([1000, 900_000])('%i bytes as a whole reach a route and come back', async (bytes) => {
  const { at } = await started()
  const body = randomBytes(bytes)
  const up = await sealInChunks(at, '/digest', body)
  const there = await up.open(await postWhole(at, up.message))
  const sha256 = createHash('sha256').update(body).digest('hex')
  expect(JSON.parse(await textOf(there.body))).toEqual({ bytes, sha256 })
  const down = await sealInChunks(at, `/sevens/${bytes}`)
  const back = await down.open(await postWhole(at, down.message))
  expect(await textOf(back.body)).toBe('7'.repeat(bytes))
})

test('a short upload that is cut never reaches a route', async () => {
  const { at } = await started()
  const { message } = await sealInChunks(at, '/digest', randomBytes(200_000))
  const parts: Uint8Array[] = []
  for await (const part of message) parts.push(part)
  for (const cut of [1, 20, 100_000, 190_000]) {
    const whole = Buffer.concat(parts)
    const answer = postWhole(at, piecesOf(whole.subarray(0, whole.length - cut)))
    const [status, code] = await refusalOf(await answer)
    // The second time its beginning is known already.
    expect([
      [400, 'truncated'],
      [400, 'malformed'],
      [409, 'replayed'],
    ]).toContainEqual([status, code])
  }
  expect(at.reached).toEqual([])
})

async function* piecesOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes
}

test('an upload that is cut gives the route an error, not half a body', async () => {
  const { at, seen } = await started()
  const { message } = await sealInChunks(at, '/digest', pieces(20, 70_000))
  const cut = async function* () {
    let count = 0
    for await (const piece of message) {
      if (++count === 8) return
      yield piece
    }
  }
  expect(await refusalOf(await postInChunks(at, cut()))).toEqual([400, 'truncated'])
  await until(() => seen.ended.length > 0)
  expect(seen.ended).toEqual(['aborted'])
})

test('a client that leaves in the middle of its upload gives the route an error', async () => {
  const { at, seen } = await started()
  const { message } = await sealInChunks(at, '/digest', pieces(1000, 70_000, 5))
  const leaving = new AbortController()
  const answer = postInChunks(at, message, leaving.signal)
  await until(() => seen.bytes.length > 2)
  leaving.abort()
  await expect(answer).rejects.toThrow()
  await until(() => seen.ended.length > 0)
  expect(seen.ended).toEqual(['aborted'])
})

test('a chunk that was changed, left out or given twice ends the request, and it is not said to be stale', async () => {
  for (const change of ['changed', 'left-out', 'twice']) {
    const { at, seen } = await started()
    const { message } = await sealInChunks(at, '/digest', pieces(20, 65_536))
    const tampered = async function* () {
      let count = 0
      for await (const piece of message) {
        if (++count !== 6) yield piece
        else if (change === 'twice') yield Buffer.concat([piece, piece])
        else if (change === 'changed')
          yield piece.map((byte, index) => (index === 500 ? byte ^ 1 : byte))
      }
    }
    expect(await refusalOf(await postInChunks(at, tampered()))).toEqual([400, 'malformed'])
    await until(() => seen.ended.length > 0)
    expect([change, seen.ended]).toEqual([change, ['aborted']])
  }
})

test('a message in chunks is taken once', async () => {
  const { at } = await started()
  const { message } = await sealInChunks(at, '/hello')
  const sent: Uint8Array[] = []
  for await (const piece of message) sent.push(piece)
  const again = async function* () {
    yield* sent
  }
  expect((await postInChunks(at, again())).status).toBe(200)
  expect(await refusalOf(await postInChunks(at, again()))).toEqual([409, 'replayed'])
  expect(at.reached).toEqual(['GET /hello'])
})

test('what is not a message in chunks is refused with its code', async () => {
  const { at } = await started()
  const of = async function* (bytes: Uint8Array) {
    yield bytes
  }
  expect(await refusalOf(await postInChunks(at, of(new Uint8Array(3))))).toEqual([400, 'malformed'])
  expect(await refusalOf(await postInChunks(at, of(new Uint8Array(90))))).toEqual([
    422,
    'stale-key',
  ])
  expect(at.reached).toEqual([])
})

test('a route that says no before the body has come is heard', async () => {
  const { at } = await started()
  const { message, open } = await sealInChunks(at, '/staff-only', pieces(50, 70_000, 2))
  const response = await open(await postInChunks(at, message))
  expect([response.status, await textOf(response.body)]).toEqual([401, '{"who":"nobody"}'])
})

test.each([1, 2, 20])(
  'a route that takes its body as a whole gets all of %i MiB',
  async (mebibytes) => {
    const at = await startReplica({
      routes: (inner) => {
        inner.addContentTypeParser(
          'application/dicom',
          { parseAs: 'buffer', bodyLimit: 32 * 1024 * 1024 },
          (_request, body, done) => done(null, body),
        )
        inner.post('/film', async ({ body }) => ({ bytes: (body as Buffer).length }))
      },
    })
    replicas.push(at)
    const body = new Uint8Array(mebibytes * 1024 * 1024)
    const { message, open } = await sealInChunks(at, '/film', body, [
      ['content-type', 'application/dicom'],
    ])
    const response = await open(await postInChunks(at, message))
    expect(await textOf(response.body)).toBe(`{"bytes":${body.length}}`)
  },
)

test('whoever is told no in the middle of an upload is let finish, so that they read it', async () => {
  const { at } = await started()
  const { message } = await sealInChunks(at, '/staff-only', pieces(100, 70_000, 2))
  const request = httpRequest(`${at.url}/sealed`, {
    method: 'POST',
    headers: { 'content-type': 'message/ohttp-chunked-req' },
  })
  const finished = once(request, 'finish')
  const answered = once(request, 'response')
  const began = performance.now()
  Readable.from(message).pipe(request)
  const [response] = (await answered) as [IncomingMessage]
  response.resume()
  await finished
  // Well before they would be cut off.
  expect(performance.now() - began).toBeLessThan(lingerSecondsMax * 900)
}, 30_000)

test.each(ways)(
  'asked %s: a client that leaves in the middle of an answer ends the route',
  async (_, send) => {
    const { at, seen } = await started()
    const { message, open } = await sealInChunks(at, '/forever')
    const leaving = new AbortController()
    const response = await open(await send(at, message, leaving.signal))
    const first = await response.body[Symbol.asyncIterator]().next()
    expect(Buffer.from(first.value ?? []).toString()).toContain('first')
    leaving.abort()
    await until(() => seen.closed.length > 0)
    expect(seen.closed).toEqual(['forever'])
  },
)

test.each(ways)(
  'asked %s: a route that dies is never taken for one that has answered',
  async (_, send) => {
    const { at } = await started()
    for (const path of ['/dies', '/dies-later']) {
      const { message, open } = await sealInChunks(at, path)
      const answered = await send(at, message)
        .then(open)
        .then(({ body }) => textOf(body))
        .then(
          () => 'answered',
          () => 'broken',
        )
      expect([path, answered]).toEqual([path, 'broken'])
    }
  },
)

test.each(ways)(
  'asked %s: a reader that stops reading holds the route back, and is given up in time',
  async (_, send) => {
    const { at, seen } = await started({ limits: { idleSecondsMax: 0.5 } })
    const total = 200_000_000
    const { message } = await sealInChunks(at, `/zeros/${total}`)
    const answer = await send(at, message)
    expect(answer.status).toBe(200)
    await until(() => seen.closed.length > 0)
    expect(seen.bytes.length * 65_536).toBeLessThan(total / 4)
    await answer.body?.cancel().catch(() => {})
  },
)

test('a sender that drips is cut off, and one that takes its time is not', async () => {
  const { at, seen } = await started({
    limits: { idleSecondsMax: 0.4, bytesPerSecondMin: 100_000 },
  })
  const slow = await sealInChunks(at, '/digest', pieces(30, 70_000, 50))
  expect(await slow.open(await postInChunks(at, slow.message))).toMatchObject({ status: 200 })
  const { message } = await sealInChunks(at, '/digest', pieces(5, 70_000))
  const dripping = async function* () {
    for await (const piece of message)
      for (let at = 0; at < piece.length; at += 100) {
        yield piece.subarray(at, at + 100)
        await sleep(50)
      }
  }
  expect(await refusalOf(await postInChunks(at, dripping()))).toEqual([400, 'truncated'])
  const never = await sealInChunks(at, '/digest', pieces(3, 70_000))
  const stopping = async function* () {
    for await (const piece of never.message) {
      yield piece
      await sleep(1500)
    }
  }
  const refused = await postInChunks(at, stopping()).then(refusalOf, () => 'broken')
  expect(['broken', [400, 'truncated'].join()]).toContain(String(refused))
  expect(seen.ended.filter((how) => how === 'whole')).toHaveLength(1)
})

test('more at once than may be are told to come again', async () => {
  const { at } = await started({ limits: { streamsAtOnceMax: 2 } })
  const leaving = new AbortController()
  for (let count = 0; count < 2; count++) {
    const { message, open } = await sealInChunks(at, '/forever')
    await open(await postInChunks(at, message, leaving.signal))
  }
  const third = await sealInChunks(at, '/hello')
  expect(await refusalOf(await postInChunks(at, third.message))).toEqual([503, 'overloaded'])
  leaving.abort()
  await sleep(100)
  const fourth = await sealInChunks(at, '/hello')
  expect((await postInChunks(at, fourth.message)).status).toBe(200)
})

test('a request larger than may be is refused, and the route learns that it broke off', async () => {
  const { at, seen } = await started({ limits: { streamBytesMax: 500_000 } })
  const { message } = await sealInChunks(at, '/digest', pieces(20, 70_000))
  expect(await refusalOf(await postInChunks(at, message))).toEqual([413, 'too-large'])
  await until(() => seen.ended.length > 0)
  expect(seen.ended).toEqual(['aborted'])
})

test('an answer that is cut on its way is known to be', async () => {
  const { at } = await started()
  const { message, open } = await sealInChunks(at, '/zeros/1000000')
  const whole = new Uint8Array(await (await postInChunks(at, message)).arrayBuffer())
  const cut = new Response(whole.subarray(0, whole.length - 20), {
    headers: { 'content-type': 'message/ohttp-chunked-res' },
  })
  const { body } = await open(cut)
  await expect(textOf(body)).rejects.toBeInstanceOf(ChannelError)
})

test('a connection that says nothing is closed', async () => {
  const { at } = await started({ limits: { idleSecondsMax: 0.3 } })
  const socket = connect({ port: at.port, host: '127.0.0.1' })
  socket.write(
    'POST /sealed HTTP/1.1\r\nhost: x\r\ncontent-type: message/ohttp-chunked-req\r\ncontent-length: 5000\r\n\r\nabc',
  )
  const closed = await new Promise<string>((resolve) => {
    let text = ''
    socket.on('data', (piece) => {
      text += piece
    })
    socket.on('close', () => resolve(text))
  })
  expect(closed).toContain('urn:sealward:problem:truncated')
})
