/**
 * What carries sealed messages. It sees ciphertext only.
 *
 * @module
 */

import type { ByteSource } from './byte-source.ts'
import { streamOf } from './byte-source.ts'

/** A sealed message on its way to a peer's `/sealed`. */
export interface SealedMessage {
  readonly mediaType: string
  /** Whole where it is short, else as it is sealed. */
  readonly body: Uint8Array | AsyncIterable<Uint8Array>
  /** Bytes of the body, where that is known. */
  readonly length: number | undefined
}

export interface CarryOptions {
  readonly signal?: AbortSignal
  /** Is told how much of the sealed message has been taken, and how much there is where that is known. */
  readonly onUploadProgress?: (sentBytes: number, totalBytes: number | undefined) => void
}

/** Carries a sealed message and brings back what came, as it comes. */
export type SealedTransport = (
  message: SealedMessage,
  options: CarryOptions,
) => Promise<{
  readonly status: number
  readonly contentType: string
  readonly body: ByteSource
}>

/**
 * Carries by `fetch`.
 *
 * @param send - the engine's `fetch`, or another.
 * @param options - `streams` says whether long bodies are sent as they are sealed; where they cannot be, the sealed message
 *   is gathered in a Blob first. Unless said, it is found out: among browsers only Chromium can, and over HTTP/2 and later only.
 */
export function fetchTransport(
  send: (url: string, init?: RequestInit) => Promise<Response>,
  url: string,
  options: { readonly streams?: boolean } = {},
): SealedTransport {
  return async ({ mediaType, body, length }, { onUploadProgress, signal }) => {
    const isWhole = body instanceof Uint8Array
    const streams = options.streams ?? canStream(url)
    const taken = isWhole ? body : streamOf(counted(body, length, onUploadProgress))
    const sent = isWhole || streams ? taken : await new Response(taken as BodyInit).blob()
    if (isWhole) onUploadProgress?.(0, body.length)
    const response = await send(url, {
      method: 'POST',
      headers: { 'content-type': mediaType, incremental: '?1' },
      body: sent as BodyInit,
      cache: 'no-store',
      credentials: 'omit',
      redirect: 'error',
      referrerPolicy: 'no-referrer',
      ...(isWhole || !streams ? {} : { duplex: 'half' }),
      ...(signal === undefined ? {} : { signal }),
    })
    if (isWhole) onUploadProgress?.(body.length, body.length)
    return {
      status: response.status,
      contentType: response.headers.get('content-type') ?? '',
      body: response.body ?? new Uint8Array(),
    }
  }
}

async function* counted(
  body: AsyncIterable<Uint8Array>,
  total: number | undefined,
  onUploadProgress: CarryOptions['onUploadProgress'],
): AsyncGenerator<Uint8Array> {
  let sent = 0
  onUploadProgress?.(sent, total)
  for await (const piece of body) {
    yield piece
    sent += piece.length
    onUploadProgress?.(sent, total)
  }
}

function canStream(url: string): boolean {
  const { location } = globalThis as { readonly location?: Location }
  const isPage = location !== undefined
  return canStreamRequests() && (!isPage || isNewer(new URL(url, location.href).origin))
}

/** Whether a page has met an origin over HTTP/2 or later. */
function isNewer(origin: string): boolean {
  const met = performance.getEntriesByType('resource') as unknown as PerformanceResourceTiming[]
  return met.some(
    ({ name, nextHopProtocol }) => name.startsWith(`${origin}/`) && /^h[23]/.test(nextHopProtocol),
  )
}

/** An engine that knows streams asks how they are sent; others make text of them. */
function canStreamRequests(): boolean {
  let wasAsked = false
  const request = new Request('https://platform.invalid', {
    method: 'POST',
    body: new ReadableStream(),
    get duplex() {
      wasAsked = true
      return 'half'
    },
  } as RequestInit)
  return wasAsked && !request.headers.has('content-type')
}
