/**
 * `POST /keys/{name}/{version?}/release`: for people's tools by bearer token, and for workloads on attested TLS.
 *
 * @module
 */

import type { TLSSocket } from 'node:tls'
import type { Problem } from '@sealward/attestation/bytes'
import { peerCertificateSha256 } from '@sealward/enclave/attested-tls'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { apiVersionIn } from '../api-version.ts'
import type { Broker, Workloads } from '../broker.ts'
import { bodyOf, finish, readBytes, vaultFailure } from '../http.ts'
import { apiVersionProblem, nameProblem } from '../keys/key-path.ts'
import { keyRefusal } from '../keys/refusal.ts'
import { limits as serviceLimits } from '../limits.ts'
import { type ReleaseAsker, releaseKey } from './release.ts'
import { type ReleaseSigner, releaseSignerOf } from './release-signer.ts'

/** With a name alone it is the current version; clients write nothing in its place, or leave it out. */
const paths = ['/keys/:name/release', '/keys/:name//release', '/keys/:name/:version/release']

type Asker = (request: FastifyRequest) => Promise<ReleaseAsker | Problem>

/** For people with the role `releaser`. */
export function addReleaseRoutes(scope: FastifyInstance, broker: Broker): void {
  const { people, releaseSigner: signer } = broker
  if (people === undefined) return
  addRoutes(
    scope,
    broker,
    signer,
    async (request) => {
      const person = await people.verify(request.headers.authorization, ['releaser'])
      return person.ok ? { kind: 'person', subject: person.value.subject } : person.problem
    },
    people.challenge,
  )
}

/** For workloads: who asks, the token says, and the connection proves. */
export function addAttestedReleaseRoutes(
  scope: FastifyInstance,
  broker: Broker,
  { identity: { tls } }: Workloads,
): void {
  const signer = releaseSignerOf(tls.certificatePem, tls.privateKeyPem)
  if (!signer.ok) throw new Error(signer.problem.detail)
  addRoutes(scope, broker, signer.value, async (request) => {
    const certificateSha256 = peerCertificateSha256(request.raw.socket as TLSSocket)
    return certificateSha256 === undefined
      ? { code: 'certificate-missing', at: 'tls', detail: 'The connection has no certificate.' }
      : { kind: 'workload', certificateSha256 }
  })
}

function addRoutes(
  scope: FastifyInstance,
  broker: Broker,
  signer: ReleaseSigner,
  askerOf: Asker,
  challenge?: string,
): void {
  const { log } = broker
  readBytes(scope, ['application/json'], serviceLimits.bodyBytesMax)
  scope.setErrorHandler((error, _request, reply) =>
    finish(log, 'release', reply, vaultFailure(log, error)),
  )
  const askers = new WeakMap<FastifyRequest, ReleaseAsker>()
  for (const url of paths) {
    scope.route({
      method: 'POST',
      url,
      // Before a body is read: Key Vault's clients ask without one first.
      onRequest: async (request, reply) => {
        const asker = await askerOf(request)
        if ('code' in asker) return finish(log, 'release', reply, keyRefusal(asker, challenge))
        const problem = apiVersionProblem(request.query) ?? nameProblem(request.params)
        if (problem !== undefined) return finish(log, 'release', reply, keyRefusal(problem))
        askers.set(request, asker)
        return undefined
      },
      handler: async (request, reply) => {
        const asker = askers.get(request)
        const apiVersion = apiVersionIn(request.query)
        if (asker === undefined || apiVersion === undefined) throw new Error('nobody asked')
        const { name = '', version } = request.params as {
          readonly name?: string
          readonly version?: string
        }
        const body = bodyOf(request)
        const released = await releaseKey(broker, signer, {
          asker,
          name,
          version,
          apiVersion,
          body,
        })
        return finish(
          log,
          'release',
          reply,
          released.ok ? { status: 200, body: released.value } : keyRefusal(released.problem),
        )
      },
    })
  }
}
