/**
 * What happened to policies and signers, by whom and when. Ours: Azure shows no history.
 *
 * @module
 */

import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import { reaching } from '@sealward/enclave/database'
import type { Answer } from '../answer.ts'
import { type PolicyType, policyTypeOf } from '../policies/policy-type.ts'
import type {
  AdministrationDeps,
  AdministrationHandler,
  AdministrationRequest,
} from './administration-request.ts'
import { authorize } from './authorize.ts'
import { limits } from './limits.ts'
import { managedOf } from './managed.ts'
import { readEvents, readVersion, type StoredEvent } from './records.ts'
import { administrationRefusal } from './refusal.ts'
import { policyIn } from './stored-policy.ts'

/** `GET /policies/{type}/history`. */
export const getPolicyHistory: AdministrationHandler = async (deps, request) => {
  const type = policyTypeOf(request.parameters['type'] ?? '')
  return type === undefined
    ? administrationRefusal(unknown('policy-type-unknown'), deps.instance.issuer)
    : history(deps, request, type)
}

/** `GET /certificates/history`. */
export const getSignerHistory: AdministrationHandler = (deps, request) =>
  history(deps, request, undefined)

/** `GET /policies/{type}/versions/{n}`: the policy as it was. */
export const getPolicyVersion: AdministrationHandler = async (deps, request) => {
  const { issuer, name } = deps.instance
  const managed = managedOf(deps)
  if (!managed.ok) return administrationRefusal(managed.problem, issuer)
  const { database } = managed.value.store
  const reader = await authorize(managed.value, request.authorization, 'reader')
  if (!reader.ok) return administrationRefusal(reader.problem, issuer)
  const type = policyTypeOf(request.parameters['type'] ?? '')
  const version = numberIn(request.parameters['version'], numberMax)
  if (type === undefined) return administrationRefusal(unknown('policy-type-unknown'), issuer)
  if (version === undefined) return administrationRefusal(unknown('version-unknown'), issuer)
  const event = await reaching(async () => ok(await readVersion(database, name, type, version)))
  if (!event.ok) return administrationRefusal(event.problem, issuer)
  if (event.value === undefined) return administrationRefusal(unknown('version-unknown'), issuer)
  const { action, jws } = event.value
  return {
    status: 200,
    body: {
      ...shown(event.value),
      jws,
      ...(action === 'set' && jws !== null ? { policy: policyIn(jws).text } : {}),
    },
  }
}

async function history(
  deps: AdministrationDeps,
  { authorization, query }: AdministrationRequest,
  type: PolicyType | undefined,
): Promise<Answer> {
  const { issuer, name } = deps.instance
  const managed = managedOf(deps)
  if (!managed.ok) return administrationRefusal(managed.problem, issuer)
  const { database } = managed.value.store
  const reader = await authorize(managed.value, authorization, 'reader')
  if (!reader.ok) return administrationRefusal(reader.problem, issuer)
  const limit = pageNumber(query, 'limit', limits.pageMax, limits.pageDefault)
  if (!limit.ok) return administrationRefusal(limit.problem, issuer)
  const before = pageNumber(query, 'before', numberMax, numberMax)
  if (!before.ok) return administrationRefusal(before.problem, issuer)
  const events = await reaching(async () =>
    ok(await readEvents(database, name, { type, before: before.value, limit: limit.value + 1 })),
  )
  if (!events.ok) return administrationRefusal(events.problem, issuer)
  const page = events.value.slice(0, limit.value)
  const last = page.at(-1)
  const path = type === undefined ? 'certificates' : `policies/${type}`
  return {
    status: 200,
    body: {
      value: page.map(shown),
      ...(events.value.length > limit.value && last !== undefined
        ? { nextLink: `${issuer}/${path}/history?limit=${limit.value}&before=${last.number}` }
        : {}),
    },
  }
}

/** An event without what it does not have. */
function shown(event: StoredEvent): Readonly<Record<string, unknown>> {
  const fields = {
    number: event.number,
    at: Number(event.at),
    action: event.action,
    type: event.type,
    version: event.version,
    policyHash: event.policy_hash,
    tokenHash: event.token_hash,
    certificateThumbprint: event.thumbprint,
    actor: event.actor,
    approval: event.approval,
    problem: event.problem,
  }
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== null))
}

/** Numbers of events and versions are of 32 bits. */
const numberMax = 2 ** 31 - 1

function pageNumber(
  query: Readonly<Record<string, unknown>>,
  at: string,
  max: number,
  absent: number,
): Result<number, Problem<'query-malformed'>> {
  const text = query[at]
  const number = typeof text === 'string' ? numberIn(text, max) : undefined
  if (number !== undefined) return ok(number)
  return text === undefined
    ? ok(absent)
    : refuse('query-malformed', at, `a number from 1 to ${max} expected`)
}

function numberIn(text: string | undefined, max: number): number | undefined {
  if (text === undefined || !/^[1-9]\d{0,9}$/.test(text)) return undefined
  const number = Number(text)
  return number <= max ? number : undefined
}

function unknown(code: 'policy-type-unknown' | 'version-unknown'): Problem {
  return code === 'version-unknown'
    ? { code, at: 'path', detail: 'the policy has no such version' }
    : { code, at: 'path', detail: 'no policy is kept for evidence of this type' }
}
