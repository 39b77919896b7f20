/**
 * Trustee's KBS protocol: a handshake, and resources.
 *
 * @see confidential-containers/trustee, kbs/docs/kbs_attestation_protocol.md, kbs/docs/kbs.yaml; docs/spec/kbs.md
 * @module
 */

import {
  bytesOfBase64,
  equalBytes,
  jsonOf,
  ok,
  type Problem,
  type Result,
  reading,
  refuse,
} from '@sealward/attestation/bytes'
import type { AttestationResult } from '@sealward/attestation/token'
import type { Verified } from '@sealward/attestation/verification'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Answer } from '../answer.ts'
import { AuditLogChanged } from '../audit/audit.ts'
import type { Broker, KbsDeps } from '../broker.ts'
import { bodyOf, finish, readBytes } from '../http.ts'
import type { BrokerRole, Person } from '../people/people.ts'
import { runtimeDataIn } from './appraised.ts'
import { parseAttestation } from './attestation.ts'
import { createAttestedSessions } from './attested-sessions.ts'
import { createBackgroundCheck } from './background-check.ts'
import { limits } from './limits.ts'
import { createKbsMetrics } from './metrics.ts'
import { type KbsErrorType, kbsRefusal } from './refusal.ts'
import { parseAuthRequest } from './request.ts'
import { everyResource, resourcePathOf } from './resource-path.ts'
import type { PolicyPlace } from './resource-store.ts'
import { createResources } from './resources.ts'
import { bindingHashOf, runtimeDataOf } from './runtime-data.ts'
import { createSessions, type Session } from './session.ts'
import type { TeePublicKey } from './tee-public-key.ts'

/** @param scope - below it are only these routes. */
export function addKbsRoutes(scope: FastifyInstance, broker: Broker): void {
  const { kbs } = broker
  // Without an attestation service that appraises evidence there is nobody to release to.
  if (kbs === undefined) return
  const { log } = broker
  const metrics = createKbsMetrics(kbs.metrics)
  metrics.observe(scope)
  readBytes(scope, ['*'], limits.resourceBytesMax)
  const send = (reply: FastifyReply, answer: Answer): FastifyReply =>
    finish(log, 'kbs', reply, answer)
  scope.setErrorHandler((error, _request, reply) => send(reply, failure(broker, error)))
  addHandshake(scope, broker, kbs, metrics, send)
  addResourceRoutes(scope, broker, kbs, metrics, send)
  addPolicyRoutes(scope, broker, send)
  scope.all(`${prefix}/*`, { bodyLimit: limits.policyBytesMax }, async (_request, reply) =>
    send(reply, kbsRefusal(pluginUnknown, 'PluginNotFound')),
  )
}

const prefix = '/kbs/v0'

type Send = (reply: FastifyReply, answer: Answer) => FastifyReply
type KbsMetrics = ReturnType<typeof createKbsMetrics>

function addHandshake(
  scope: FastifyInstance,
  broker: Broker,
  kbs: KbsDeps,
  metrics: KbsMetrics,
  send: Send,
): void {
  const { authorities } = broker
  const sessions = sessionsOf(broker, kbs)
  const attested = createAttestedSessions(broker)
  const backgroundCheck = createBackgroundCheck(kbs.url)
  scope.addHook('onClose', () => backgroundCheck.close())
  let underWay = 0

  scope.post(`${prefix}/auth`, { bodyLimit: limits.requestBytesMax }, async (request, reply) => {
    metrics.authRequests()
    const read = parseAuthRequest(bodyOf(request))
    if (!read.ok) {
      metrics.authErrors()
      return send(reply, kbsRefusal(read.problem, 'AttestationError'))
    }
    const { session, cookie } = sessions.begin(read.value)
    metrics.authSuccesses()
    const selected = session.hash === 'sha384' ? '' : { 'selected-hash-algorithm': session.hash }
    return send(reply, {
      status: 200,
      headers: { 'set-cookie': sessions.setCookie(cookie, session) },
      body: { nonce: session.nonce, 'extra-params': selected },
    })
  })

  const attest = async (session: Session, body: Uint8Array): Promise<Result<string, Problem>> => {
    const attestation = parseAttestation(body, session)
    if (!attestation.ok) return attestation
    const { evidence, initData, saidNonce, teePublicKey } = attestation.value
    if (saidNonce !== undefined && saidNonce !== session.nonce) return nonceMismatch
    const token = await backgroundCheck.appraise({
      evidence,
      initData,
      nonce: session.nonce,
      runtimeData: {
        data: runtimeDataOf(attestation.value, session.version),
        dataType: 'JSON',
        hashAlgorithm: bindingHashOf[session.hash],
      },
    })
    if (!token.ok) return token
    const verified = await authorities.verify(token.value)
    if (!verified.ok) return verified
    const appraised = runtimeDataIn(verified.value.claims)
    const isAnswer =
      verified.value.issuer === kbs.authority &&
      appraised.ok &&
      appraised.value.nonce === session.nonce &&
      isSameKey(appraised.value.teePublicKey, teePublicKey)
    if (!isAnswer) return anotherAnswer
    const kept = await attested.keep(session, token.value)
    return kept.ok ? ok(token.value) : kept
  }

  scope.post(
    `${prefix}/attest`,
    {
      bodyLimit: limits.attestationBytesMax,
      // Before a body is read, it is known that somebody began.
      onRequest: async (request, reply) => {
        const session = sessions.read(request.headers.cookie)
        if (session.ok) return undefined
        metrics.attestationRequests()
        metrics.attestationErrors()
        return send(reply, kbsRefusal(session.problem, 'AttestationError'))
      },
    },
    async (request, reply) => {
      metrics.attestationRequests()
      const session = sessions.read(request.headers.cookie)
      if (!session.ok) return send(reply, kbsRefusal(session.problem, 'AttestationError'))
      if (underWay >= limits.attestationsMax) {
        return send(reply, kbsRefusal(attestationsTooMany, 'AttestationError'))
      }
      underWay += 1
      try {
        const token = await attest(session.value, bodyOf(request))
        if (!token.ok) {
          if (token.problem.code === 'kbs-attestation-malformed') metrics.attestationErrors()
          else metrics.attestationFailures(session.value.tee)
          return send(reply, kbsRefusal(token.problem, 'AttestationError'))
        }
        metrics.attestationSuccesses(session.value.tee)
        return send(reply, { status: 200, body: { token: token.value } })
      } finally {
        underWay -= 1
      }
    },
  )
}

function addResourceRoutes(
  scope: FastifyInstance,
  broker: Broker,
  kbs: KbsDeps,
  metrics: KbsMetrics,
  send: Send,
): void {
  const sessions = sessionsOf(broker, kbs)
  const attested = createAttestedSessions(broker)
  const resources = createResources(broker)

  /** By the session, or else by the token that the request brings. */
  const tokenOf = async (request: FastifyRequest): Promise<Result<string, Problem>> => {
    const { authorization, cookie } = request.headers
    const session = sessions.read(cookie)
    const inSession = session.ok ? await attested.tokenOf(session.value) : session
    if (inSession.ok) return inSession
    const [, bearer] = /^bearer +([A-Za-z0-9._-]+)$/i.exec(authorization ?? '') ?? []
    return bearer === undefined ? inSession : ok(bearer)
  }
  const believed = async (token: string): Promise<Result<Verified<AttestationResult>, Problem>> =>
    broker.authorities.verify(token)

  const path = `${prefix}/resource/:repository/:type/:tag`

  scope.get(path, async (request, reply) => {
    const token = await tokenOf(request)
    if (!token.ok) return send(reply, kbsRefusal(token.problem, 'TokenNotFound'))
    const verified = await believed(token.value)
    if (!verified.ok) return send(reply, kbsRefusal(verified.problem, 'TokenVerifierError'))
    const place = resourcePathOf(segmentsOf(request))
    if (!place.ok) return send(reply, kbsRefusal(place.problem, 'InvalidRequestPath'))
    const version = versionIn(request.query)
    if (!version.ok) return send(reply, kbsRefusal(version.problem, 'InvalidRequestPath'))
    metrics.policyEvaluations()
    const released = await resources.release(verified.value, place.value, version.value)
    if (!released.ok) {
      const { code } = released.problem
      if (code === 'kbs-release-refused') metrics.policyViolations()
      else if (code === 'kbs-resource-unknown') metrics.policyApprovals()
      else metrics.policyErrors()
      return send(reply, kbsRefusal(released.problem, 'PluginInternalError'))
    }
    metrics.policyApprovals()
    metrics.resourceReads(place.value)
    return send(reply, { status: 200, body: released.value })
  })

  scope.post(
    path,
    { bodyLimit: limits.resourceBytesMax, onRequest: admitting(broker, ['officer'], send) },
    async (request, reply) => {
      const place = resourcePathOf(segmentsOf(request))
      if (!place.ok) return send(reply, kbsRefusal(place.problem, 'InvalidRequestPath'))
      const put = await resources.put(actorOf(request), place.value, bodyOf(request))
      if (!put.ok) return send(reply, kbsRefusal(put.problem, 'PluginInternalError'))
      metrics.resourceWrites(place.value)
      return send(reply, { status: 200, body: put.value })
    },
  )

  // Paths of another length are no resources, and nobody's who asks.
  scope.all(`${prefix}/resource/*`, async (request, reply) => {
    const place = resourcePathOf([])
    const problem = place.ok ? pluginUnknown : place.problem
    return request.method === 'GET' || request.method === 'POST'
      ? send(reply, kbsRefusal(problem, 'InvalidRequestPath'))
      : send(reply, kbsRefusal(pluginUnknown, 'PluginNotFound'))
  })
}

function addPolicyRoutes(scope: FastifyInstance, broker: Broker, send: Send): void {
  const resources = createResources(broker)
  const seeing: readonly BrokerRole[] = ['reader', 'officer', 'auditor']
  const officer = {
    bodyLimit: limits.policyBytesMax,
    onRequest: admitting(broker, ['officer'], send),
  }

  scope.get(
    `${prefix}/resource-policy`,
    { onRequest: admitting(broker, seeing, send) },
    async (request, reply) => {
      const { resource } = request.query as { readonly resource?: unknown }
      const place = placeOf(resource)
      if (!place.ok) return send(reply, kbsRefusal(place.problem, 'InvalidRequestPath'))
      const policy = await resources.policyOf(place.value)
      if (!policy.ok) return send(reply, kbsRefusal(policy.problem, 'PluginInternalError'))
      const text = policy.value
      return send(reply, {
        status: 200,
        body: text === undefined ? {} : (JSON.parse(text) as object),
      })
    },
  )

  scope.post(`${prefix}/resource-policy`, officer, async (request, reply) => {
    const read = readPolicyRequest(bodyOf(request))
    if (!read.ok) return send(reply, kbsRefusal(read.problem, 'PolicyEngine'))
    const { place, policy } = read.value
    const set = await resources.setPolicy(actorOf(request), place, policy)
    return send(reply, set.ok ? { status: 200 } : kbsRefusal(set.problem, 'PolicyEngine'))
  })

  scope.post(`${prefix}/attestation-policy`, officer, async (_request, reply) =>
    send(reply, kbsRefusal(attestationPolicyElsewhere, 'AttestationError')),
  )
}

/** `{policy}`, as the reference has it; of one resource alone, where one is named. */
function readPolicyRequest(
  body: Uint8Array,
): Result<{ readonly place: PolicyPlace; readonly policy: Uint8Array }, Problem> {
  const json = jsonOf(body, { bytesMax: limits.policyBytesMax, depthMax: 2 })
  const read = json.ok
    ? reading(json.value, '', (top) =>
        top.object('refused', ({ required, optional }) => {
          const policy = required('policy')
          const text = policy.string(limits.policyBytesMax)
          // Trustee's own client sends base64url, its documentation says base64.
          const plain = text.replaceAll('-', '+').replaceAll('_', '/').replace(/=+$/, '')
          const padded = plain + '='.repeat((4 - (plain.length % 4)) % 4)
          return {
            resource: optional('resource')?.string(limits.policyBytesMax),
            policy: bytesOfBase64(padded) ?? policy.fail('wrong-value', 'base64 expected'),
          }
        }),
      )
    : json
  if (!read.ok) {
    const { at, detail } = read.problem
    return refuse('kbs-policy-malformed', at, `The policy cannot be read: ${detail}.`)
  }
  const place = placeOf(read.value.resource)
  return place.ok ? ok({ place: place.value, policy: read.value.policy }) : place
}

function placeOf(resource: unknown): Result<PolicyPlace, Problem> {
  if (resource === undefined) return ok(everyResource)
  return resourcePathOf(typeof resource === 'string' ? resource.split('/') : [])
}

function sessionsOf({ clock, publicUrl, random, sealer }: Broker, kbs: KbsDeps) {
  return createSessions({
    sealer,
    clock,
    random,
    lifetimeSeconds: kbs.sessionSeconds,
    secure: publicUrl.startsWith('https:'),
  })
}

const persons = new WeakMap<FastifyRequest, Person>()

/** Before a body is read. */
function admitting({ people }: Broker, roles: readonly BrokerRole[], send: Send) {
  return async (
    request: FastifyRequest,
    reply: FastifyReply,
  ): Promise<FastifyReply | undefined> => {
    const person =
      people === undefined
        ? refuse('identity-provider-missing', '', 'Nobody is known here who may administer.')
        : await people.verify(request.headers.authorization, roles)
    if (!person.ok) return send(reply, kbsRefusal(person.problem, 'AdminAuth'))
    persons.set(request, person.value)
    return undefined
  }
}

function actorOf(request: FastifyRequest): { readonly kind: 'person'; readonly subject: string } {
  const person = persons.get(request)
  if (person === undefined) throw new Error('a request of nobody')
  return { kind: 'person', subject: person.subject }
}

function segmentsOf({ params }: FastifyRequest): readonly string[] {
  const { repository, type, tag } = params as Readonly<Record<string, string>>
  return [repository ?? '', type ?? '', tag ?? '']
}

function versionIn(query: unknown): Result<number | undefined, Problem> {
  const { version } = query as { readonly version?: unknown }
  if (version === undefined) return ok(undefined)
  return typeof version === 'string' && /^[1-9][0-9]{0,3}$/.test(version)
    ? ok(Number(version))
    : refuse('kbs-path-malformed', 'version', 'A version is a number from 1.')
}

function isSameKey(one: TeePublicKey, other: TeePublicKey): boolean {
  const bytesOf = (teePublicKey: TeePublicKey): Uint8Array =>
    runtimeDataOf({ nonce: '', teePublicKey, additionalEvidence: '' }, '0.4.0')
  return equalBytes(bytesOf(one), bytesOf(other))
}

/** What the HTTP layer refused, in our words; anything else is a bug of ours, and told as nothing but that. */
function failure({ log }: Broker, error: unknown): Answer {
  if (error instanceof AuditLogChanged) {
    log.error('audit-log-changed', { code: error.problem.code })
    return kbsRefusal(error.problem, 'PluginInternalError')
  }
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'FST_ERR_CTP_BODY_TOO_LARGE') {
    const problem = { code: 'body-too-large', at: 'body', detail: 'The body is too large.' }
    return kbsRefusal(problem, 'SerdeError')
  }
  if (code === 'FST_ERR_CTP_INVALID_CONTENT_LENGTH' || code === 'ECONNRESET') {
    const detail = 'The body is not what its header says.'
    return kbsRefusal({ code: 'body-malformed', at: 'body', detail }, 'SerdeError')
  }
  log.thrown('request-failed', error)
  const problem: Problem = { code: 'internal', at: '', detail: 'The service failed.' }
  return { ...kbsRefusal(problem, 'PluginInternalError' satisfies KbsErrorType), status: 500 }
}

const pluginUnknown: Problem = {
  code: 'kbs-plugin-unknown',
  at: 'path',
  detail:
    'There is no such plugin here: auth, attest, resource and resource-policy are what there is.',
}

const nonceMismatch: { readonly ok: false; readonly problem: Problem } = refuse(
  'kbs-nonce-mismatch',
  'runtime-data.nonce',
  'The nonce is not the one of this session.',
)

const anotherAnswer: { readonly ok: false; readonly problem: Problem } = refuse(
  'kbs-token-mismatch',
  'token',
  'The attestation service answered with a result about somebody else.',
)

const attestationsTooMany: Problem = {
  code: 'kbs-attestations-too-many',
  at: '',
  detail: 'Too many attestations are under way: try again in some seconds.',
}

const attestationPolicyElsewhere: Problem = {
  code: 'kbs-attestation-policy-elsewhere',
  at: 'path',
  detail:
    'Evidence is appraised by the attestation service: its policies are set there, signed by those who may. Rego is not evaluated.',
}
