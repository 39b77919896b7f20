import { randomBytes } from 'node:crypto'
import { createServer, type IncomingMessage } from 'node:http'
import type { Result } from '@sealward/attestation/bytes'
import {
  createReplayWindow,
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
  generateKeyConfig,
  type OhttpKey,
  openRequest,
  openResponse,
  sealRequest,
  sealResponse,
} from '@sealward/attestation/channel'
import { systemRandom } from '@sealward/enclave/effects'
import { quantiles } from './figures.ts'

/** Milliseconds for a body there and back over loopback, sealed and plain, both ends in this process. */
export interface RoundTrip {
  readonly bytes: number
  readonly sealed: { readonly p50: number; readonly p99: number }
  readonly plainFetch: { readonly p50: number; readonly p99: number }
}

/** Measures 1 kB and 1 MB: the same echo, once sealed and once with plain `fetch`, turn by turn. */
export async function measureSealedHttp(): Promise<readonly RoundTrip[]> {
  const key = await generateKeyConfig({ keyId: 1, random: systemRandom })
  const server = createServer((request, response) => {
    echo(request, key).then(
      (body) => response.end(body),
      () => response.writeHead(500).end(),
    )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const url = `http://127.0.0.1:${address.port}`
  const trips: RoundTrip[] = []
  for (const [bytes, runs] of [
    [1000, 400],
    [1_000_000, 100],
  ] as const) {
    trips.push(await measure(url, key, bytes, runs))
  }
  server.closeAllConnections()
  await new Promise((resolve) => server.close(resolve))
  return trips
}

async function measure(
  url: string,
  key: OhttpKey,
  bytes: number,
  runs: number,
): Promise<RoundTrip> {
  const body = new Uint8Array(randomBytes(bytes))
  const times: { readonly sealed: number[]; readonly plain: number[] } = { sealed: [], plain: [] }
  for (let run = -20; run < runs; run++) {
    const sealed = await timed(() => sealedEcho(url, key, body))
    const plain = await timed(() => post(`${url}/plain`, body))
    if (run < 0) continue
    times.sealed.push(sealed)
    times.plain.push(plain)
  }
  return { bytes, sealed: quantiles(times.sealed), plainFetch: quantiles(times.plain) }
}

async function sealedEcho(url: string, key: OhttpKey, body: Uint8Array): Promise<Uint8Array> {
  const request = encodeRequest({
    method: 'POST',
    scheme: 'https',
    authority: '',
    path: '/echo',
    headers: [],
    body,
  })
  const { message, exchange } = accepted(
    await sealRequest({ config: key.config, request, random: systemRandom }),
  )
  const answer = await post(`${url}/sealed`, message)
  return accepted(decodeResponse(accepted(await openResponse({ exchange, message: answer })))).body
}

const replay = createReplayWindow({ entriesMax: 100_000 })

async function echo(incoming: IncomingMessage, key: OhttpKey): Promise<Uint8Array> {
  const chunks: Buffer[] = []
  for await (const chunk of incoming) chunks.push(chunk as Buffer)
  const message = new Uint8Array(Buffer.concat(chunks))
  if (incoming.url === '/plain') return message
  const { request, exchange } = accepted(await openRequest({ keys: [key], message, replay }))
  const { body } = accepted(decodeRequest(request))
  return sealResponse({
    exchange,
    response: encodeResponse({ status: 200, headers: [], body }),
    random: systemRandom,
  })
}

async function post(url: string, body: Uint8Array): Promise<Uint8Array> {
  const response = await fetch(url, { method: 'POST', body: body as Uint8Array<ArrayBuffer> })
  return new Uint8Array(await response.arrayBuffer())
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const started = performance.now()
  await work()
  return performance.now() - started
}

function accepted<T>(result: Result<T>): T {
  if (result.ok) return result.value
  throw new Error(result.problem.code)
}
