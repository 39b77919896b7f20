import { bytesOfBase64Url, jsonOf, reading } from '@sealward/attestation/bytes'
import { sendProblem } from '@sealward/enclave/server'
import type { FastifyInstance } from 'fastify'
import type { Broker, Workloads } from '../broker.ts'
import { bodyOf, readBytes } from '../http.ts'
import { limits } from '../limits.ts'

/** `POST /evidence`: before anybody is known. */
export function addEvidenceRoute(
  scope: FastifyInstance,
  _broker: Broker,
  { identity }: Pick<Workloads, 'identity'>,
): void {
  readBytes(scope, ['application/json'], limits.evidenceRequestBytesMax)
  scope.post('/evidence', async (request, reply) => {
    const nonce = nonceIn(bodyOf(request))
    if (nonce === undefined) {
      const detail = 'a nonce of 32 bytes in base64url is expected'
      return sendProblem(reply, 400, { code: 'malformed', at: 'nonce', detail })
    }
    const evidence = await identity.evidence(nonce)
    if (!evidence.ok) {
      const status = evidence.problem.code === 'nonce-length' ? 400 : 503
      return sendProblem(reply, status, evidence.problem)
    }
    return reply.type('application/vnd.sealward.evidence+json').send(JSON.stringify(evidence.value))
  })
}

function nonceIn(body: Uint8Array): Uint8Array | undefined {
  const json = jsonOf(body, { bytesMax: limits.evidenceRequestBytesMax, depthMax: 1 })
  if (!json.ok) return undefined
  const nonce = reading(json.value, '', (top) =>
    top.object('refused', ({ required }) => required('nonce').string(64)),
  )
  return nonce.ok ? bytesOfBase64Url(nonce.value) : undefined
}
