/**
 * `/approvals`: changes that wait for a second person. Ours: in Azure one person is enough.
 *
 * @module
 */

import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import { inTransaction, reaching } from '@sealward/enclave/database'
import type { Answer } from '../answer.ts'
import type { DatabaseTransaction } from '../store/open-store.ts'
import { isSameActor, type Person } from './actor.ts'
import type { ManagedAdministration } from './administration.ts'
import type {
  AdministrationDeps,
  AdministrationHandler,
  AdministrationRequest,
} from './administration-request.ts'
import { authorize } from './authorize.ts'
import {
  apply,
  type Change,
  type ChangeDeps,
  type Content,
  contentOf,
  signerActor,
  signersProblem,
  versionOf,
} from './change.ts'
import { changeDepsOf, managedOf } from './managed.ts'
import { policyChangeToken } from './policies.ts'
import { readPolicyJws } from './policy-jws.ts'
import { signerChangeToken } from './policy-signers.ts'
import {
  appendEvent,
  decideApproval,
  lockInstance,
  readApproval,
  readPending,
  type StoredApproval,
} from './records.ts'
import { administrationRefusal } from './refusal.ts'

/** `GET /approvals`: what waits. */
export const listApprovals: AdministrationHandler = async (deps, { authorization }) => {
  const { issuer, name } = deps.instance
  const managed = managedOf(deps)
  if (!managed.ok) return administrationRefusal(managed.problem, issuer)
  const reader = await authorize(managed.value, authorization, 'reader')
  if (!reader.ok) return administrationRefusal(reader.problem, issuer)
  const pending = await reaching(async () =>
    ok(await readPending(managed.value.database, name, deps.clock.now())),
  )
  return pending.ok
    ? { status: 200, body: { value: pending.value.map(shown) } }
    : administrationRefusal(pending.problem, issuer)
}

/**
 * `POST /approvals/{id}:approve` and `:withdraw`.
 *
 * Whoever has the role approves, or withdraws, what somebody else proposed; whoever proposed may withdraw too.
 */
export const decide: AdministrationHandler = async (deps, request) => {
  const [, id = '', decision] =
    /^([0-9a-f]{32}):(approve|withdraw)$/.exec(request.parameters['target'] ?? '') ?? []
  const { issuer } = deps.instance
  const managed = managedOf(deps)
  if (!managed.ok) return administrationRefusal(managed.problem, issuer)
  const done =
    decision === 'withdraw'
      ? await withdraw(deps, managed.value, request, id)
      : decision === 'approve'
        ? await approve(deps, managed.value, request, id)
        : approvalUnknown
  return done.ok ? done.value : administrationRefusal(done.problem, issuer)
}

async function approve(
  deps: AdministrationDeps,
  administration: ManagedAdministration,
  { authorization }: AdministrationRequest,
  id: string,
): Promise<Result<Answer, Problem>> {
  const approver = await authorize(administration, authorization, 'approver')
  if (!approver.ok) return approver
  const changeDeps = changeDepsOf(deps, administration)
  const approved = await inTransaction(
    administration.database,
    async (transaction): Promise<Result<Approved, Problem>> => {
      const waiting = await waitingApproval(transaction, changeDeps, id)
      if (!waiting.ok) return waiting
      return fulfil(transaction, changeDeps, waiting.value, approver.value)
    },
  )
  if (!approved.ok) return approved
  const { change, content } = approved.value
  const { action, jws } = change
  const token =
    action === 'add' || action === 'remove'
      ? await signerChangeToken(deps, action, content.signer?.thumbprint ?? '')
      : await policyChangeToken(deps, action, jws.text, jws.signer?.jwk)
  return ok({ status: 200, body: { token } })
}

interface Approved {
  readonly change: Change
  readonly content: Content
}

/** Does what was proposed, unless the world has changed since. */
async function fulfil(
  transaction: DatabaseTransaction,
  deps: ChangeDeps,
  approval: StoredApproval,
  approver: Person,
): Promise<Result<Approved, Problem>> {
  const { administration, clock, instance } = deps
  const { action, id, proposer } = approval
  if (isSameActor(proposer, approver)) {
    return refuse('approval-own', 'authorization', 'nobody approves what they proposed themselves')
  }
  const type = approval.type ?? undefined
  if ((await versionOf(transaction, deps, type)) !== approval.base_version) {
    return refuse('approval-stale', 'id', 'the policy was changed since: propose it again')
  }
  const jws = readPolicyJws(approval.jws)
  if (!jws.ok) return jws
  const change: Change = { action, type, jws: jws.value }
  const content = await contentOf(change)
  if (!content.ok) return content
  if (administration.mode === 'isolated') {
    const signer = await signerActor(transaction, deps, jws.value.signer)
    if (!signer.ok) return signer
  }
  const impossible = await signersProblem(transaction, deps, change, content.value)
  if (impossible !== undefined) return { ok: false, problem: impossible }
  const at = clock.now()
  await decideApproval(transaction, instance.name, id, 'approved')
  await appendEvent(transaction, instance.name, {
    action: 'approve',
    actor: approver,
    at,
    type: approval.type,
    approval: id,
  })
  await apply(transaction, deps, change, content.value, { actor: proposer, at, approval: id })
  return ok({ change, content: content.value })
}

async function withdraw(
  deps: AdministrationDeps,
  administration: ManagedAdministration,
  { authorization }: AdministrationRequest,
  id: string,
): Promise<Result<Answer, Problem>> {
  const person = await authorize(administration, authorization, 'reader')
  if (!person.ok) return person
  const isApprover = (await authorize(administration, authorization, 'approver')).ok
  const changeDeps = changeDepsOf(deps, administration)
  const { name } = deps.instance
  return inTransaction(
    administration.database,
    async (transaction): Promise<Result<Answer, Problem>> => {
      const waiting = await waitingApproval(transaction, changeDeps, id)
      if (!waiting.ok) return waiting
      const { proposer, type } = waiting.value
      if (!isApprover && !isSameActor(proposer, person.value)) {
        return refuse('role-insufficient', 'roles', 'this is for the role approver')
      }
      await decideApproval(transaction, name, id, 'withdrawn')
      await appendEvent(transaction, name, {
        action: 'withdraw',
        actor: person.value,
        at: deps.clock.now(),
        type,
        approval: id,
      })
      return ok({ status: 200, body: { id, state: 'withdrawn' } })
    },
  )
}

/** A change that still waits, with its instance locked. */
async function waitingApproval(
  transaction: DatabaseTransaction,
  { clock, instance }: ChangeDeps,
  id: string,
): Promise<Result<StoredApproval, Problem>> {
  await lockInstance(transaction, instance.name)
  const approval = await readApproval(transaction, instance.name, id)
  if (approval === undefined) return approvalUnknown
  if (approval.state !== 'pending') {
    return refuse('approval-decided', 'id', `this change was ${approval.state} already`)
  }
  return clock.now() < Number(approval.expires_at)
    ? ok(approval)
    : refuse('approval-expired', 'id', 'this change has waited for too long: propose it again')
}

function shown(approval: StoredApproval): object {
  const { action, id, proposer, type, jws, thumbprint } = approval
  return {
    id,
    action,
    ...(type === null ? {} : { type }),
    ...(thumbprint === null ? {} : { certificateThumbprint: thumbprint }),
    tokenHash: approval.token_hash,
    jws,
    proposer,
    proposedAt: Number(approval.proposed_at),
    expiresAt: Number(approval.expires_at),
  }
}

const approvalUnknown = refuse('approval-unknown', 'path', 'no change of this name was proposed')
