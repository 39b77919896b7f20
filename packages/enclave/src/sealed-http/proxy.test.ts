import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { utf8Of } from '@sealward/attestation/bytes'
import type { FastifyInstance } from 'fastify'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { postInChunks, sealInChunks, textOf } from './chunked-client.fixtures.ts'
import { type Nginx, nginxProgram, startNginx } from './nginx.fixtures.ts'
import { createReplayMemory } from './replay-memory.ts'
import {
  configsOf,
  post,
  type Replica,
  refusalOf,
  seal,
  startReplica,
} from './sealed-server.fixtures.ts'

if (nginxProgram === undefined) {
  process.stdout.write('there is no nginx on this machine: what is between is not tried\n')
}

const canary = 'Quetzalcanary'

let replicas: Replica[] = []
let proxy: Nginx | undefined
/** What was done by routes, over all replicas. */
let done = 0
let isToDie = false

beforeAll(async () => {
  if (nginxProgram === undefined) return
  const shared = { seed: new Uint8Array(32).fill(9), memory: createReplayMemory() }
  const start = (): Promise<Replica> =>
    startReplica({ shared, routes: routesOfATest, outer: diesOnce })
  replicas = [await start(), await start()]
})

afterEach(async () => {
  await proxy?.stop()
  proxy = undefined
})

afterAll(() => Promise.all(replicas.map((replica) => replica.stop())))

function routesOfATest(inner: FastifyInstance): void {
  inner.addContentTypeParser('application/octet-stream', (_request, payload, body) =>
    body(null, payload),
  )
  inner.post('/count', async (request) => {
    let bytes = 0
    for await (const piece of request.body as Readable) bytes += piece.length
    return { bytes }
  })
  inner.get('/progress', async (_request, reply) => {
    const steps = async function* () {
      for (let step = 1; step <= 3; step++) {
        yield `data: ${step} ${canary}\n\n`
        await sleep(150)
      }
    }
    return reply.type('text/event-stream').send(Readable.from(steps()))
  })
  inner.get('/large', async (_request, reply) =>
    reply.type('application/octet-stream').send(Buffer.alloc(3_000_000, 7)),
  )
  inner.post('/do', async () => ({ done: ++done }))
}

/** A replica that ends the connection when it has done what was asked, before it says so. */
function diesOnce(server: FastifyInstance): void {
  server.addHook('onSend', async (request) => {
    if (!isToDie || request.url !== '/sealed') return
    isToDie = false
    request.raw.socket.destroy()
  })
}

async function proxied(location: string): Promise<{ proxy: Nginx; at: Replica }> {
  proxy = await startNginx(
    replicas.map(({ port }) => port),
    location,
  )
  const [at] = replicas
  if (at === undefined) throw new Error('no replica')
  return { proxy, at }
}

const ways: readonly (readonly [string, string])[] = [
  ['as it is set up', ''],
  ['without buffers', 'proxy_request_buffering off; proxy_buffering off;'],
]

describe.skipIf(nginxProgram === undefined)('behind nginx', () => {
  test.each(ways)('%s: requests of both forms, long ones and progress', async (_, location) => {
    const { at, proxy } = await proxied(location)
    const whole = await seal((await configsOf(at.keys))[0], { path: '/hello' })
    expect(await whole.open(await post(proxy.url, whole.message))).toMatchObject({ status: 200 })

    const upload = await sealInChunks(at, '/count', randomBytes(3_000_000))
    const counted = await upload.open(await postInChunks(proxy, upload.message))
    expect(await textOf(counted.body)).toBe('{"bytes":3000000}')

    const large = await sealInChunks(at, '/large')
    const { body } = await large.open(await postInChunks(proxy, large.message))
    expect((await textOf(body)).length).toBe(3_000_000)

    const progress = await sealInChunks(at, '/progress')
    const came: number[] = []
    const response = await progress.open(await postInChunks(proxy, progress.message))
    for await (const _piece of response.body) came.push(performance.now())
    expect(came).toHaveLength(3)
    expect((came[2] ?? 0) - (came[0] ?? 0)).toBeGreaterThan(200)
  })

  test('an upload that breaks off on its way is broken off, or never asked, and never done', async () => {
    for (const [, location] of ways) {
      const { at, proxy } = await proxied(location)
      const { message } = await sealInChunks(at, '/count', randomBytes(2_000_000))
      const leaving = new AbortController()
      const cut = async function* () {
        let count = 0
        for await (const piece of message) {
          if (++count === 5) leaving.abort()
          yield piece
        }
      }
      const answer = postInChunks(proxy, cut(), leaving.signal).then(
        ({ status }) => status,
        () => 'broken',
      )
      expect(await answer).toBe('broken')
      await proxy.stop()
    }
  })

  test('a cache in between keeps nothing, and can read nothing of what it keeps of bodies', async () => {
    const { at, proxy } = await proxied(
      `proxy_cache cdn; proxy_cache_methods GET HEAD POST; proxy_cache_key $request_uri;
       proxy_cache_valid any 1h; proxy_cache_use_stale error timeout updating;
       client_body_in_file_only on; add_header x-cache $upstream_cache_status always;`,
    )
    const names = ['Ada', 'Eva']
    for (const name of names) {
      const asked = await seal((await configsOf(at.keys))[0], {
        path: '/hello',
        headers: [['x-name', `${name} ${canary}`]],
        body: utf8Of(canary),
      })
      const outer = await post(proxy.url, asked.message)
      expect(outer.headers.get('x-cache')).toBe('MISS')
      const { body } = await asked.open(outer)
      expect(Buffer.from(body).toString()).toContain(name)

      const streamed = await sealInChunks(at, '/hello', undefined, [['x-name', name]])
      const answer = await postInChunks(proxy, streamed.message)
      expect(answer.headers.get('x-cache')).toBe('MISS')
      expect(await textOf((await streamed.open(answer)).body)).toContain(name)
      // Refusals are kept no more than answers.
      const refused = await post(proxy.url, asked.message)
      expect(refused.headers.get('x-cache')).toBe('MISS')
      expect(await refusalOf(refused)).toEqual([409, 'replayed'])
    }
    expect(proxy.cached()).toEqual([])
    const written = proxy.written()
    // The bodies are there, and the paths of what was asked for are not.
    expect(written.length).toBeGreaterThan(4000)
    expect(written.includes('/sealed')).toBe(true)
    for (const word of [canary, 'Ada', '/hello'])
      for (const form of [word, Buffer.from(word).toString('base64').slice(0, -4)])
        if (form.length > 3) expect([form, written.includes(form)]).toEqual([form, false])
  })

  test('a proxy that sends a request again because a replica died in its answer does not have it done twice', async () => {
    const { at, proxy } = await proxied('proxy_next_upstream error timeout non_idempotent;')
    for (const form of ['whole', 'chunked']) {
      const before = done
      isToDie = true
      const again =
        form === 'whole'
          ? await post(
              proxy.url,
              (await seal((await configsOf(at.keys))[0], { method: 'POST', path: '/do' })).message,
            )
          : await postInChunks(
              proxy,
              (await sealInChunks(at, '/do', utf8Of('{}'), [['content-type', 'application/json']]))
                .message,
            )
      expect([form, await refusalOf(again)]).toEqual([form, [409, 'replayed']])
      expect([form, done]).toEqual([form, before + 1])
    }
  })
})
