import { connect } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { createLogger, createMetrics } from '../telemetry/index.ts'
import type { ServerLimits } from './limits.ts'
import { createServer, type Server } from './server.ts'

const canary = 'CANARY-Mustermann'
let lines: string[] = []
let servers: Server[] = []

afterEach(async () => {
  await Promise.all(servers.map((server) => server.close()))
  lines = []
  servers = []
})

async function started(
  options: { limits?: Partial<ServerLimits>; healthy?: () => boolean } = {},
): Promise<{ server: Server; url: string; port: number }> {
  const logger = createLogger('test', { level: 'debug', write: (line) => lines.push(line) })
  const metrics = createMetrics('test')
  const server = createServer({ name: 'test', logger, metrics, ...options })
  server.app.get('/metrics', async (_request, reply) =>
    reply.type(metrics.contentType).send(await metrics.text()),
  )
  server.app.post('/echo', async (request) => request.body)
  server.app.get<{ Params: { id: string } }>('/patient/:id', async ({ params }) => params)
  server.app.get('/throw', async () => {
    throw new TypeError(canary)
  })
  server.app.get('/slow', async () => {
    await new Promise((resolve) => setTimeout(resolve, 300))
    return { done: true }
  })
  server.app.get('/never', () => new Promise(() => {}))
  servers.push(server)
  const { port } = await server.listen()
  return { server, port, url: `http://127.0.0.1:${port}` }
}

const post = (url: string, body: string, type = 'application/json'): Promise<Response> =>
  fetch(url, { method: 'POST', body, headers: { 'content-type': type } })

async function problemIn(response: Response): Promise<unknown> {
  expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8')
  const body = await response.json()
  expect(JSON.stringify(body)).not.toContain(canary)
  return { status: response.status, type: body.type }
}

test('health is told, and that there is none', async () => {
  let isHealthy = true
  const { url } = await started({ healthy: () => isHealthy })
  expect((await fetch(`${url}/healthz`)).status).toBe(200)
  isHealthy = false
  expect((await fetch(`${url}/healthz`)).status).toBe(503)
})

test('refusals are problems with a code, and repeat nothing of the request', async () => {
  const { url } = await started({ limits: { bodyBytesMax: 100 } })
  const problem = (code: string, status: number): object => ({
    status,
    type: `urn:sealward:problem:${code}`,
  })
  const refused = async (response: Promise<Response>): Promise<unknown> => problemIn(await response)
  expect(await refused(fetch(`${url}/${canary}`))).toEqual(problem('not-found', 404))
  expect(await refused(fetch(`${url}/%E0%A4%A/${canary}`))).toEqual(problem('malformed', 400))
  expect(await refused(post(`${url}/echo`, `{"${canary}"`))).toEqual(problem('malformed', 400))
  expect(await refused(post(`${url}/echo`, canary, 'text/csv'))).toEqual(
    problem('media-type-unsupported', 415),
  )
  expect(await refused(post(`${url}/echo`, `"${canary.repeat(10)}"`))).toEqual(
    problem('body-too-large', 413),
  )
  expect(await refused(post(`${url}/echo`, '{"__proto__": {}}'))).toEqual(problem('malformed', 400))
  expect(await refused(fetch(`${url}/throw`))).toEqual(problem('internal', 500))
})

test('a body of exactly the limit is taken, one byte more is not', async () => {
  const { url } = await started({ limits: { bodyBytesMax: 100 } })
  expect((await post(`${url}/echo`, `"${'x'.repeat(98)}"`)).status).toBe(200)
  expect((await post(`${url}/echo`, `"${'x'.repeat(99)}"`)).status).toBe(413)
})

test('neither log nor metrics hold anything of a request', async () => {
  const { url } = await started()
  await fetch(`${url}/patient/${canary}?name=${canary}`, { headers: { 'x-name': canary } })
  await post(`${url}/echo`, `{"name": "${canary}"}`)
  await fetch(`${url}/${canary}`)
  await fetch(`${url}/throw`)
  const metrics = await (await fetch(`${url}/metrics`)).text()
  expect(metrics).toContain('route="/patient/:id"')
  expect(lines.join('\n')).toContain('"route":"/patient/:id"')
  expect(lines.join('\n')).toContain('"errorName":"TypeError"')
  expect(metrics + lines.join('\n')).not.toContain(canary)
})

test('answers are not cached and not sniffed', async () => {
  const { headers } = await fetch(`${(await started()).url}/healthz`)
  expect(headers.get('cache-control')).toBe('no-store')
  expect(headers.get('x-content-type-options')).toBe('nosniff')
})

test('a request that was begun is answered before the server ends', async () => {
  const { url, server } = await started()
  const answer = fetch(`${url}/slow`)
  await new Promise((resolve) => setTimeout(resolve, 100))
  const before = performance.now()
  await server.close()
  expect(await (await answer).json()).toEqual({ done: true })
  // It does not wait for the client, which would keep its connection open.
  expect(performance.now() - before).toBeLessThan(5000)
  await expect(fetch(`${url}/healthz`)).rejects.toThrow()
})

test('a request that never ends is cut off when the time to drain is over', async () => {
  const { url, server } = await started({ limits: { drainSecondsMax: 0.2 } })
  const answer = fetch(`${url}/never`)
  answer.catch(() => {})
  await new Promise((resolve) => setTimeout(resolve, 100))
  await server.close()
  await expect(answer).rejects.toThrow()
})

test('a client that does not finish its headers is cut off', async () => {
  const { port } = await started({ limits: { headersSecondsMax: 0.2 } })
  expect(await sent(port, 'GET /healthz HTTP/1.1\r\nhost: x\r\n')).not.toContain('200 OK')
})

test('a client that does not finish its body is cut off', async () => {
  const { port } = await started({ limits: { headersSecondsMax: 0.2, requestSecondsMax: 0.3 } })
  const head =
    'POST /echo HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 9\r\n\r\n{'
  expect(await sent(port, head)).not.toContain('200 OK')
})

test('headers that are too large are refused', async () => {
  const { port } = await started({ limits: { headerBytesMax: 1024 } })
  const text = await sent(port, `GET /healthz HTTP/1.1\r\nx: ${'y'.repeat(2000)}\r\n\r\n`)
  expect(text).not.toContain('200 OK')
})

/** What comes back until the other side closes. */
function sent(port: number, text: string): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' }, () => socket.write(text))
    let answer = ''
    socket.on('data', (chunk) => {
      answer += chunk
    })
    socket.on('error', () => {})
    socket.on('close', () => resolve(answer))
  })
}
