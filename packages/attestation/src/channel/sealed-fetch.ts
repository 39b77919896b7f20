/**
 * `fetch`, sealed to a verified peer, and to nobody else.
 *
 * @see docs/spec/sealed-http.md
 * @module
 */

import { joined, ok, type Problem, type Result, type UnixSeconds } from '../bytes/index.ts'
import {
  type BinaryResponse,
  decodeResponse,
  decodeResponseStream,
  encodeRequest,
  encodeRequestStream,
  type InformationalResponse,
  type RequestHead,
  type ResponseHead,
  requestBytesOf,
  type Streamed,
} from './bhttp.ts'
import { type ByteSource, piecesOf, streamOf } from './byte-source.ts'
import { ChannelError } from './channel-error.ts'
import {
  chunkedRequestMediaType,
  chunkedResponseMediaType,
  openChunkedResponse,
  sealChunkedRequest,
  sealedLengthOf,
  sealShortRequest,
} from './chunked-ohttp.ts'
import type { OhttpProblem, SealedExchange, SenderInput } from './encapsulation.ts'
import { giveBack } from './give-back.ts'
import type { HpkeEngine } from './hpke-engine.ts'
import { isKeyShared } from './is-key-shared.ts'
import { channelLimits } from './limits.ts'
import { isSealed, outerProblemBytesMax, outerProblemOf } from './outer-answer.ts'
import type { VerifiedPeer } from './peer.ts'
import type { Random } from './random.ts'
import { type OpenBody, type RequestBody, requestBodyOf, type SealedBody } from './request-body.ts'
import { sealToFirst } from './seal-to-first.ts'
import type { SealedTransport } from './transport.ts'
import { isVerifiedPeer } from './verify-peer.ts'
import { webHpke } from './web-hpke.ts'

/** What a sealed `fetch` is made of. */
export interface SealedFetchOptions {
  /** Where the peer is reached, `https://platform.example`. Requests for anywhere else are refused. */
  readonly origin: string
  /**
   * Verifies who the peer is, now. It is asked before the first request, when what it said has lapsed, and when a
   * key of the peer's is said to be stale.
   */
  readonly verify: () => Promise<Result<VerifiedPeer, Problem>>
  readonly transport: SealedTransport
  /** For ephemeral keys. */
  readonly random: Random
  /** Computes HPKE; Web Crypto does, unless said. */
  readonly engine?: HpkeEngine
  readonly now: () => UnixSeconds
}

/** As `fetch` takes it. Modes, credentials, caches and redirects mean nothing inside of the seal. */
export interface SealedRequestInit extends Omit<RequestInit, 'body'> {
  /** What `fetch` takes, or any other source of bytes. */
  readonly body?: SealedBody | null
  /** Is told how much of the sealed request has been taken by the transport, and how much there is where known. */
  readonly onUploadProgress?: (sentBytes: number, totalBytes: number | undefined) => void
  /** Is given each informational response (1xx) as it comes. */
  readonly onInformational?: (response: InformationalResponse) => void
}

/** `fetch` to one verified peer. */
export interface SealedFetch {
  /**
   * Sends a request sealed to the peer, and resolves with its answer, whatever its status, as soon as its head is
   * there. The body is opened as it is read. When the peer has new keys, it is verified anew, and the request is sent
   * again if it may come twice: by its method, or by an `idempotency-key`.
   *
   * Rejects, and its body fails, with a {@link ChannelError}, or with the signal's reason when that is aborted;
   * it rejects with {@link NotVerifiedError} when there is no verified peer to send to, and with `TypeError` for
   * arguments that no request can be made of. It follows no redirect. Nothing is ever sent in clear.
   */
  (input: RequestInfo | URL, init?: SealedRequestInit): Promise<Response>
  /** The peer that the next request is sealed to; verifies it where that is due. */
  peer(): Promise<VerifiedPeer>
}

/** Leaves a sealed `fetch` when the peer could not be verified. Nothing was sent. */
export class NotVerifiedError extends Error {
  readonly problem: Problem
  constructor(problem: Problem) {
    super(problem.detail)
    this.name = 'NotVerifiedError'
    this.problem = problem
  }
}

/** Makes a `fetch` that is sealed to whom `verify` verifies. */
export function createSealedFetch(options: SealedFetchOptions): SealedFetch {
  const { origin } = new URL(options.origin)
  const peers = createPeers(options)
  const sealedFetch = async (
    input: RequestInfo | URL,
    init: SealedRequestInit = {},
  ): Promise<Response> => {
    const request = await requestOf(input, init, origin)
    request.signal?.throwIfAborted()
    const peer = await peers.current()
    try {
      return await exchange(options, peer, request)
    } catch (error) {
      if (!(error instanceof ChannelError) || error.problem.code !== 'stale-key') throw error
      // That comes unsealed, so it is anybody's word. Who the peer is now says whether it is so.
      const fresh = await peers.after(peer)
      if (isKeyShared(peer, fresh)) throw error
      // It may have arrived nevertheless, and its answer been held back until the keys were replaced.
      if (!isDoneOnce(request.head, request.headers))
        throw new ChannelError(notTwice, { cause: error })
      if (!request.body.canBeSentAgain) throw new ChannelError(notAgain, { cause: error })
      return await exchange(options, fresh, request)
    }
  }
  return Object.assign(sealedFetch, { peer: () => peers.current() })
}

/** Whether a request that comes twice does what it would do once: by its method, or by its key. RFC 9110, section 9.2.2. */
function isDoneOnce({ method }: RequestHead, headers: Headers): boolean {
  return idempotentMethods.includes(method) || headers.has('idempotency-key')
}

const idempotentMethods: readonly string[] = ['GET', 'HEAD', 'OPTIONS', 'PUT', 'DELETE']

const notTwice = {
  code: 'stale-key',
  at: 'idempotency-key',
  detail:
    'the peer has new keys; the request may have been done, so it is not sent again without an idempotency key',
} as const

const notAgain = {
  code: 'stale-key',
  at: 'body',
  detail: 'the peer has new keys, and this body cannot be read a second time',
} as const

interface Peers {
  /** A peer whose verification has not lapsed. */
  current(): Promise<VerifiedPeer>
  /** One that was verified after `stale` was. */
  after(stale: VerifiedPeer): Promise<VerifiedPeer>
}

/** One verification at a time: whoever asks meanwhile waits for the same. */
function createPeers({ verify, now }: Pick<SealedFetchOptions, 'verify' | 'now'>): Peers {
  let peer: VerifiedPeer | undefined
  let running: Promise<VerifiedPeer> | undefined
  const verifyOnce = (): Promise<VerifiedPeer> => {
    running ??= verifyNow().finally(() => {
      running = undefined
    })
    return running
  }
  const verifyNow = async (): Promise<VerifiedPeer> => {
    peer = undefined
    const verified = await verify()
    if (!verified.ok) throw new NotVerifiedError(verified.problem)
    if (!isVerifiedPeer(verified.value)) throw new TypeError('not a peer that was verified')
    peer = verified.value
    return peer
  }
  const hasLapsed = ({ token, evidence }: VerifiedPeer): boolean =>
    now() >= Math.min(token.expiresAt, evidence.earliestExpiry)
  return {
    async current() {
      if (running !== undefined) return running
      return peer === undefined || hasLapsed(peer) ? verifyOnce() : peer
    },
    async after(stale) {
      if (running !== undefined) return running
      return peer === undefined || peer === stale ? verifyOnce() : peer
    },
  }
}

interface SealedRequest {
  readonly head: RequestHead
  readonly headers: Headers
  readonly body: RequestBody
  readonly signal: AbortSignal | undefined
  readonly onUploadProgress: SealedRequestInit['onUploadProgress']
  readonly onInformational: SealedRequestInit['onInformational']
}

async function requestOf(
  input: RequestInfo | URL,
  init: SealedRequestInit,
  origin: string,
): Promise<SealedRequest> {
  const given = typeof input === 'string' || input instanceof URL ? undefined : input
  const url = new URL(given?.url ?? `${input as string | URL}`, origin)
  if (url.origin !== origin) {
    throw new ChannelError({
      code: 'other-origin',
      at: url.origin,
      detail: `this fetch is sealed to ${origin}; nothing was sent`,
    })
  }
  const method = methodOf(init.method ?? given?.method ?? 'GET')
  const headers = new Headers(init.headers ?? given?.headers)
  const body = init.body === undefined ? await bodyIn(given) : init.body
  if (body !== null && body !== undefined && (method === 'GET' || method === 'HEAD')) {
    throw new TypeError(`a ${method} request has no body`)
  }
  return {
    head: {
      method,
      scheme: 'https',
      // The peer is named by its evidence, not by a host.
      authority: '',
      path: url.pathname + url.search,
      headers: [...headers],
    },
    headers,
    body: requestBodyOf(body),
    signal: init.signal ?? given?.signal ?? undefined,
    onUploadProgress: init.onUploadProgress,
    onInformational: init.onInformational,
  }
}

/** Not every browser gives the body of a request as a stream. */
async function bodyIn(request: Request | undefined): Promise<SealedBody | null> {
  if (request?.bodyUsed === true) throw new TypeError('the body of this request was read already')
  if (request === undefined || request.body === null) return null
  if (request.body !== undefined) return request.body
  const blob = await request.blob()
  return blob.size === 0 ? null : blob
}

/** As `fetch` has it: these are written in upper case, others as they are. */
function methodOf(method: string): string {
  return /^(delete|get|head|options|post|put)$/i.test(method) ? method.toUpperCase() : method
}

async function exchange(
  { transport, random, engine = webHpke }: SealedFetchOptions,
  peer: VerifiedPeer,
  request: SealedRequest,
): Promise<Response> {
  const { signal, onUploadProgress, onInformational } = request
  const content = guarded(request.body.open())
  const encoded = await encode(request, content)
  const sealed = await sealToFirst(peer.keyConfigs, (config) =>
    seal({ config, random, engine }, encoded),
  )
  if (encoded.plain instanceof Uint8Array) giveBack(encoded.plain)
  const carried = transport(
    { mediaType: chunkedRequestMediaType, body: sealed.message, length: sealed.length },
    {
      ...(signal === undefined ? {} : { signal }),
      ...(onUploadProgress === undefined ? {} : { onUploadProgress }),
    },
  )
  const answer = await carried.catch((cause: unknown) => {
    content.rethrow()
    throw brokenOff(cause, signal, 'nothing came back')
  })
  const body = arriving(answer.body, signal)
  if (!isSealed(answer, chunkedResponseMediaType)) {
    throw new ChannelError(outerProblemOf({ ...answer, body: await beginningOf(body) }))
  }
  const opened = await openChunkedResponse({ exchange: sealed.exchange, message: body })
  if (!opened.ok) throw new ChannelError(opened.problem)
  const informed = onInformational === undefined ? {} : { onInformational }
  const { whole } = opened.value
  const response =
    whole === undefined
      ? await decodeResponseStream(opened.value, informed)
      : decodeResponse(whole, informed)
  if (!response.ok) throw new ChannelError(response.problem)
  const answered = await responseOf(response.value, request.head.method)
  // A response has a copy of its own.
  if (whole !== undefined) giveBack(whole)
  return answered
}

interface Content extends OpenBody {
  /** Throws what reading the content failed with, if it did: it is the caller's own error. */
  rethrow(): void
}

function guarded(body: OpenBody): Content {
  if (body.source instanceof Uint8Array) return { ...body, rethrow() {} }
  let failure: { readonly error: unknown } | undefined
  async function* source(): AsyncGenerator<Uint8Array> {
    try {
      yield* piecesOf(body.source)
    } catch (error) {
      failure = { error }
      throw error
    }
  }
  return {
    ...body,
    source: source(),
    rethrow() {
      if (failure !== undefined) throw failure.error
    },
  }
}

/** A request in binary HTTP; one of a single chunk as bytes. */
interface Encoded {
  readonly plain: Uint8Array | AsyncIterable<Uint8Array>
  readonly length: number | undefined
}

/** A short request is made as a whole, a longer one as it is read. */
async function encode(
  { head: given, headers }: SealedRequest,
  { source, length, contentType }: OpenBody,
): Promise<Encoded> {
  const head =
    headers.has('content-type') || contentType === undefined
      ? given
      : { ...given, headers: [...given.headers, ['content-type', contentType] as const] }
  if (length === undefined) return { plain: encodeRequestStream(head, source), length }
  const bytes = requestBytesOf(head, length)
  if (bytes < channelLimits.chunkBytesMax) {
    const body = source instanceof Uint8Array ? source : await gathered(piecesOf(source))
    const plain = encodeRequest({ ...head, body })
    return { plain, length: plain.length }
  }
  const plain = encodeRequestStream(head, source, { contentLength: length })
  return { plain, length: bytes }
}

async function seal(
  sender: SenderInput,
  { plain, length }: Encoded,
): Promise<
  Result<
    {
      readonly message: Uint8Array | AsyncIterable<Uint8Array>
      readonly length: number | undefined
      readonly exchange: SealedExchange<'chunked'>
    },
    OhttpProblem
  >
> {
  if (plain instanceof Uint8Array) {
    const short = await sealShortRequest({ ...sender, request: plain })
    return short.ok ? ok({ ...short.value, length: short.value.message.length }) : short
  }
  const long = await sealChunkedRequest({ ...sender, request: plain })
  if (!long.ok) return long
  const sealedLength = length === undefined ? undefined : sealedLengthOf(sender.config, length)
  return ok({ ...long.value, length: sealedLength })
}

/** The answer as it comes; a connection that breaks is told as what it is. */
async function* arriving(
  body: ByteSource,
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array> {
  const pieces = piecesOf(body)
  try {
    for (;;) {
      const { done, value } = await pieces.next().catch((cause: unknown) => {
        throw brokenOff(cause, signal, 'the answer broke off')
      })
      signal?.throwIfAborted()
      if (done === true) return
      yield value
    }
  } finally {
    await pieces.return()
  }
}

function brokenOff(cause: unknown, signal: AbortSignal | undefined, detail: string): unknown {
  if (signal?.aborted === true) return signal.reason
  return new ChannelError({ code: 'unavailable', at: 'transport', detail }, { cause })
}

async function gathered(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for await (const piece of source) pieces.push(piece)
  return joined(pieces)
}

async function beginningOf(body: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  let length = 0
  for await (const piece of body) {
    pieces.push(piece)
    length += piece.length
    if (length > outerProblemBytesMax) break
  }
  return joined(pieces)
}

const nullBodyStatuses: readonly number[] = [204, 205, 304]

async function responseOf(
  { status, headers, body }: BinaryResponse | Streamed<ResponseHead>,
  method: string,
): Promise<Response> {
  const init = { status, headers: new Headers(headers.map(([name, value]) => [name, value])) }
  if (method !== 'HEAD' && !nullBodyStatuses.includes(status)) {
    const content = body instanceof Uint8Array ? (body as Uint8Array<ArrayBuffer>) : streamOf(body)
    return new Response(content, init)
  }
  // It has no content to read, so that it came whole is found out here.
  if (!(body instanceof Uint8Array)) for await (const _ of body);
  return new Response(null, init)
}
