import {
  decodeResponseStream,
  encodeRequestStream,
  type Field,
  openChunkedResponse,
  type ResponseHead,
  type Streamed,
  sealChunkedRequest,
  streamOf,
} from '@sealward/attestation/channel'
import { systemRandom as random } from '../effects/index.ts'
import { configsOf, type Replica } from './sealed-server.fixtures.ts'

export interface Asked {
  /** What is sent, piece by piece. */
  readonly message: AsyncIterable<Uint8Array>
  open(answer: Response): Promise<Streamed<ResponseHead>>
}

export async function sealInChunks(
  at: Replica,
  path: string,
  body?: AsyncIterable<Uint8Array> | Uint8Array,
  headers: readonly Field[] = [['content-type', 'application/octet-stream']],
  method: string = body === undefined ? 'GET' : 'POST',
): Promise<Asked> {
  const [config] = await configsOf(at.keys)
  if (config === undefined) throw new Error('no key to seal to')
  const head = { method, scheme: 'https', authority: '', path, headers }
  const request = encodeRequestStream(head, body ?? new Uint8Array())
  const sealed = await sealChunkedRequest({ config, request, random, chunkBytes: 65_536 })
  if (!sealed.ok) throw new Error(sealed.problem.code)
  const { exchange, message } = sealed.value
  return {
    message,
    async open(answer) {
      const type = answer.headers.get('content-type')
      if (answer.status !== 200 || type !== 'message/ohttp-chunked-res') {
        throw new Error(`${answer.status} ${type} ${await answer.text()}`)
      }
      const opened = await openChunkedResponse({
        exchange,
        message: answer.body ?? new Uint8Array(),
      })
      if (!opened.ok) throw new Error(opened.problem.code)
      const response = await decodeResponseStream(opened.value)
      if (!response.ok) throw new Error(response.problem.code)
      return response.value
    },
  }
}

export function postInChunks(
  at: { readonly url: string },
  message: AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<Response> {
  return fetch(`${at.url}/sealed`, {
    method: 'POST',
    headers: { 'content-type': 'message/ohttp-chunked-req' },
    body: streamOf(message),
    duplex: 'half',
    ...(signal && { signal }),
  } as RequestInit)
}

/** As a client sends what is short: all of it, with its length. */
export async function postWhole(
  at: { readonly url: string },
  message: AsyncIterable<Uint8Array>,
  signal?: AbortSignal,
): Promise<Response> {
  const parts: Uint8Array[] = []
  for await (const part of message) parts.push(part)
  return fetch(`${at.url}/sealed`, {
    method: 'POST',
    headers: { 'content-type': 'message/ohttp-chunked-req' },
    body: Buffer.concat(parts),
    ...(signal && { signal }),
  })
}

export async function textOf(body: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const part of body) parts.push(part)
  return Buffer.concat(parts).toString()
}
