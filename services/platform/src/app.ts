import { ok, type Result, refuse } from '@sealward/attestation/bytes'
import type { Logger } from '@sealward/enclave/telemetry'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import { type Answer, json, operationOutcome, problemDetails } from './answer.ts'
import { readCapabilities } from './fhir/capability.ts'
import { erasePatient } from './fhir/erase.ts'
import { createPatient, searchPatients, updatePatient } from './fhir/patients.ts'
import { readableTypes, readOf, searchOf, searchParameters } from './fhir/reads.ts'
import { signReport } from './fhir/sign.ts'
import { readFilmSummary, readRenderedFilm, uploadFilm } from './films/routes.ts'
import { innerPathCharactersMax, sealedRequestBytesMax } from './limits.ts'
import { once } from './once.ts'
import { createOrder } from './orders/create-order.ts'
import type { Handler, Platform, StaffRequest } from './platform.ts'
import type { ApiProblem } from './problems.ts'
import { readOpenings, readReceipt } from './receipts/receipt.ts'
import { readResult } from './results/result.ts'
import type { Role, Staff } from './staff/staff.ts'
import { readModelCard, readTrust } from './trust/trust.ts'

type Method = 'GET' | 'POST' | 'PUT'
type Route = readonly [method: Method, path: string, who: Role | 'staff', handler: Handler]

/** All that can be asked inside the sealed channel, and by whom. */
const routes: readonly Route[] = [
  [
    'GET',
    '/me',
    'staff',
    async (_, { staff }) => ok(json({ name: staff.name, roles: staff.roles })),
  ],
  ['GET', '/fhir/metadata', 'staff', readCapabilities],
  ['POST', '/fhir/Patient', 'staff', once('POST /fhir/Patient', createPatient)],
  ['GET', '/fhir/Patient', 'staff', searchPatients],
  ['PUT', '/fhir/Patient/:id', 'staff', updatePatient],
  ['POST', '/fhir/Patient/:id/$erase', 'privacy-officer', erasePatient],
  ['POST', '/films', 'staff', once('POST /films', uploadFilm)],
  ['GET', '/films/:id', 'staff', readFilmSummary],
  ['GET', '/films/:id/rendered', 'staff', readRenderedFilm],
  ['POST', '/fhir/ServiceRequest', 'staff', once('POST /fhir/ServiceRequest', createOrder)],
  ['POST', '/fhir/DiagnosticReport/:id/$sign', 'radiologist', once('POST $sign', signReport)],
  ['GET', '/results/:id', 'staff', readResult],
  ['GET', '/receipts/:id', 'staff', readReceipt],
  ['GET', '/receipts/:id/openings', 'staff', readOpenings],
  ['GET', '/trust', 'staff', readTrust],
  ['GET', '/model-card', 'staff', readModelCard],
  ...readableTypes.map((type): Route => ['GET', `/fhir/${type}/:id`, 'staff', readOf(type)]),
  ...searchParameters.map(([type]): Route => ['GET', `/fhir/${type}`, 'staff', searchOf(type)]),
]

/** The routes inside the sealed channel: `GET /films/:id`. */
export const innerRoutes: readonly string[] = routes.map(([method, path]) => `${method} ${path}`)

/** Says who sent a request, by its `authorization` header. */
export type VerifyStaff = (authorization: string | undefined) => Promise<Result<Staff, ApiProblem>>

/**
 * The platform as seen from inside the sealed channel. It listens nowhere: `sealed-http` injects what
 * it has opened.
 */
export function createApp(deps: {
  readonly platform: Platform
  readonly verifyStaff: VerifyStaff
  readonly log: Logger
}): FastifyInstance {
  const { log, platform, verifyStaff } = deps
  const app = Fastify({
    logger: false,
    bodyLimit: sealedRequestBytesMax,
    exposeHeadRoutes: false,
    routerOptions: { maxParamLength: innerPathCharactersMax, caseSensitive: true },
  })
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))
  const staffOf = new WeakMap<FastifyRequest, Staff>()
  for (const [method, url, who, handler] of routes) {
    const answer = (reply: FastifyReply, result: Result<Answer, ApiProblem>): FastifyReply => {
      const given = result.ok ? result.value : refusal(url, result.problem)
      log.info('request', {
        method,
        route: url,
        status: given.status,
        durationMs: Math.round(reply.elapsedTime),
        ...(result.ok ? {} : { code: result.problem.code }),
      })
      return send(reply, given)
    }
    app.route({
      method,
      url,
      // Before any body is taken: strangers upload nothing.
      onRequest: async (request, reply) => {
        const staff = await admitted(request, who)
        if (!staff.ok) return answer(reply, staff)
        staffOf.set(request, staff.value)
        return undefined
      },
      handler: async (request, reply) => {
        const staff = staffOf.get(request)
        if (staff === undefined) throw new Error('unreachable: nobody was admitted')
        return answer(reply, await handler(platform, requestOf(request, staff)))
      },
    })
  }
  app.setNotFoundHandler((request, reply) =>
    send(
      reply,
      refusal(request.url, { code: 'not-found', at: 'path', detail: 'There is nothing here.' }),
    ),
  )
  app.setErrorHandler((error, request, reply) => {
    const problem = problemOfError(error)
    if (problem.code === 'broken-program') log.thrown('request-broken', error)
    return send(reply, refusal(request.url, problem))
  })
  return app

  async function admitted(
    request: FastifyRequest,
    who: Role | 'staff',
  ): Promise<Result<Staff, ApiProblem>> {
    const staff = await verifyStaff(request.headers.authorization)
    if (!staff.ok || who === 'staff' || staff.value.roles.includes(who)) return staff
    return refuse('role-insufficient', 'roles', `This is for the role ${who}.`)
  }
}

function requestOf(request: FastifyRequest, staff: Staff): StaffRequest {
  const { body, headers, params, url } = request
  const mark = url.indexOf('?')
  return {
    staff,
    parameters: params as Readonly<Record<string, string>>,
    query: new URLSearchParams(mark < 0 ? '' : url.slice(mark + 1)),
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [
        name,
        Array.isArray(value) ? value.join(', ') : value,
      ]),
    ),
    body: body instanceof Uint8Array ? body : new Uint8Array(),
  }
}

/** FHIR clients read OperationOutcomes, all others problem details. */
function refusal(path: string, problem: ApiProblem): Answer {
  return path.startsWith('/fhir/') ? operationOutcome(problem) : problemDetails(problem)
}

function problemOfError(error: unknown): ApiProblem {
  const status = error instanceof Error && 'statusCode' in error ? Number(error.statusCode) : 500
  if (status === 413) return { code: 'too-large', at: 'body', detail: 'The body is too large.' }
  if (status >= 400 && status < 500) {
    return { code: 'body-malformed', at: 'request', detail: 'The request cannot be read.' }
  }
  return { code: 'broken-program', at: 'request', detail: 'The request led to an error of ours.' }
}

function send(reply: FastifyReply, answer: Answer): FastifyReply {
  return reply
    .code(answer.status)
    .headers({ 'cache-control': 'no-store', ...answer.headers })
    .send(Buffer.from(answer.body))
}
