import { ok, type Result } from '@sealward/attestation/bytes'
import { claimNames } from '@sealward/attestation/token'
import { attestedSessionOf } from '@sealward/enclave/attested-tls'
import { inTransaction } from '@sealward/enclave/database'
import type { FastifyInstance } from 'fastify'
import { vaultRefusal } from '../answer.ts'
import type { Broker, Workloads } from '../broker.ts'
import { finish, vaultFailure } from '../http.ts'
import { handOverPath, isKeptAsWell } from './hand-over.ts'

/** `GET /root-key`, for brokers that are like this one: the connection says whether one is. Written down before it is answered. */
export function addHandOverRoutes(
  scope: FastifyInstance,
  broker: Broker,
  { attested, rootKey, rootKeyPolicy }: Workloads,
): void {
  const { audit, clock, database, log } = broker
  const { deployment, attestation } = attested.trust.initTimeData
  scope.setErrorHandler((error, _request, reply) =>
    finish(log, 'hand-over', reply, vaultFailure(log, error)),
  )
  scope.get(handOverPath, async (request, reply) => {
    const session = attestedSessionOf(request.raw.socket)
    if (session === undefined) throw new Error('not a connection of attested TLS')
    const { peer } = session
    if (peer.role !== 'key-broker') {
      const detail = 'The root key is handed over to brokers that are like this one alone.'
      const problem = { code: 'hand-over-refused', at: 'tls', detail }
      return finish(log, 'hand-over', reply, vaultRefusal(403, 'Forbidden', problem))
    }
    if (!isKeptAsWell(rootKeyPolicy, request.query)) {
      const detail =
        'This broker keeps the root key for its very code (mrenclave): it is handed over to one that does the same.'
      const problem = { code: 'hand-over-refused', at: 'policy', detail }
      return finish(log, 'hand-over', reply, vaultRefusal(403, 'Forbidden', problem))
    }
    // It may have been verified minutes ago.
    const stands = await attested.peers.standing(session)
    if (!stands.ok) {
      const { problem } = stands
      const answer =
        problem.kind === 'unavailable'
          ? vaultRefusal(503, 'ServiceUnavailable', problem)
          : vaultRefusal(403, 'Forbidden', problem)
      return finish(log, 'hand-over', reply, answer)
    }
    const token = peer.token.claims[claimNames.id]
    const written: Result<true> = await inTransaction(database, async (transaction) => {
      await audit.append(
        transaction,
        {
          at: clock.now(),
          actor: {
            kind: 'workload',
            token: typeof token === 'string' ? token : '',
            issuer: attestation.issuer,
          },
          action: 'custody-hand-over',
          target: 'custody/root-key',
          outcome: 'done',
          details: { role: peer.role, deployment },
        },
        { signed: true },
      )
      return ok(true)
    })
    if (!written.ok) {
      const answer = vaultRefusal(503, 'ServiceUnavailable', written.problem)
      return finish(log, 'hand-over', reply, answer)
    }
    log.warn('root-key-handed-over')
    return reply
      .header('cache-control', 'no-store')
      .type('application/octet-stream')
      .send(Buffer.from(rootKey))
  })
}
