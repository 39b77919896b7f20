/**
 * `/certificates`: who may sign policies of an isolated instance.
 *
 * @see Azure REST API specifications, attestation data plane, `PolicyCertificates`
 * @module
 */

import { reaching } from '@sealward/enclave/database'
import type { Answer } from '../answer.ts'
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
import { administrationRefusal } from './refusal.ts'
import { resultToken } from './result-token.ts'
import { jwkOfSigner, type PolicySigner } from './signers.ts'

/** `GET /certificates`. Only an isolated instance has any. */
export const getSigners: AdministrationHandler = async (deps, request) => {
  const { administration, issuer } = deps.instance
  if (administration.mode === 'shared') return listed(deps, [])
  const reader = await authorize(administration, request.authorization, 'reader')
  if (!reader.ok) return administrationRefusal(reader.problem, issuer)
  if (administration.mode === 'entra') return listed(deps, [])
  const state = await reaching(() => administration.store.read())
  return state.ok ? listed(deps, state.value.signers) : administrationRefusal(state.problem, issuer)
}

/** `POST /certificates:add`. */
export const addSigner: AdministrationHandler = (deps, request) =>
  changeSigner(deps, request, 'add')

/** `POST /certificates:remove`. The last one stays. */
export const removeSigner: AdministrationHandler = (deps, request) =>
  changeSigner(deps, request, 'remove')

async function changeSigner(
  deps: AdministrationDeps,
  { authorization, body }: AdministrationRequest,
  action: 'add' | 'remove',
): Promise<Answer> {
  const { issuer } = deps.instance
  const managed = managedOf(deps)
  if (!managed.ok) return administrationRefusal(managed.problem, issuer)
  const person = await personOf(managed.value, authorization)
  if (!person.ok) return administrationRefusal(person.problem, issuer)
  if (managed.value.mode !== 'isolated') {
    return administrationRefusal(
      {
        code: 'instance-not-isolated',
        at: '',
        detail: 'The operation is disallowed: only an isolated instance has policy signers.',
      },
      issuer,
    )
  }
  const jws = readJws(body)
  if (!jws.ok) return administrationRefusal(jws.problem, issuer)
  const outcome = await change(changeDepsOf(deps, managed.value), {
    change: { action, type: undefined, jws: jws.value },
    person: person.value,
    ifMatch: undefined,
  })
  if (!outcome.ok) return administrationRefusal(outcome.problem, issuer)
  if (outcome.value.kind === 'pending') return pendingAnswer(outcome.value)
  const { signer } = outcome.value
  if (signer === undefined) throw new Error('a change of no signer')
  return { status: 200, body: { token: await signerChangeToken(deps, action, signer.thumbprint) } }
}

/** The signed answer to an addition or a removal that was done. Clients read the first name, documentation has the second. */
export function signerChangeToken(
  deps: AdministrationDeps,
  action: 'add' | 'remove',
  thumbprint: string,
): Promise<string> {
  const result = action === 'add' ? 'IsPresent' : 'IsAbsent'
  return resultToken(deps, {
    'x-ms-certificate-thumbprint': thumbprint,
    'x-ms-policycertificates-result': result,
    'x-ms-certificate-result': result,
  })
}

async function listed(deps: AdministrationDeps, signers: readonly PolicySigner[]): Promise<Answer> {
  const keys = signers.map(jwkOfSigner)
  return {
    status: 200,
    body: { token: await resultToken(deps, { 'x-ms-policy-certificates': { keys } }) },
  }
}
