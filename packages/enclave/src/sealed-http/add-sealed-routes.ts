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
  ChannelError,
  chunkedRequestMediaType,
  chunkedResponseMediaType,
  decodeRequest,
  decodeRequestStream,
  encodeResponse,
  encodeResponseStream,
  requestMediaType,
  responseMediaType,
  type SealedExchange,
  sealChunkedResponse,
  sealResponse,
} from '@sealward/attestation/channel'
import type { EvidenceDocument } from '@sealward/attestation/evidence'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Random } from '../effects/index.ts'
import {
  answerInside,
  type InnerAnswer,
  type RefusedInside,
  refusalInside,
  refusedInside,
} from './answer-inside.ts'
import { arriving, leaving } from './arriving.ts'
import { bodyWithin, createBudget, overloaded } from './body.ts'
import type { ChannelKeys } from './channel-keys.ts'
import {
  evidenceRequestBytesMax,
  lingerSecondsMax,
  type SealedHttpLimits,
  sealedHttpLimits,
  shortBytesMax,
} from './limits.ts'
import { type SealedHttpCode, type SealedHttpProblem, sendRefusal } from './problems.ts'
import { streamInside } from './stream-inside.ts'

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
    const { head, body } = await answerTo(request, reply)
    const response = encodeResponse({ ...head, body: await gathered(body) })
    return sealedReply(reply, responseMediaType).send(
      Buffer.from(await sealResponse({ exchange, response, random })),
    )
  }

  /** The inner routes' answer to a request that is there as a whole. */
  async function answerTo(
    request: Uint8Array,
    reply: FastifyReply,
  ): Promise<InnerAnswer | RefusedInside> {
    const decoded = decodeRequest(request)
    if (!decoded.ok) return refusedInside(400, { ...decoded.problem, code: 'malformed' })
    const refusal = refusalInside(inner, decoded.value, limits)
    return refusal ?? (await answerInside(inner, decoded.value, reply.raw))
  }

  async function answerStream(
    message: IncomingMessage,
    reply: FastifyReply,
  ): Promise<FastifyReply> {
    const lingerMs = Math.min(lingerSecondsMax, limits.idleSecondsMax) * 1000
    reply.raw.once('close', () => throwAwayTheRest(message, lingerMs))
    if (streams >= limits.streamsAtOnceMax) return sendRefusal(reply, tryAgain)
    streams += 1
    const ended = new AbortController()
    const tooLong = setTimeout(() => ended.abort(), limits.streamSecondsMax * 1000)
    reply.raw.once('close', () => {
      streams -= 1
      clearTimeout(tooLong)
      if (!reply.raw.writableFinished) ended.abort()
    })
    const isShort = Number(message.headers['content-length']) <= shortBytesMax
    try {
      return isShort
        ? await answerShort(message, reply)
        : await answerOpened(message, reply, ended.signal)
    } catch (error) {
      // The request broke off, or a part of it does not open.
      if (error instanceof ChannelError) return sendRefusal(reply, brokenOff(error.problem))
      if (ended.signal.aborted) return sendRefusal(reply, tooSlow)
      throw error
    }
  }

  async function answerShort(message: IncomingMessage, reply: FastifyReply): Promise<FastifyReply> {
    const body = await bodyWithin(held, arriving(message, limits), shortBytesMax)
    if (body === overloaded) return sendRefusal(reply, tryAgain)
    try {
      const opened = await keys.openChunked(body, { bytesMax: shortBytesMax })
      if (!opened.ok) return sendRefusal(reply, publicProblem(opened.problem))
      const { exchange, request } = opened.value
      return await sendChunked(reply, exchange, await answerTo(await gathered(request), reply))
    } finally {
      held.give(body.length)
    }
  }

  async function answerOpened(
    message: IncomingMessage,
    reply: FastifyReply,
    ended: AbortSignal,
  ): Promise<FastifyReply> {
    const bytesMax = limits.streamBytesMax
    const opened = await keys.openChunked(arriving(message, limits), { bytesMax })
    if (!opened.ok) return sendRefusal(reply, publicProblem(opened.problem))
    const { exchange, request } = opened.value
    const decoded = await decodeRequestStream(request, { contentBytesMax: bytesMax })
    if (!decoded.ok && !decoded.problem.code.startsWith('bhttp-')) {
      return sendRefusal(reply, brokenOff(decoded.problem))
    }
    const answer = decoded.ok
      ? (refusalInside(inner, decoded.value, limits) ??
        (await streamInside(inner, decoded.value, decoded.value.body, ended)))
      : refusedInside(400, { ...decoded.problem, code: 'malformed' })
    return sendChunked(reply, exchange, answer)
  }

  async function sendChunked(
    reply: FastifyReply,
    exchange: SealedExchange<'chunked'>,
    { body, contentLength, head }: InnerAnswer | RefusedInside,
  ): Promise<FastifyReply> {
    const isShort = contentLength !== undefined && contentLength <= shortBytesMax
    const response = isShort
      ? encodeResponse({ ...head, body: await gathered(body) })
      : encodeResponseStream(head, body, contentLength === undefined ? {} : { contentLength })
    const sealed = await sealChunkedResponse({ exchange, response, random })
    const answered = sealedReply(reply, chunkedResponseMediaType)
    if (isShort) return answered.send(Buffer.from(await gathered(sealed)))
    const taken = leaving(sealed, limits.idleSecondsMax, () => reply.raw.destroy())
    return (
      answered
        .header('incremental', '?1')
        // What nginx is told the same by.
        .header('x-accel-buffering', 'no')
        .send(Readable.from(taken, { objectMode: false, highWaterMark: 65_536 }))
    )
  }
}

async function gathered(pieces: AsyncIterable<Uint8Array> | Uint8Array): Promise<Uint8Array> {
  if (pieces instanceof Uint8Array) return pieces
  const parts: Uint8Array[] = []
  for await (const piece of pieces) parts.push(piece)
  const [only, ...more] = parts
  return more.length === 0 ? (only ?? new Uint8Array()) : Buffer.concat(parts)
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
  message.resume()
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
