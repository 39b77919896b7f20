/**
 * `POST /keys/{name}/{version?}/release`: for people's tools by bearer token, and for workloads on attested TLS.
 *
 * @module
 */

import type { Problem } from '@sealward/attestation/bytes'
import { type AttestedSession, attestedSessionOf } from '@sealward/enclave/attested-tls'
import type { TlsIdentity } from '@sealward/enclave/identity'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { apiVersionIn } from '../api-version.ts'
import type { Broker } from '../broker.ts'
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
    () => signer,
    async (request) => {
      const person = await people.verify(request.headers.authorization, ['releaser'])
      return person.ok ? { kind: 'person', subject: person.value.subject } : person.problem
    },
    people.challenge,
  )
}

/** For workloads: who asks, the token says, and the connection proves. */
export function addAttestedReleaseRoutes(scope: FastifyInstance, broker: Broker): void {
  addRoutes(
    scope,
    broker,
    (request) => signerOf(sessionOf(request).own),
    async (request) => ({
      kind: 'workload',
      certificateSha256: sessionOf(request).certificateSha256,
    }),
  )
}

/** The listener lets in nobody without one. */
function sessionOf(request: FastifyRequest): AttestedSession {
  const session = attestedSessionOf(request.raw.socket)
  if (session === undefined) throw new Error('not a connection of attested TLS')
  return session
}

/** Signs with the certificate that the connection was verified by: others may have followed it. */
function signerOf(own: TlsIdentity): ReleaseSigner {
  const known = signers.get(own)
  if (known !== undefined) return known
  const signer = releaseSignerOf(own.certificatePem, own.privateKeyPem)
  if (!signer.ok) throw new Error(signer.problem.detail)
  signers.set(own, signer.value)
  return signer.value
}

const signers = new WeakMap<TlsIdentity, ReleaseSigner>()

function addRoutes(
  scope: FastifyInstance,
  broker: Broker,
  signerFor: (request: FastifyRequest) => ReleaseSigner,
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
        const released = await releaseKey(broker, signerFor(request), {
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
