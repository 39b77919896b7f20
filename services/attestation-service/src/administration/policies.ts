/**
 * `/policies/{type}`: what evidence of a type is appraised under.
 *
 * @see Azure REST API specifications, attestation data plane, `Policy`
 * @module
 */

import type { Problem } from '@sealward/attestation/bytes'
import { reaching } from '@sealward/enclave/database'
import type { Answer } from '../answer.ts'
import { type PolicyType, policyTypeOf } from '../policies/policy-type.ts'
import type {
  AdministrationDeps,
  AdministrationHandler,
  AdministrationRequest,
} from './administration-request.ts'
import { authorize } from './authorize.ts'
import { change } from './change.ts'
import { changeDepsOf, managedOf, personOf } from './managed.ts'
import { pendingAnswer } from './pending-answer.ts'
import { readJws } from './read-jws.ts'
import { tokenHashOf } from './records.ts'
import { administrationRefusal } from './refusal.ts'
import { resultToken } from './result-token.ts'
import { shownPolicy } from './stored-policy.ts'

/** `GET /policies/{type}`: the JWS that set it, byte for byte. */
export const getPolicy: AdministrationHandler = async (deps, request) => {
  const { administration, issuer } = deps.instance
  const type = policyTypeOf(request.parameters['type'] ?? '')
  if (type === undefined) return administrationRefusal(typeUnknown, issuer)
  const { defaults } = administration
  if (administration.mode === 'shared') {
    return shown(deps, await shownPolicy(undefined, type, defaults))
  }
  const reader = await authorize(administration, request.authorization, 'reader')
  if (!reader.ok) return administrationRefusal(reader.problem, issuer)
  const state = await reaching(() => administration.store.read())
  return state.ok
    ? shown(deps, await shownPolicy(state.value.policies[type], type, defaults))
    : administrationRefusal(state.problem, issuer)
}

/** `PUT /policies/{type}`. */
export const setPolicy: AdministrationHandler = (deps, request) =>
  changePolicy(deps, request, 'set', policyTypeOf(request.parameters['type'] ?? ''))

/** `POST /policies/{type}:reset`. */
export const resetPolicy: AdministrationHandler = (deps, request) => {
  const [, type] = /^(.*):reset$/.exec(request.parameters['target'] ?? '') ?? []
  return changePolicy(deps, request, 'reset', policyTypeOf(type ?? ''))
}

async function changePolicy(
  deps: AdministrationDeps,
  request: AdministrationRequest,
  action: 'set' | 'reset',
  type: PolicyType | undefined,
): Promise<Answer> {
  const { issuer } = deps.instance
  if (type === undefined) return administrationRefusal(typeUnknown, issuer)
  const managed = managedOf(deps)
  if (!managed.ok) return administrationRefusal(managed.problem, issuer)
  const person = await personOf(managed.value, request.authorization)
  if (!person.ok) return administrationRefusal(person.problem, issuer)
  const jws = readJws(request.body)
  if (!jws.ok) return administrationRefusal(jws.problem, issuer)
  const outcome = await change(changeDepsOf(deps, managed.value), {
    change: { action, type, jws: jws.value },
    person: person.value,
    ifMatch: entityTagsIn(request.ifMatch),
  })
  if (!outcome.ok) return administrationRefusal(outcome.problem, issuer)
  if (outcome.value.kind === 'pending') return pendingAnswer(outcome.value)
  const { policyHash } = outcome.value
  return {
    status: 200,
    ...(policyHash === undefined ? {} : { headers: { etag: `"${policyHash}"` } }),
    body: { token: await policyChangeToken(deps, action, jws.value.text, jws.value.signer?.jwk) },
  }
}

/** The signed answer to a set or a reset that was done. */
export function policyChangeToken(
  deps: AdministrationDeps,
  action: 'set' | 'reset',
  jws: string,
  signer: Readonly<Record<string, unknown>> | undefined,
): Promise<string> {
  return resultToken(
    deps,
    action === 'reset'
      ? { 'x-ms-policy-result': 'Removed' }
      : {
          'x-ms-policy-result': 'Updated',
          ...(signer === undefined ? {} : { 'x-ms-policy-signer': signer }),
          'x-ms-policy-token-hash': tokenHashOf(jws),
        },
  )
}

async function shown(
  deps: AdministrationDeps,
  { jws, hash }: { readonly jws: string; readonly hash: string },
): Promise<Answer> {
  return {
    status: 200,
    headers: { etag: `"${hash}"` },
    body: { token: await resultToken(deps, { 'x-ms-policy': jws }) },
  }
}

const typeUnknown: Problem<'policy-type-unknown'> = {
  code: 'policy-type-unknown',
  at: 'path',
  detail: 'no policy is kept for evidence of this type',
}

/** RFC 9110, section 13.1.1. `*` asks for any, and there always is one. */
function entityTagsIn(ifMatch: string | undefined): readonly string[] | undefined {
  if (ifMatch === undefined || ifMatch.trim() === '*') return undefined
  return [...ifMatch.matchAll(/"([^"]*)"/g)].map(([, tag = '']) => tag)
}
