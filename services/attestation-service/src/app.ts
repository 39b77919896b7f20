/**
 * The attestation service: the Verifier. It speaks Azure Attestation's REST contract, and exchanges tokens.
 *
 * @module
 */

import { hexOf, type Problem } from '@sealward/attestation/bytes'
import { createServer, type Server } from '@sealward/enclave/server'
import type { Logger } from '@sealward/enclave/telemetry'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Answer, azureRefusal, oauthRefusal } from './answer.ts'
import { apiVersionIn, apiVersions } from './api-version.ts'
import { type AttestDeps, type AttestQuestion, attest } from './attest/attest.ts'
import { exchangeToken } from './exchange/exchange.ts'
import { createReplayMemory } from './exchange/replay-memory.ts'
import type { Instance } from './instance.ts'
import { limits } from './limits.ts'
import { openIdConfiguration } from './metadata.ts'
import { serviceVersion } from './version.ts'

export type { Instance } from './instance.ts'
export { ringOf } from './keys/key-ring.ts'
export { openSigningKey, type SigningKey } from './keys/signing-key.ts'
export { fixedPolicy } from './policies/fixed-policy.ts'

export interface AttestationServiceDeps extends Omit<AttestDeps, 'instance'> {
  /** The first answers at the root; each at `/instances/<name>` as well. */
  readonly instances: readonly [Instance, ...Instance[]]
  readonly log: Logger
}

type Handler = (request: FastifyRequest) => Answer | Promise<Answer>

/**
 * The service, not yet listening.
 *
 * @see docs/spec/tokens.md
 */
export function createAttestationService(deps: AttestationServiceDeps): Server {
  const server = createServer({ name: 'attestation-service', logger: deps.log })
  const [first, ...others] = deps.instances
  for (const [prefix, instance] of [
    ['', first] as const,
    ...[first, ...others].map((one) => [`/instances/${one.name}`, one] as const),
  ]) {
    void server.app.register(async (scope) => offer(scope, deps, instance), { prefix })
  }
  return server
}

/** The routes of one instance. */
function offer(app: FastifyInstance, deps: AttestationServiceDeps, instance: Instance): void {
  const { clock, random, log } = deps
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers({
      'x-ms-request-id': `00-${hexOf(random.bytes(16))}-0000000000000000-00`,
      'x-ms-maa-service-version': serviceVersion,
    })
    done()
  })
  const assertions = createReplayMemory(limits.assertionsMax)
  const open: readonly (readonly [path: string, Handler])[] = [
    ['/.well-known/openid-configuration', () => openIdConfiguration(instance.issuer)],
    ['/certs', () => published(instance)],
  ]
  const azure: readonly (readonly [path: string, Handler])[] = [
    [
      '/attest/:type',
      (request) => attest({ ...deps, instance }, { ...questionOf(request), body: bodyOf(request) }),
    ],
  ]
  const oauth: readonly (readonly [path: string, Handler])[] = [
    [
      '/token',
      (request) => exchangeToken({ instance, clock, random, assertions }, bodyOf(request)),
    ],
  ]

  for (const [path, handler] of open) {
    app.get(path, async (request, reply) => {
      reply.header('cache-control', 'public, max-age=300')
      return send(reply, await handler(request))
    })
  }
  void app.register(async (scope) => {
    readBytes(scope, 'application/json', limits.attestBodyBytesMax)
    scope.setErrorHandler((error, _request, reply) => send(reply, azureFailure(log, error)))
    for (const [path, handler] of azure) {
      scope.post(path, async (request, reply) => {
        const answer = apiVersionRefusal(request) ?? (await handler(request))
        return finish(log, 'attest', reply, answer)
      })
    }
  })
  void app.register(async (scope) => {
    readBytes(scope, 'application/x-www-form-urlencoded', limits.tokenBodyBytesMax)
    scope.setErrorHandler((error, _request, reply) => send(reply, oauthFailure(log, error)))
    for (const [path, handler] of oauth) {
      scope.post(path, async (request, reply) =>
        finish(log, 'exchange', reply, await handler(request)),
      )
    }
  })
}

function published({ keys }: Instance): Answer {
  return { status: 200, body: { keys: keys.published().map(({ jwk }) => jwk) } }
}

/** Bodies stay bytes: what is signed, hashed or refused is what came, not what a parser made of it. */
function readBytes(scope: FastifyInstance, mediaType: string, bytesMax: number): void {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser(
    mediaType,
    { parseAs: 'buffer', bodyLimit: bytesMax },
    (_request, body, done) => done(null, body),
  )
}

function bodyOf(request: FastifyRequest): Uint8Array {
  return request.body instanceof Uint8Array ? request.body : new Uint8Array()
}

function questionOf(request: FastifyRequest): Omit<AttestQuestion, 'body'> {
  const { type = '' } = request.params as { readonly type?: string }
  return { type, apiVersion: apiVersionIn(request.query), accept: request.headers.accept }
}

function apiVersionRefusal(request: FastifyRequest): Answer | undefined {
  if ((request.query as Readonly<Record<string, unknown>>)['api-version'] === undefined) {
    return azureRefusal(400, 'InvalidParameter', 'The api-version query parameter is required.', {
      code: 'api-version-missing',
      at: 'api-version',
      detail: 'the query must have api-version',
    })
  }
  if (apiVersionIn(request.query) === undefined) {
    return azureRefusal(400, 'InvalidParameter', 'The api-version is not supported.', {
      code: 'api-version-unknown',
      at: 'api-version',
      detail: `one of ${apiVersions.join(', ')} is expected`,
    })
  }
  return undefined
}

/** Logs what came out by its code, and answers. */
function finish(log: Logger, event: string, reply: FastifyReply, answer: Answer): FastifyReply {
  if (answer.problem !== undefined) {
    log.info(`${event}-refused`, { code: answer.problem.code, status: answer.status })
  }
  return send(reply.header('cache-control', 'no-store'), answer)
}

function send(reply: FastifyReply, { status, headers, body }: Answer): FastifyReply {
  return reply
    .code(status)
    .headers({ 'content-type': 'application/json; charset=utf-8', ...headers })
    .send(typeof body === 'string' ? body : JSON.stringify(body))
}

function azureFailure(log: Logger, error: unknown): Answer {
  const [status, problem] = failureOf(log, error)
  if (status === 500)
    return { status, body: { error: { code: 'InternalError', message: problem.detail } } }
  return azureRefusal(status, 'InvalidParameter', problem.detail, problem)
}

function oauthFailure(log: Logger, error: unknown): Answer {
  const [status, problem] = failureOf(log, error)
  if (status === 500)
    return { status, body: { error: 'server_error', error_description: problem.detail } }
  return { ...oauthRefusal('invalid_request', problem), status }
}

/** What the HTTP layer refused, in our words; anything else is a bug of ours, and told as nothing but that. */
function failureOf(log: Logger, error: unknown): readonly [400 | 413 | 415 | 500, Problem] {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return [413, { code: 'body-too-large', at: 'body', detail: 'the body is too large' }]
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return [
        415,
        {
          code: 'media-type-unknown',
          at: 'content-type',
          detail: 'another media type is expected',
        },
      ]
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
      return [
        400,
        { code: 'body-malformed', at: 'body', detail: 'the body is not what its header says' },
      ]
    default:
      log.thrown('request-failed', error)
      return [500, { code: 'internal', at: '', detail: 'the service failed' }]
  }
}
