/**
 * One side of a long request, in a process of its own: `server`, which says over IPC what it offers, or `client`,
 * which is told. Each says by how many MiB it grew.
 */

import { Readable } from 'node:stream'
import { base64UrlOf, bytesOfBase64Url } from '@sealward/attestation/bytes'
import {
  decodeKeyConfigs,
  decodeResponseStream,
  encodeRequestStream,
  openChunkedResponse,
  sealChunkedRequest,
  streamOf,
} from '@sealward/attestation/channel'
import { nodeHpke } from '../cryptography/index.ts'
import { systemRandom as random } from '../effects/index.ts'
import { startReplica } from './sealed-server.fixtures.ts'

export interface Offer {
  readonly url: string
  readonly offered: string
}

export interface Outcome {
  readonly uploaded: number
  readonly downloaded: number
  readonly grownMebibytes: number
}

const mebibyte = 1_048_576
const [role, mebibytes = '1', offer = '{}'] = process.argv.slice(2)

let lowest = Number.POSITIVE_INFINITY
let highest = 0
const watch = (): void => {
  const { rss } = process.memoryUsage()
  lowest = Math.min(lowest, rss)
  highest = Math.max(highest, rss)
}
const grownMebibytes = (): number => Math.round((highest - lowest) / mebibyte)

async function* zeros(count: number): AsyncGenerator<Buffer> {
  const piece = Buffer.alloc(mebibyte)
  for (let index = 0; index < count; index++) yield piece
}

async function serve(): Promise<void> {
  let uploaded = 0
  const at = await startReplica({
    routes(inner) {
      inner.addContentTypeParser('application/octet-stream', (_request, payload, done) =>
        done(null, payload),
      )
      inner.post('/count', async (request) => {
        let bytes = 0
        for await (const piece of request.body as Readable) bytes += piece.length
        uploaded += bytes
        return { bytes }
      })
      inner.get<{ Params: { count: string } }>('/zeros/:count', async ({ params }, reply) =>
        reply
          .type('application/octet-stream')
          .send(Readable.from(zeros(Number(params.count)), { objectMode: false })),
      )
    },
  })
  const offered = await at.keys.offered()
  if (!offered.ok) throw new Error(offered.problem.code)
  process.on('message', (what) => {
    if (what === 'watch') {
      lowest = highest = process.memoryUsage().rss
      uploaded = 0
      setInterval(watch, 50)
    } else process.send?.({ uploaded, downloaded: 0, grownMebibytes: grownMebibytes() })
  })
  process.send?.({ url: at.url, offered: base64UrlOf(offered.value) })
}

async function ask({ url, offered }: Offer): Promise<void> {
  const configs = decodeKeyConfigs(bytesOfBase64Url(offered) ?? new Uint8Array())
  if (!configs.ok) throw new Error(configs.problem.code)
  const [config] = configs.value
  const request = async (path: string, count: number): Promise<AsyncIterable<Uint8Array>> => {
    const head = {
      method: count === 0 ? 'GET' : 'POST',
      scheme: 'https',
      authority: '',
      path,
      headers: [['content-type', 'application/octet-stream'] as const],
    }
    const plain = encodeRequestStream(head, zeros(count))
    const sealed = await sealChunkedRequest({ config, request: plain, random, engine: nodeHpke })
    if (!sealed.ok) throw new Error(sealed.problem.code)
    const answer = await fetch(`${url}/sealed`, {
      method: 'POST',
      headers: { 'content-type': 'message/ohttp-chunked-req' },
      body: streamOf(sealed.value.message),
      duplex: 'half',
    } as RequestInit)
    const message = answer.body ?? new Uint8Array()
    const opened = await openChunkedResponse({ exchange: sealed.value.exchange, message })
    if (!opened.ok) throw new Error(`${answer.status} ${opened.problem.code}`)
    const response = await decodeResponseStream(opened.value)
    if (!response.ok) throw new Error(response.problem.code)
    return response.value.body
  }
  const both = async (count: number): Promise<Omit<Outcome, 'grownMebibytes'>> => {
    const parts: Uint8Array[] = []
    for await (const part of await request('/count', count)) parts.push(part)
    const { bytes } = JSON.parse(Buffer.concat(parts).toString()) as { readonly bytes: number }
    let downloaded = 0
    for await (const part of await request(`/zeros/${count}`, 0)) downloaded += part.length
    return { uploaded: bytes, downloaded }
  }
  await both(32)
  process.send?.('warm')
  await new Promise((resolve) => process.once('message', resolve))
  lowest = highest = process.memoryUsage().rss
  const timer = setInterval(watch, 50)
  const counted = await both(Number(mebibytes))
  clearInterval(timer)
  process.send?.({ ...counted, grownMebibytes: grownMebibytes() })
  process.disconnect?.()
}

if (role === 'server') await serve()
else await ask(JSON.parse(offer) as Offer)
