/**
 * `/approvals`: changes that wait for a second person. Ours: in Azure one person is enough.
 *
 * @module
 */

import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import { inTransaction, reaching } from '@sealward/enclave/database'
import type { Answer } from '../answer.ts'
import type { Database, DatabaseTransaction } from '../store/open-store.ts'
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
  pendingAt,
  signerActor,
  signersProblem,
  versionOf,
} from './change.ts'
import { changeDepsOf, managedOf } from './managed.ts'
import { policyChangeToken } from './policies.ts'
import { readPolicyJws } from './policy-jws.ts'
import { signerChangeToken } from './policy-signers.ts'
import type { PendingChange, PolicyState, PolicyStateProblem } from './policy-state.ts'
import { appendEvent, lockInstance, readApprovalEvents, tokenHashOf } from './records.ts'
import { administrationRefusal } from './refusal.ts'

/** `GET /approvals`: what waits. */
export const listApprovals: AdministrationHandler = async (deps, { authorization }) => {
  const { issuer, name } = deps.instance
  const managed = managedOf(deps)
  if (!managed.ok) return administrationRefusal(managed.problem, issuer)
  const reader = await authorize(managed.value, authorization, 'reader')
  if (!reader.ok) return administrationRefusal(reader.problem, issuer)
  const { store } = managed.value
  const listed = await reaching(async () => {
    const state = await store.read()
    if (!state.ok) return state
    const value: object[] = []
    for (const change of pendingAt(state.value, deps.clock.now())) {
      const jws = await proposedJws(store.database, name, change)
      if (!jws.ok) return jws
      value.push(shown(change, jws.value))
    }
    return ok({ value })
  })
  return listed.ok
    ? { status: 200, body: listed.value }
    : administrationRefusal(listed.problem, issuer)
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
    administration.store.database,
    async (transaction): Promise<Result<Approved, Problem>> => {
      const waiting = await waitingChange(transaction, changeDeps, id)
      return waiting.ok ? fulfil(transaction, changeDeps, waiting.value, approver.value) : waiting
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
  { state, pending }: Waiting,
  approver: Person,
): Promise<Result<Approved, Problem>> {
  const { administration, clock, instance } = deps
  const { action, id, proposer, sentBy } = pending
  if ([proposer, sentBy].some((one) => one !== null && isSameActor(one, approver))) {
    return refuse('approval-own', 'authorization', 'nobody approves what they proposed themselves')
  }
  const type = pending.type ?? undefined
  if (versionOf(state, type) !== pending.baseVersion) {
    return refuse('approval-stale', 'id', 'the policy was changed since: propose it again')
  }
  const text = await proposedJws(transaction, instance.name, pending)
  if (!text.ok) return text
  const jws = readPolicyJws(text.value)
  if (!jws.ok) return jws
  const change: Change = { action, type, jws: jws.value }
  const content = await contentOf(change)
  if (!content.ok) return content
  if (administration.mode === 'isolated') {
    const signer = await signerActor(deps, jws.value.signer, state)
    if (!signer.ok) return signer
  }
  const at = clock.now()
  const impossible = signersProblem(change, content.value, state, at)
  if (impossible !== undefined) return { ok: false, problem: impossible }
  await appendEvent(transaction, instance.name, {
    action: 'approve',
    actor: approver,
    at,
    type: pending.type,
    approval: id,
  })
  const by = { actor: proposer, at, approval: id }
  await apply(transaction, deps, change, { content: content.value, state, by })
  return ok({ change, content: content.value })
}

/** The JWS that was proposed, as history has it: it is the one whose hash is in the sealed state, or none. */
async function proposedJws(
  database: Database | DatabaseTransaction,
  instance: string,
  { id, tokenHash }: PendingChange,
): Promise<Result<string, PolicyStateProblem>> {
  const events = await readApprovalEvents(database, instance, id)
  const jws = events.find(({ action }) => action === 'propose')?.jws ?? ''
  return tokenHashOf(jws) === tokenHash
    ? ok(jws)
    : refuse('policy-state-refused', 'database', 'what was proposed is not in history any more')
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
    administration.store.database,
    async (transaction): Promise<Result<Answer, Problem>> => {
      const waiting = await waitingChange(transaction, changeDeps, id)
      if (!waiting.ok) return waiting
      const { pending, state } = waiting.value
      if (!isApprover && !isSameActor(pending.proposer, person.value)) {
        return refuse('role-insufficient', 'roles', 'this is for the role approver')
      }
      await administration.store.write(transaction, state, {
        ...state,
        pending: state.pending.filter((one) => one.id !== id),
      })
      await appendEvent(transaction, name, {
        action: 'withdraw',
        actor: person.value,
        at: deps.clock.now(),
        type: pending.type,
        approval: id,
      })
      return ok({ status: 200, body: { id, state: 'withdrawn' } })
    },
  )
}

interface Waiting {
  readonly state: PolicyState
  readonly pending: PendingChange
}

/** A change that still waits, with its instance locked. */
async function waitingChange(
  transaction: DatabaseTransaction,
  { administration, clock, instance }: ChangeDeps,
  id: string,
): Promise<Result<Waiting, Problem>> {
  await lockInstance(transaction, instance.name)
  const state = await administration.store.read(transaction)
  if (!state.ok) return state
  const pending = pendingAt(state.value, clock.now()).find((one) => one.id === id)
  if (pending !== undefined) return ok({ state: state.value, pending })
  const events = await readApprovalEvents(transaction, instance.name, id)
  if (events.length === 0) return approvalUnknown
  return events.some(({ action }) => action === 'approve' || action === 'withdraw')
    ? refuse('approval-decided', 'id', 'this change was approved or withdrawn already')
    : refuse('approval-expired', 'id', 'this change has waited for too long: propose it again')
}

function shown(change: PendingChange, jws: string): object {
  const { id, action, type, thumbprint, tokenHash, proposer, proposedAt, expiresAt } = change
  return {
    id,
    action,
    ...(type === null ? {} : { type }),
    ...(thumbprint === null ? {} : { certificateThumbprint: thumbprint }),
    tokenHash,
    jws,
    proposer,
    proposedAt,
    expiresAt,
  }
}

const approvalUnknown = refuse('approval-unknown', 'path', 'no change of this name was proposed')
