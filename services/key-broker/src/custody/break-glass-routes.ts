/**
 * `/break-glass`: asking for a key without attestation, approving it, using it.
 *
 * @see docs/operations/key-custody.md
 * @module
 */

import { hash } from 'node:crypto'
import {
  bytesOfBase64,
  jsonOf,
  ok,
  type Problem,
  type Result,
  reading,
  refuse,
} from '@sealward/attestation/bytes'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Broker } from '../broker.ts'
import { bodyOf, finish, readBytes, vaultFailure } from '../http.ts'
import { keyRefusal } from '../keys/refusal.ts'
import type { Person } from '../people/people.ts'
import type { BreakGlass, BreakGlassQuestion } from './break-glass.ts'
import type { BreakGlassRequest } from './break-glass-record.ts'
import { limits } from './limits.ts'

type Handler = (
  breakGlass: BreakGlass,
  person: Person,
  request: FastifyRequest,
) => Promise<Result<object, Problem>>

/** Everything here is for custodians; the list is for auditors, too. */
export function addBreakGlassRoutes(scope: FastifyInstance, broker: Broker): void {
  const { breakGlass, log, people } = broker
  if (people === undefined) return
  readBytes(scope, ['application/json'], limits.breakGlassBodyBytesMax)
  scope.setErrorHandler((error, _request, reply) =>
    finish(log, 'break-glass', reply, vaultFailure(log, error)),
  )
  const answering =
    (handler: Handler, roles: Parameters<typeof people.verify>[1] = ['custodian']) =>
    async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
      const person = await people.verify(request.headers.authorization, roles)
      if (!person.ok) {
        return finish(log, 'break-glass', reply, keyRefusal(person.problem, people.challenge))
      }
      const result =
        breakGlass === undefined ? off : await handler(breakGlass, person.value, request)
      return finish(
        log,
        'break-glass',
        reply,
        result.ok ? { status: 200, body: result.value } : keyRefusal(result.problem),
      )
    }
  scope.get(
    '/break-glass',
    answering(
      async (glass) => {
        const requests = await glass.list()
        return requests.ok ? ok({ value: requests.value.map(shown) }) : requests
      },
      ['custodian', 'auditor'],
    ),
  )
  scope.post(
    '/break-glass',
    answering(async (glass, person, request) => {
      const question = readQuestion(bodyOf(request))
      if (!question.ok) return question
      const asked = await glass.request(person, question.value)
      return asked.ok ? ok(shown(asked.value)) : asked
    }),
  )
  for (const verb of ['approve', 'refuse'] as const) {
    scope.post(
      `/break-glass/:id/${verb}`,
      answering(async (glass, person, request) => {
        const id = idIn(request)
        const changed = id.ok ? await glass[verb](person, id.value) : id
        return changed.ok ? ok(shown(changed.value)) : changed
      }),
    )
  }
  scope.post(
    '/break-glass/:id/use',
    answering(async (glass, person, request) => {
      const id = idIn(request)
      const used = id.ok ? await glass.use(person, id.value) : id
      return used.ok ? ok({ ...shown(used.value.request), jwe: used.value.jwe }) : used
    }),
  )
}

const off = refuse(
  'break-glass-off',
  'breakGlass',
  'This broker gives no key to anybody without attestation: it is not configured to.',
)

/** The recipient by the thumbprint that the audit log has. */
function shown({ recipient, ...request }: BreakGlassRequest): object {
  const thumbprint = hash('sha256', bytesOfBase64(recipient) ?? '', 'base64url')
  return { ...request, recipient: thumbprint }
}

function idIn(request: FastifyRequest): Result<string, Problem<'break-glass-unknown'>> {
  const { id = '' } = request.params as { readonly id?: string }
  return /^[0-9a-f-]{36}$/.test(id)
    ? ok(id)
    : refuse('break-glass-unknown', 'id', 'There is no such request.')
}

function readQuestion(body: Uint8Array): Result<BreakGlassQuestion, Problem> {
  const json = jsonOf(body, { bytesMax: limits.breakGlassBodyBytesMax, depthMax: 1 })
  if (!json.ok) return json
  return reading(json.value, '', (top) =>
    top.object('refused', ({ required, optional }) => {
      const version = optional('version')?.string(32, /^[0-9a-z]{32}$/)
      return {
        key: required('key').string(127),
        reason: required('reason').string(2 * limits.reasonCharactersMax),
        recipient: required('recipient').string(limits.recipientCharactersMax),
        ...(version === undefined ? {} : { version }),
      }
    }),
  )
}
