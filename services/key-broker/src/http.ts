/**
 * What the routes of all parts have in common: bodies as bytes, answers, and refusals of the HTTP layer.
 *
 * @module
 */

import type { Problem } from '@sealward/attestation/bytes'
import { type ClientRates, clientOf, createClientRates } from '@sealward/enclave/rates'
import type { Logger } from '@sealward/enclave/telemetry'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { type Answer, vaultRefusal } from './answer.ts'
import { AuditLogChanged } from './audit/audit.ts'
import type { Broker } from './broker.ts'
import { limits } from './limits.ts'

/** Who asks too often waits, and nobody else does: on all routes of one listener together. */
export function limitRates(app: FastifyInstance, broker: Broker): void {
  const { clock, log, trustedProxies } = broker
  const { burst, requestsPerSecond } = broker.rates
  const rates: ClientRates = createClientRates(
    { burst, perSecond: requestsPerSecond },
    limits.clientsMax,
  )
  app.addHook('onRequest', async (request, reply) => {
    const forwardedFor = request.headers['x-forwarded-for']?.toString()
    const client = clientOf(request.socket.remoteAddress, forwardedFor, trustedProxies)
    const seconds = rates.take(client, clock.now())
    if (seconds === 0) return undefined
    const problem = {
      code: 'too-many-requests',
      at: '',
      detail: `This client asks too often: try again in ${seconds} seconds.`,
    }
    const headers = { 'retry-after': String(seconds) }
    return finish(log, 'request', reply, vaultRefusal(429, 'Throttled', problem, headers))
  })
}

/** Bodies stay bytes: what is read or refused is what came, not what a parser made of it. */
export function readBytes(
  scope: FastifyInstance,
  mediaTypes: readonly string[],
  bytesMax: number,
): void {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser(
    [...mediaTypes],
    { parseAs: 'buffer', bodyLimit: bytesMax },
    (_request, body, done) => done(null, body),
  )
}

export function bodyOf(request: FastifyRequest): Uint8Array {
  return request.body instanceof Uint8Array ? request.body : new Uint8Array()
}

/** Logs what came out by its code, and answers. */
export function finish(
  log: Logger,
  event: string,
  reply: FastifyReply,
  answer: Answer,
): FastifyReply {
  if (answer.problem !== undefined) {
    log.info(`${event}-refused`, { code: answer.problem.code, status: answer.status })
  }
  reply.code(answer.status).headers({ 'cache-control': 'no-store', ...answer.headers })
  return answer.body === undefined
    ? reply.send()
    : reply.type('application/json; charset=utf-8').send(Buffer.from(JSON.stringify(answer.body)))
}

/** What the HTTP layer refused, in our words; anything else is a bug of ours, and told as nothing but that. */
export function vaultFailure(log: Logger, error: unknown): Answer {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  const refused = (status: 400 | 413 | 415, problem: Problem): Answer =>
    vaultRefusal(status, 'BadParameter', problem)
  switch (code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return refused(413, { code: 'body-too-large', at: 'body', detail: 'The body is too large.' })
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return refused(415, {
        code: 'media-type-unknown',
        at: 'content-type',
        detail: 'A body of application/json is expected.',
      })
    case 'FST_ERR_CTP_EMPTY_JSON_BODY':
    case 'FST_ERR_CTP_INVALID_CONTENT_LENGTH':
    // Who hung up in the middle of a body reads no answer.
    case 'ECONNRESET':
      return refused(400, {
        code: 'body-malformed',
        at: 'body',
        detail: 'The body is not what its header says.',
      })
    default:
      if (error instanceof AuditLogChanged) {
        log.error('audit-log-changed', { code: error.problem.code })
        return vaultRefusal(503, 'ServiceUnavailable', error.problem)
      }
      log.thrown('request-failed', error)
      return vaultRefusal(500, 'InternalError', {
        code: 'internal',
        at: '',
        detail: 'The service failed.',
      })
  }
}
