/**
 * Anchors: workloads read and advance their own on attested TLS.
 *
 * @module
 */

import type { TLSSocket } from 'node:tls'
import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import type { AccessToken } from '@sealward/attestation/token'
import type { Verified } from '@sealward/attestation/verification'
import type { Admission } from '@sealward/enclave/attested-tls'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import { vaultRefusal } from '../answer.ts'
import type { Broker, Workloads } from '../broker.ts'
import { bodyOf, finish, readBytes, vaultFailure } from '../http.ts'
import { readBody } from '../keys/key-request.ts'
import {
  type AnchorState,
  type AnchorStore,
  createAnchorStore,
  readState,
  readStateOrNull,
} from './anchor-store.ts'
import { limits } from './limits.ts'

/** What access tokens are issued for that anchors are reached with. */
export const anchorPurpose = 'anchor'

/** `<deployment>:<role>` */
export function anchorNameOf({
  deployment,
  role,
}: Pick<AccessToken, 'deployment' | 'role'>): string {
  return `${deployment}:${role}`
}

/** `GET` and `PUT /anchors/<deployment>:<role>`, for whom this is. */
export function addAnchorRoutes(
  scope: FastifyInstance,
  broker: Broker,
  { admissions }: Pick<Workloads, 'admissions'>,
): void {
  const { log } = broker
  const store = createAnchorStore(broker)
  readBytes(scope, ['application/json'], limits.bodyBytesMax)
  scope.setErrorHandler((error, _request, reply) =>
    finish(log, 'anchor', reply, vaultFailure(log, error)),
  )
  scope.addHook('onRequest', async (request, reply) => {
    const caller = await admitted(admissions, request)
    if (!caller.ok) return finish(log, 'anchor', reply, refusalOf(caller.problem))
    if (nameOf(request) === anchorNameOf(caller.value)) return undefined
    const detail = 'A workload has the anchor of its own deployment and role, and no other.'
    const problem = { code: 'anchor-not-own', at: 'path', detail }
    return finish(log, 'anchor', reply, vaultRefusal(403, 'Forbidden', problem))
  })
  scope.get('/anchors/:name', async (request, reply) => {
    const state = await store.read(nameOf(request))
    if (!state.ok) return finish(log, 'anchor', reply, refusalOf(state.problem))
    if (state.value !== undefined) {
      return finish(log, 'anchor', reply, { status: 200, body: state.value })
    }
    const problem = { code: 'anchor-unknown', at: 'path', detail: 'Nothing has been anchored yet.' }
    return finish(log, 'anchor', reply, vaultRefusal(404, 'NotFound', problem))
  })
  scope.put('/anchors/:name', async (request, reply) => {
    const advanced = await advance(store, nameOf(request), bodyOf(request))
    return finish(
      log,
      'anchor',
      reply,
      advanced.ok ? { status: 200, body: advanced.value } : refusalOf(advanced.problem),
    )
  })
}

async function advance(
  store: AnchorStore,
  name: string,
  body: Uint8Array,
): Promise<Result<object, Problem>> {
  const request = readAdvance(body)
  if (!request.ok) return request
  const { expected, next } = request.value
  const advanced = await store.advance(name, expected, next)
  return advanced.ok ? ok(next) : advanced
}

/** Reads `{expected, next}`; nothing is expected as `null`. */
export function readAdvance(
  body: Uint8Array,
): Result<
  { readonly expected: AnchorState | undefined; readonly next: AnchorState },
  Problem<'body-malformed'>
> {
  return readBody(body, (top) =>
    top.object('refused', ({ required }) => ({
      expected: readStateOrNull(required('expected')),
      next: readState(required('next')),
    })),
  )
}

/** The first admission that is for a workload of this role says whether it is let in. */
async function admitted(
  admissions: readonly Admission[],
  request: FastifyRequest,
): Promise<Result<Verified<AccessToken>, Problem>> {
  const token = /^Bearer ([\w.~+/-]+=*)$/i.exec(request.headers.authorization ?? '')?.[1]
  if (token === undefined) {
    return refuse('token-missing', 'authorization', 'An access token for this broker is needed.')
  }
  let refusal: Result<never, Problem> = refuse('wrong-role', 'sub', 'no workload has anchors here')
  for (const admission of admissions) {
    const caller = await admission.admit(request.raw.socket as TLSSocket, token)
    if (caller.ok) return caller
    refusal = caller
    if (caller.problem.code !== 'wrong-role') break
  }
  return refusal
}

function nameOf(request: FastifyRequest): string {
  return (request.params as { readonly name?: string }).name ?? ''
}

/** What is the world's is told apart from what is the caller's. */
function refusalOf(problem: Problem) {
  if (problem.code === 'anchor-conflict') return vaultRefusal(409, 'Conflict', problem)
  if (problem.code === 'token-missing') {
    return vaultRefusal(401, 'Unauthorized', problem, { 'www-authenticate': 'Bearer' })
  }
  if (retried.has(problem.code)) return vaultRefusal(503, 'ServiceUnavailable', problem)
  return problem.code === 'body-malformed'
    ? vaultRefusal(400, 'BadParameter', problem)
    : vaultRefusal(403, 'Forbidden', problem)
}

const retried: ReadonlySet<string> = new Set([
  'store-unavailable',
  'record-refused',
  'attestation-unavailable',
  'deny-list-stale',
  'admission-full',
])
