import type { IncomingMessage } from 'node:http'
import {
  base64UrlOf,
  bytesOfBase64Url,
  jsonOf,
  type Problem,
  type Result,
} from '@sealward/attestation/bytes'
import {
  decodeRequest,
  encodeResponse,
  requestMediaType,
  responseMediaType,
  sealResponse,
} from '@sealward/attestation/channel'
import type { EvidenceDocument } from '@sealward/attestation/evidence'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Random } from '../effects/index.ts'
import { answerInside, refusedInside } from './answer-inside.ts'
import { bodyWithin, createBudget, overloaded } from './body.ts'
import type { ChannelKeys } from './channel-keys.ts'
import { evidenceRequestBytesMax, type SealedHttpLimits, sealedHttpLimits } from './limits.ts'
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
  let underWay = 0
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

  // In a scope of its own, so that no other route takes bodies of this size.
  void server.register(async (scope) => {
    scope.addContentTypeParser(
      requestMediaType,
      (_request: FastifyRequest, payload: IncomingMessage) =>
        bodyWithin(held, payload, limits.requestBytesMax),
    )
    scope.post('/sealed', { bodyLimit: limits.requestBytesMax }, async (request, reply) => {
      const { body } = request
      if (body === overloaded) {
        // What is still on its way is not waited for.
        return sendRefusal(reply.header('connection', 'close'), tryAgain)
      }
      if (!(body instanceof Uint8Array)) {
        return refuse(reply, 'unsupported-media-type', 'content-type', `Send ${requestMediaType}.`)
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
    })
  })

  async function answerSealed(message: Uint8Array, reply: FastifyReply): Promise<FastifyReply> {
    const opened = await keys.open(message)
    if (!opened.ok) return sendRefusal(reply, publicProblem(opened.problem))
    const { exchange, request } = opened.value
    const decoded = decodeRequest(request)
    const answer = decoded.ok
      ? await answerInside(inner, decoded.value, limits)
      : refusedInside(400, { ...decoded.problem, code: 'malformed' })
    const response = encodeResponse(answer)
    return reply
      .code(200)
      .header('content-type', responseMediaType)
      .header('cache-control', 'no-store')
      .send(Buffer.from(await sealResponse({ exchange, response, random })))
  }
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
    case 'too-large':
    case 'unsupported-suite':
    case 'replay-memory-unavailable':
      return { code, at, detail }
    default:
      return { code: 'malformed', at, detail }
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

function refuse(
  reply: FastifyReply,
  code: SealedHttpCode,
  at: string,
  detail: string,
): FastifyReply {
  return sendRefusal(reply, { code, at, detail })
}
