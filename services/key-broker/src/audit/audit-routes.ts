/**
 * `GET /audit`, and what it is verified with.
 *
 * @see docs/spec/audit-log.md
 * @module
 */

import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import { reaching } from '@sealward/enclave/database'
import type { FastifyInstance } from 'fastify'
import { type Answer, vaultRefusal } from '../answer.ts'
import type { Broker } from '../broker.ts'
import { finish, vaultFailure } from '../http.ts'
import { keyRefusal } from '../keys/refusal.ts'
import { limits } from './limits.ts'

/** Entries are for auditors; checkpoints, and the key that they are verified with, for everybody. */
export function addAuditRoutes(scope: FastifyInstance, broker: Broker): void {
  const { audit, people, log } = broker
  scope.setErrorHandler((error, _request, reply) =>
    finish(log, 'audit', reply, vaultFailure(log, error)),
  )
  scope.get('/audit/keys', (_request, reply) =>
    finish(log, 'audit', reply, { status: 200, body: { keys: audit.keys } }),
  )
  scope.get('/audit/checkpoint', async (_request, reply) => {
    const checkpoint = await reaching(async () => ok(await audit.checkpoint()))
    if (!checkpoint.ok) return finish(log, 'audit', reply, unavailable(checkpoint.problem))
    return finish(log, 'audit', reply, { status: 200, body: { checkpoint: checkpoint.value } })
  })
  scope.get('/audit', async (request, reply) => {
    if (people === undefined) return finish(log, 'audit', reply, nobodyAsks)
    const person = await people.verify(request.headers.authorization, ['auditor'])
    if (!person.ok) {
      return finish(log, 'audit', reply, keyRefusal(person.problem, people.challenge))
    }
    const after = wholeIn(request.query, 'after', [0, Number.MAX_SAFE_INTEGER], 0)
    if (!after.ok) return finish(log, 'audit', reply, malformed(after.problem))
    const limit = wholeIn(request.query, 'limit', [1, limits.pageMax], limits.pageDefault)
    if (!limit.ok) return finish(log, 'audit', reply, malformed(limit.problem))
    const lines = await reaching(async () => ok(await audit.page(after.value, limit.value)))
    if (!lines.ok) return finish(log, 'audit', reply, unavailable(lines.problem))
    return reply
      .header('cache-control', 'no-store')
      .type('application/jsonl; charset=utf-8')
      .send(lines.value.map((line) => `${line}\n`).join(''))
  })
}

const nobodyAsks: Answer = vaultRefusal(401, 'Unauthorized', {
  code: 'identity-provider-missing',
  at: 'identityProvider',
  detail: 'This broker knows nobody: no identity provider is configured.',
})

function unavailable(problem: Problem): Answer {
  return vaultRefusal(503, 'ServiceUnavailable', problem)
}

function malformed(problem: Problem): Answer {
  return vaultRefusal(400, 'BadParameter', problem)
}

function wholeIn(
  query: unknown,
  at: string,
  [min, max]: readonly [number, number],
  absent: number,
): Result<number, Problem<'query-malformed'>> {
  const text = (query as Readonly<Record<string, unknown>>)[at]
  if (text === undefined) return ok(absent)
  const number = typeof text === 'string' && /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
  return number >= min && number <= max
    ? ok(number)
    : refuse('query-malformed', at, `A whole number from ${min} to ${max} is expected.`)
}
