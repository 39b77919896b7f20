import type { IncomingMessage } from 'node:http'
import {
  base64UrlOf,
  bytesOfBase64Url,
  jsonOf,
  type Problem,
  type Result,
} from '@sealward/attestation/bytes'
import {
  type BinaryRequest,
  decodeRequest,
  encodeResponse,
  openRequest,
  requestMediaType,
  responseMediaType,
  sealResponse,
} from '@sealward/attestation/channel'
import type { EvidenceDocument } from '@sealward/attestation/evidence'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Answer, problemDetails } from '../answer.ts'
import {
  evidenceRequestBytesMax,
  innerHeadersMax,
  innerPathCharactersMax,
  sealedBytesAtOnceMax,
  sealedRequestBytesMax,
  sealedRequestsAtOnceMax,
} from '../limits.ts'
import type { PlatformCode } from '../problems.ts'
import { bodyWithin, createBudget, overloaded } from './body.ts'
import type { ChannelKeys } from './channel-keys.ts'

/** Evidence about this platform for whoever sent `nonce`. */
export type GiveEvidence = (
  nonce: Uint8Array,
  extras: { readonly ohttp: string },
) => Promise<Result<EvidenceDocument, Problem>>

/**
 * Adds the public routes: `POST /evidence` and `POST /sealed`. All else that the platform can do is
 * inside the second.
 *
 * @see RFC 9458, section 4; RFC 9292; docs/spec/platform-api.md
 */
export function addPublicRoutes(
  server: FastifyInstance,
  deps: {
    readonly inner: FastifyInstance
    readonly keys: ChannelKeys
    readonly evidence: GiveEvidence
    readonly random: { bytes(length: number): Uint8Array }
  },
): void {
  const { inner, keys, random } = deps
  let underWay = 0
  const held = createBudget(sealedBytesAtOnceMax)

  server.post('/evidence', { bodyLimit: evidenceRequestBytesMax }, async (request, reply) => {
    const nonce = nonceIn(request.body)
    if (nonce === undefined) {
      return send(
        reply,
        refusal('malformed', 'nonce', 'A nonce of 32 bytes in base64url is needed.'),
      )
    }
    const ohttp = base64UrlOf(await keys.offered())
    const document = await deps.evidence(nonce, { ohttp })
    if (!document.ok) {
      return send(
        reply,
        refusal('evidence-unavailable', document.problem.at, document.problem.detail),
      )
    }
    return reply
      .code(200)
      .header('content-type', 'application/vnd.sealward.evidence+json')
      .header('cache-control', 'no-store')
      .send(JSON.stringify(document.value))
  })

  // In a scope of its own, so that no other route takes bodies of this size.
  void server.register(async (scope) => {
    scope.addContentTypeParser(
      requestMediaType,
      (_request: FastifyRequest, payload: IncomingMessage) =>
        bodyWithin(held, payload, sealedRequestBytesMax),
    )
    scope.post('/sealed', { bodyLimit: sealedRequestBytesMax }, async (request, reply) => {
      const { body } = request
      if (body === overloaded) {
        // What is still on its way is not waited for.
        return send(reply.header('connection', 'close'), tryAgain)
      }
      if (!(body instanceof Uint8Array)) {
        return send(
          reply,
          refusal('unsupported-media-type', 'content-type', `Send ${requestMediaType}.`),
        )
      }
      try {
        if (underWay >= sealedRequestsAtOnceMax) return send(reply, tryAgain)
        underWay += 1
        try {
          return await answerSealed(body, reply)
        } finally {
          underWay -= 1
        }
      } finally {
        held.give(body.length)
      }
    })
  })

  async function answerSealed(message: Uint8Array, reply: FastifyReply): Promise<FastifyReply> {
    const opened = await openRequest({ keys: await keys.opened(), message, replay: keys.replay })
    if (!opened.ok) {
      const { code, at, detail } = opened.problem
      return send(reply, refusal(publicCodeOf(code), at, detail))
    }
    const { exchange, request } = opened.value
    const decoded = decodeRequest(request)
    const answer = decoded.ok
      ? await dispatch(inner, decoded.value)
      : refusal('malformed', decoded.problem.at, decoded.problem.detail)
    const response = encodeResponse({
      status: answer.status,
      headers: Object.entries(answer.headers),
      body: answer.body,
    })
    return reply
      .code(200)
      .header('content-type', responseMediaType)
      .header('cache-control', 'no-store')
      .send(Buffer.from(await sealResponse({ exchange, response, random })))
  }
}

const tryAgain: Answer = refusal('overloaded', 'requests', 'Try again in a moment.')

/** Fields that speak about a connection, which there is none of in here. */
const hopByHop: ReadonlySet<string> = new Set([
  'connection',
  'content-length',
  'expect',
  'host',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

/** Has the inner routes answer an opened request. */
async function dispatch(inner: FastifyInstance, request: BinaryRequest): Promise<Answer> {
  const { body, headers, method, path } = request
  if (
    !path.startsWith('/') ||
    path.length > innerPathCharactersMax ||
    headers.length > innerHeadersMax
  ) {
    return refusal('malformed', 'path', 'The inner request is not one that is taken here.')
  }
  if (method !== 'GET' && method !== 'POST' && method !== 'PUT') {
    return refusal('method-not-allowed', 'method', 'The method is not one that is taken here.')
  }
  const given = headers.filter(([name]) => !hopByHop.has(name))
  const response = await inner.inject({
    method,
    url: path,
    headers: Object.fromEntries(given),
    ...(body.length === 0
      ? {}
      : { payload: Buffer.from(body.buffer, body.byteOffset, body.length) }),
  })
  const answered = Object.entries(response.headers).flatMap(([name, value]): [string, string][] =>
    value === undefined || hopByHop.has(name) || name === 'date'
      ? []
      : [[name, Array.isArray(value) ? value.join(', ') : String(value)]],
  )
  return {
    status: response.statusCode,
    headers: Object.fromEntries(answered),
    body: response.rawPayload,
  }
}

/** A message to a key of before a restart cannot be told from garbled bytes: the client verifies anew. */
function publicCodeOf(code: string): PlatformCode {
  switch (code) {
    case 'stale-key':
    case 'not-opened':
    case 'replay-window-full':
      return 'stale-key'
    case 'replayed':
      return 'replayed'
    case 'too-large':
    case 'unsupported-suite':
      return code
    default:
      return 'malformed'
  }
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

function refusal(code: PlatformCode, at: string, detail: string): Answer {
  return problemDetails({ code, at, detail })
}

function send(reply: FastifyReply, answer: Answer): FastifyReply {
  return reply
    .code(answer.status)
    .headers({ 'cache-control': 'no-store', ...answer.headers })
    .send(Buffer.from(answer.body))
}
