/**
 * The attestation service: the Verifier. It speaks Azure Attestation's REST contract, and exchanges tokens.
 *
 * @module
 */

import { BlockList } from 'node:net'
import { hexOf, type Problem } from '@sealward/attestation/bytes'
import { type ClientRates, clientOf, createClientRates } from '@sealward/enclave/rates'
import { createServer, type Server } from '@sealward/enclave/server'
import type { Logger } from '@sealward/enclave/telemetry'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { AdministrationRequest } from './administration/administration-request.ts'
import { limits as administrationLimits } from './administration/limits.ts'
import { administrationRoutes } from './administration/routes.ts'
import { type Answer, azureRefusal, oauthRefusal } from './answer.ts'
import { apiVersionIn, apiVersions } from './api-version.ts'
import { type AttestDeps, type AttestQuestion, attest } from './attest/attest.ts'
import { challengeClaims } from './challenge/challenge-claims.ts'
import { issueChallenge } from './challenge/issue-challenge.ts'
import { exchangeToken } from './exchange/exchange.ts'
import { introspect } from './exchange/introspect.ts'
import type { Instance } from './instance.ts'
import { limits } from './limits.ts'
import { openIdConfiguration } from './metadata.ts'
import { publishDenyList } from './revocation/publish-deny-list.ts'
import { revocationRefused } from './revocation/revocation-refused.ts'
import { serviceVersion } from './version.ts'

export type { Administration } from './administration/administration.ts'
export { createReplayMemory } from './exchange/replay-memory.ts'
export type { Instance } from './instance.ts'
export { ringOf } from './keys/key-ring.ts'
export { makeSigningKey, type SigningKey, signingKeyOf } from './keys/signing-key.ts'
export { fixedPolicy } from './policies/fixed-policy.ts'
export { type Denials, fixedDenials } from './revocation/denials.ts'

export interface AttestationServiceDeps extends Omit<AttestDeps, 'instance' | 'additionalClaims'> {
  /** The first answers at the root; each at `/instances/<name>` as well. */
  readonly instances: readonly Instance[]
  /** Whose `X-Forwarded-For` is believed; nobody's, unless said. */
  readonly trustedProxies?: BlockList
  readonly log: Logger
}

type Handler = (request: FastifyRequest) => Answer | Promise<Answer>

/**
 * The service, not yet listening.
 *
 * @see docs/spec/tokens.md
 */
export function createAttestationService(deps: AttestationServiceDeps): Server {
  const { instances, log } = deps
  const server = createServer({
    name: 'attestation-service',
    logger: log,
    // One that cannot sign for one of its instances is not asked: another replica may.
    healthy: () => instances.every(({ keys }) => keys.isFresh()),
  })
  for (const [index, instance] of instances.entries()) {
    const state = stateOf(instance)
    const routes = async (scope: FastifyInstance): Promise<void> =>
      offer(scope, deps, instance, state)
    void server.app.register(routes, { prefix: `/instances/${instance.name}` })
    if (instance.host !== undefined) void server.app.register(onHost(instance.host, routes))
    if (index === 0) void server.app.register(routes)
  }
  server.app.all('/instances/*', async (request, reply) =>
    finish(log, 'instance', reply, notServed(instances, request)),
  )
  return server
}

/** The same routes, for requests whose `Host` is this one. */
function onHost(
  host: string,
  routes: (scope: FastifyInstance) => Promise<void>,
): (scope: FastifyInstance) => Promise<void> {
  return async (scope) => {
    scope.addHook('onRoute', (route) => {
      route.constraints = { ...route.constraints, host }
    })
    await routes(scope)
  }
}

/** What an instance remembers, under whichever of its addresses it is asked. */
interface InstanceState {
  readonly rates: ClientRates
}

function stateOf({ limits: { burst, requestsPerSecond } }: Instance): InstanceState {
  return {
    rates: createClientRates({ burst, perSecond: requestsPerSecond }, limits.clientsMax),
  }
}

/** The routes of one instance. */
function offer(
  app: FastifyInstance,
  deps: AttestationServiceDeps,
  instance: Instance,
  { rates }: InstanceState,
): void {
  const { clock, random, log } = deps
  app.addHook('onRequest', (_request, reply, done) => {
    reply.headers({
      'x-ms-request-id': `00-${hexOf(random.bytes(16))}-0000000000000000-00`,
      'x-ms-maa-service-version': serviceVersion,
    })
    done()
  })
  const open: readonly (readonly [path: string, Handler])[] = [
    ['/.well-known/openid-configuration', () => openIdConfiguration(instance)],
    ['/certs', (request) => published(instance, request)],
  ]
  const attestDeps: AttestDeps = {
    ...deps,
    instance,
    additionalClaims: (input) => challengeClaims({ ...input, at: clock.now() }),
  }
  const azure: readonly (readonly [path: string, Handler])[] = [
    [
      '/attest/:type',
      (request) => attest(attestDeps, { ...questionOf(request), body: bodyOf(request) }),
    ],
  ]
  const oauth: readonly (readonly [path: string, Handler])[] = [
    ['/token', (request) => exchangeToken({ instance, clock, random }, bodyOf(request))],
    [
      '/introspect',
      (request) => introspect({ instance, clock }, bodyOf(request), request.headers.authorization),
    ],
    ['/revoke', () => revocationRefused],
  ]

  const inTurn = (request: FastifyRequest): Answer | undefined =>
    turnRefusal(rates.take(clientIn(request, deps.trustedProxies), clock.now()))
  const able = (request: FastifyRequest): Answer | undefined =>
    inTurn(request) ?? staleRefusal(instance)

  void app.register(async (scope) => {
    refusing(scope, log, inTurn)
    for (const [path, handler] of open) {
      scope.get(path, async (request, reply) => {
        reply.header('cache-control', `public, max-age=${instance.keys.cacheSeconds}`)
        return send(reply, await handler(request))
      })
    }
  })
  void app.register(async (scope) => {
    refusing(scope, log, able)
    scope.get('/deny-list', async (_request, reply) =>
      finish(log, 'deny-list', reply, await publishDenyList({ instance, clock })),
    )
    readBytes(scope, ['application/json'], limits.challengeBodyBytesMax)
    scope.setErrorHandler((error, _request, reply) => send(reply, azureFailure(log, error)))
    scope.post('/challenge', async (_request, reply) =>
      finish(log, 'challenge', reply, await issueChallenge({ instance, clock, random })),
    )
  })
  void app.register(async (scope) => {
    refusing(scope, log, able)
    readBytes(scope, ['application/json'], instance.limits.attestBodyBytesMax)
    scope.setErrorHandler((error, _request, reply) => send(reply, azureFailure(log, error)))
    for (const [path, handler] of azure) {
      scope.post(path, async (request, reply) => {
        const answer = apiVersionRefusal(request) ?? (await handler(request))
        return finish(log, 'attest', reply, answer)
      })
    }
  })
  void app.register(async (scope) => {
    refusing(scope, log, able)
    readBytes(
      scope,
      ['text/plain', 'application/json', 'application/jose'],
      administrationLimits.bodyBytesMax,
    )
    scope.setErrorHandler((error, _request, reply) => send(reply, azureFailure(log, error)))
    for (const { method, path, handler, isAzures } of administrationRoutes) {
      scope.route({
        method,
        url: path,
        handler: async (request, reply) => {
          const refusal = isAzures ? apiVersionRefusal(request) : undefined
          const asked = administrationRequestOf(request)
          const answer = refusal ?? (await handler({ instance, clock, random }, asked))
          return finish(log, 'administration', reply, answer)
        },
      })
    }
  })
  void app.register(async (scope) => {
    refusing(scope, log, (request) => oauthFormOf(able(request)))
    readBytes(scope, ['application/x-www-form-urlencoded'], limits.tokenBodyBytesMax)
    scope.setErrorHandler((error, _request, reply) => send(reply, oauthFailure(log, error)))
    for (const [path, handler] of oauth) {
      scope.post(path, async (request, reply) =>
        finish(log, 'exchange', reply, await handler(request)),
      )
    }
  })
}

/** Refuses before a body is read, where `refusalOf` says so. */
function refusing(
  scope: FastifyInstance,
  log: Logger,
  refusalOf: (request: FastifyRequest) => Answer | undefined,
): void {
  scope.addHook('onRequest', async (request, reply) => {
    const refusal = refusalOf(request)
    return refusal === undefined ? undefined : finish(log, 'request', reply, refusal)
  })
}

function clientIn(request: FastifyRequest, trustedProxies = nobody): string {
  const forwardedFor = request.headers['x-forwarded-for']
  return clientOf(request.socket.remoteAddress, forwardedFor?.toString(), trustedProxies)
}

const nobody = new BlockList()

/** @param seconds - after which it would be this client's turn. */
function turnRefusal(seconds: number): Answer | undefined {
  if (seconds === 0) return undefined
  const problem = {
    code: 'too-many-requests',
    at: '',
    detail: `this client asks too often; try again in ${seconds} seconds`,
  }
  const refusal = azureRefusal(429, 'TooManyRequests', problem.detail, problem)
  return { ...refusal, headers: { ...refusal.headers, 'retry-after': String(seconds) } }
}

/** Keys that were read too long ago are not signed with, nor believed: another replica may have newer ones. */
function staleRefusal({ keys }: Instance): Answer | undefined {
  if (keys.isFresh()) return undefined
  const problem = {
    code: 'keys-stale',
    at: 'database',
    detail: 'the signing keys could not be read for too long; try again later',
  }
  return azureRefusal(503, 'ServiceUnavailable', problem.detail, problem)
}

function oauthFormOf(refusal: Answer | undefined): Answer | undefined {
  if (refusal?.problem === undefined) return undefined
  const { status, headers, problem } = refusal
  return { ...oauthRefusal('temporarily_unavailable', problem), status, headers: headers ?? {} }
}

/** Below the address of an instance, where none of its routes is. */
function notServed(instances: readonly Instance[], request: FastifyRequest): Answer {
  const name = request.url.split(/[/?]/)[2]
  const problem = instances.some((instance) => instance.name === name)
    ? { code: 'not-found', at: 'path', detail: 'there is nothing here' }
    : { code: 'instance-unknown', at: 'path', detail: 'no instance has this name' }
  return azureRefusal(404, 'NotFound', problem.detail, problem)
}

/** As JSON, which Azure's clients read; as a JWK set where only that is asked for. */
function published({ keys }: Instance, request: FastifyRequest): Answer {
  const { accept = '' } = request.headers
  const asksForSet = /\bapplication\/jwk\+json\b/i.test(accept)
  const takesJson = /\bapplication\/(json\b|\*)|\*\/\*/i.test(accept)
  return {
    status: 200,
    headers: {
      vary: 'accept',
      ...(asksForSet && !takesJson ? { 'content-type': 'application/jwk+json' } : {}),
    },
    body: { keys: keys.published().map(({ jwk }) => jwk) },
  }
}

/** Bodies stay bytes: what is signed, hashed or refused is what came, not what a parser made of it. */
function readBytes(scope: FastifyInstance, mediaTypes: readonly string[], bytesMax: number): void {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser(
    [...mediaTypes],
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

function administrationRequestOf(request: FastifyRequest): AdministrationRequest {
  const { authorization, 'if-match': ifMatch } = request.headers
  return {
    parameters: request.params as Readonly<Record<string, string>>,
    query: request.query as Readonly<Record<string, unknown>>,
    authorization,
    ifMatch,
    body: bodyOf(request),
  }
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
    .send(Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)))
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
    // Who hung up in the middle of a body reads no answer.
    case 'ECONNRESET':
      return [
        400,
        { code: 'body-malformed', at: 'body', detail: 'the body is not what its header says' },
      ]
    default:
      log.thrown('request-failed', error)
      return [500, { code: 'internal', at: '', detail: 'the service failed' }]
  }
}
