import type { IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import {
  base64UrlOf,
  bytesOfBase64Url,
  jsonOf,
  type Problem,
  type Result,
} from '@sealward/attestation/bytes'
import {
  type BinaryRequest,
  ChannelError,
  channelLimits,
  chunkedRequestMediaType,
  chunkedResponseMediaType,
  decodeRequest,
  decodeRequestStream,
  encodeResponse,
  encodeResponseStream,
  giveBack,
  type RequestHead,
  requestMediaType,
  responseMediaType,
  type Streamed,
  sealChunkedResponse,
  sealResponse,
  sealShortResponse,
} from '@sealward/attestation/channel'
import type { EvidenceDocument } from '@sealward/attestation/evidence'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Random } from '../effects/index.ts'
import { answerInside, refusalInside, refusedInside } from './answer-inside.ts'
import { arrived, arriving, leaving } from './arriving.ts'
import { askInside } from './ask-inside.ts'
import { bodyWithin, createBudget, gathered, overloaded } from './body.ts'
import type { ChannelKeys } from './channel-keys.ts'
import {
  evidenceRequestBytesMax,
  lingerSecondsMax,
  type SealedHttpLimits,
  sealedHttpLimits,
  shortBytesMax,
} from './limits.ts'
import { type SealedHttpCode, type SealedHttpProblem, sendRefusal } from './problems.ts'

/** Evidence about this process for whoever sent `nonce`. */
export type GiveEvidence = (
  nonce: Uint8Array,
  extras: { readonly ohttp: string },
) => Promise<Result<EvidenceDocument, Problem>>

export interface SealedRoutesOptions {
  /** Ordinary routes, which listen nowhere: they get what was opened, and nothing else. */
  readonly inner: FastifyInstance
  readonly keys: ChannelKeys
  readonly evidence: GiveEvidence
  readonly random: Random
  readonly limits?: Partial<SealedHttpLimits>
}

/**
 * Adds `POST /evidence` and `POST /sealed` to a server. All else that it can do is inside the second.
 *
 * @see RFC 9458, section 4; RFC 9292; docs/spec/sealed-http.md
 */
export function addSealedRoutes(server: FastifyInstance, options: SealedRoutesOptions): void {
  const { inner, keys, random } = options
  const limits = { ...sealedHttpLimits, ...options.limits }
  let [underWay, streams] = [0, 0]
  const held = createBudget(limits.bytesAtOnceMax)

  server.post('/evidence', { bodyLimit: evidenceRequestBytesMax }, async (request, reply) => {
    const nonce = nonceIn(request.body)
    if (nonce === undefined) {
      return refuse(reply, 'malformed', 'nonce', 'A nonce of 32 bytes in base64url is needed.')
    }
    const offered = await keys.offered()
    if (!offered.ok) return sendRefusal(reply, offered.problem)
    const document = await options.evidence(nonce, { ohttp: base64UrlOf(offered.value) })
    if (!document.ok) {
      const { at, detail } = document.problem
      return refuse(reply, 'evidence-unavailable', at, detail)
    }
    return reply
      .code(200)
      .header('content-type', 'application/vnd.sealward.evidence+json')
      .header('cache-control', 'no-store')
      .send(JSON.stringify(document.value))
  })

  // In a scope of its own, so that no other route takes bodies of this size, or as they come.
  void server.register(async (scope) => {
    scope.addContentTypeParser(requestMediaType, (_request: FastifyRequest, payload: Readable) =>
      received(payload),
    )
    scope.addContentTypeParser(chunkedRequestMediaType, (_request, payload, done) =>
      done(null, payload),
    )
    scope.post('/sealed', { config: { streams: true } }, async (request, reply) => {
      const { body, raw } = request
      if (body === raw) return answerStream(raw, reply)
      if (body instanceof Received) return answerWhole(body, reply)
      const types = `${requestMediaType} or ${chunkedRequestMediaType}`
      return refuse(reply, 'unsupported-media-type', 'content-type', `Send ${types}.`)
    })
  })

  async function received(payload: Readable): Promise<Received> {
    const late = setTimeout(() => payload.destroy(), limits.requestSecondsMax * 1000)
    try {
      return new Received(await bodyWithin(held, arriving(payload, limits), limits.requestBytesMax))
    } catch (error) {
      if (error instanceof ChannelError) return new Received(error.problem)
      throw error
    } finally {
      clearTimeout(late)
    }
  }

  async function answerWhole({ body }: Received, reply: FastifyReply): Promise<FastifyReply> {
    // What is still on its way is not waited for.
    if (body === overloaded) return sendRefusal(reply.header('connection', 'close'), tryAgain)
    if (!(body instanceof Uint8Array)) {
      return sendRefusal(reply.header('connection', 'close'), publicProblem(body))
    }
    try {
      if (underWay >= limits.requestsAtOnceMax) return sendRefusal(reply, tryAgain)
      underWay += 1
      try {
        return await answerSealed(body, reply)
      } finally {
        underWay -= 1
      }
    } finally {
      held.give(body.length)
    }
  }

  async function answerSealed(message: Uint8Array, reply: FastifyReply): Promise<FastifyReply> {
    const opened = await keys.open(message)
    if (!opened.ok) return sendRefusal(reply, publicProblem(opened.problem))
    const { exchange, request } = opened.value
    const decoded = decodeRequest(request)
    const answer = decoded.ok
      ? (refusalInside(inner, decoded.value, limits) ??
        (await answerInside(inner, decoded.value, endOf(reply).signal)))
      : refusedInside(400, { ...decoded.problem, code: 'malformed' })
    const response = encodeResponse(answer)
    return sealedReply(reply, responseMediaType).send(
      bufferOf(await sealResponse({ exchange, response, random })),
    )
  }

  async function answerStream(
    message: IncomingMessage,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const lingerMs = Math.min(lingerSecondsMax, limits.idleSecondsMax) * 1000
    reply.raw.once('close', () => throwAwayTheRest(message, lingerMs))
    if (streams >= limits.streamsAtOnceMax) return sendRefusal(reply, tryAgain)
    streams += 1
    const ended = endOf(reply)
    const tooLong = setTimeout(() => ended.abort(over), limits.streamSecondsMax * 1000)
    reply.raw.once('close', () => {
      streams -= 1
      clearTimeout(tooLong)
    })
    try {
      return await answerOpened(message, reply, ended.signal)
    } catch (error) {
      // The request broke off, or a part of it does not open.
      if (error instanceof ChannelError) return sendRefusal(reply, brokenOff(error.problem))
      if (ended.signal.aborted) return sendRefusal(reply, tooSlow)
      throw error
    }
  }

  async function answerOpened(
    message: IncomingMessage,
    reply: FastifyReply,
    ended: AbortSignal,
  ): Promise<FastifyReply> {
    const bytesMax = limits.streamBytesMax
    const isShort = Number(message.headers['content-length']) <= shortBytesMax
    const source = isShort
      ? await arrived(message, Math.min(shortBytesMax, bytesMax), limits)
      : arriving(message, limits)
    const opened = await keys.openChunked(source, { bytesMax })
    if (!opened.ok) return sendRefusal(reply, publicProblem(opened.problem))
    const { exchange, request } = opened.value
    const decoded = isShort
      ? decodeRequest(request.whole ?? (await gathered(request)))
      : await decodeRequestStream(request, { contentBytesMax: bytesMax })
    // All of it has been opened.
    if (source instanceof Uint8Array) giveBack(source)
    if (!decoded.ok && !decoded.problem.code.startsWith('bhttp-')) {
      return sendRefusal(reply, brokenOff(decoded.problem))
    }
    const response = decoded.ok
      ? await responseTo(decoded.value, ended)
      : encodeResponse(refusedInside(400, { ...decoded.problem, code: 'malformed' }))
    sealedReply(reply, chunkedResponseMediaType)
    if (response instanceof Uint8Array && response.length <= channelLimits.chunkBytesMax) {
      const sealed = await sealShortResponse({ exchange, response, random })
      giveBack(response)
      return sendShort(sealed, reply)
    }
    const sealed = await sealChunkedResponse({ exchange, response, random })
    const taken = leaving(sealed, limits.idleSecondsMax, () => reply.raw.destroy())
    return (
      reply
        .header('incremental', '?1')
        // What nginx is told the same by.
        .header('x-accel-buffering', 'no')
        .send(Readable.from(taken, { objectMode: false, highWaterMark: 65_536 }))
    )
  }

  function sendShort(sealed: Uint8Array, reply: FastifyReply): FastifyReply {
    const patience = limits.idleSecondsMax + sealed.length / limits.bytesPerSecondMin
    const stalled = setTimeout(() => reply.raw.destroy(), patience * 1000)
    reply.raw.once('close', () => clearTimeout(stalled))
    return reply.send(bufferOf(sealed))
  }

  async function responseTo(
    request: BinaryRequest | Streamed<RequestHead>,
    ended: AbortSignal,
  ): Promise<Uint8Array | AsyncIterable<Uint8Array>> {
    const refusal = refusalInside(inner, request, limits)
    if (refusal !== undefined) return encodeResponse(refusal)
    const { head, body, contentLength } = await askInside(inner, request, request.body, ended)
    if (body instanceof Uint8Array) return encodeResponse({ ...head, body })
    return encodeResponseStream(head, body, contentLength === undefined ? {} : { contentLength })
  }
}

/** What ends a request with its connection: an error of each request's own would have to be made for all of them. */
const over = new Error('the connection is closed')

/** Aborts when the answer's connection is closed before the answer has gone out. */
function endOf(reply: FastifyReply): AbortController {
  const ended = new AbortController()
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) ended.abort(over)
  })
  return ended
}

function bufferOf({ buffer, byteOffset, length }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, length)
}

/** A body that was taken as a whole, or why it was not. */
class Received {
  readonly body: Uint8Array | typeof overloaded | Problem
  constructor(body: Received['body']) {
    this.body = body
  }
}

function sealedReply(reply: FastifyReply, mediaType: string): FastifyReply {
  return reply
    .code(200)
    .header('content-type', mediaType)
    .header('cache-control', 'no-store, no-transform')
}

/** Whoever is still sending reads no answer before they are done, unless they are let finish. */
function throwAwayTheRest(message: IncomingMessage, lingerMs: number): void {
  if (message.complete || message.destroyed) return
  const patience = setTimeout(() => message.destroy(), lingerMs)
  message.once('close', () => clearTimeout(patience))
  // Whoever stopped reading may still listen for `readable`; then, and when they leave, only a stream that has somebody for
  // its data goes on.
  message
    .removeAllListeners('readable')
    .on('data', () => {})
    .resume()
}

const tooSlow: SealedHttpProblem = {
  code: 'truncated',
  at: 'body',
  detail: 'what was sent came too slowly',
}

const tryAgain: SealedHttpProblem = {
  code: 'overloaded',
  at: 'requests',
  detail: 'Try again in a moment.',
}

/** A message to a key of before a restart cannot be told from garbled bytes: the client verifies anew. */
function publicProblem({ code, at, detail }: Problem<string>): SealedHttpProblem {
  switch (code) {
    case 'stale-key':
    case 'not-opened':
    case 'replay-window-full':
      return { code: 'stale-key', at, detail }
    case 'replayed':
    case 'truncated':
    case 'too-large':
    case 'unsupported-suite':
    case 'replay-memory-unavailable':
      return { code, at, detail }
    default:
      return { code: 'malformed', at, detail }
  }
}

/** Of a message that was admitted: it is not to be taken for one that was not opened. */
function brokenOff({ code, at, detail }: Problem<string>): SealedHttpProblem {
  return code === 'truncated' || code === 'too-large'
    ? { code, at, detail }
    : { code: 'malformed', at, detail }
}

function nonceIn(body: unknown): Uint8Array | undefined {
  const json: unknown =
    body instanceof Uint8Array
      ? jsonValue(body)
      : typeof body === 'string'
        ? jsonValue(Buffer.from(body))
        : body
  const text = typeof json === 'object' && json !== null ? Reflect.get(json, 'nonce') : undefined
  const nonce = typeof text === 'string' ? bytesOfBase64Url(text) : undefined
  return nonce?.length === 32 ? nonce : undefined
}

function jsonValue(body: Uint8Array): unknown {
  const json = jsonOf(body, { bytesMax: evidenceRequestBytesMax, depthMax: 4 })
  return json.ok ? json.value : undefined
}

function refuse(
  reply: FastifyReply,
  code: SealedHttpCode,
  at: string,
  detail: string,
): FastifyReply {
  return sendRefusal(reply, { code, at, detail })
}
