/**
 * Changes of policies and signers: who asks for one is known first, then whether it may be, then it is done or waits.
 *
 * @see docs/spec/policy-management.md
 * @module
 */

import {
  hexOf,
  ok,
  type Problem,
  type Result,
  refuse,
  type UnixSeconds,
} from '@sealward/attestation/bytes'
import { policyHashOf } from '@sealward/attestation/policy'
import { inTransaction, reaching, type StoreUnavailable } from '@sealward/enclave/database'
import type { Clock, Random } from '@sealward/enclave/server'
import type { PolicyType } from '../policies/policy-type.ts'
import type { DatabaseTransaction } from '../store/open-store.ts'
import type { Actor } from './actor.ts'
import type { ManagedAdministration } from './administration.ts'
import type { ChangeAction } from './administration-tables.ts'
import { limits } from './limits.ts'
import {
  readPolicyDocument,
  readResetDocument,
  readSignerDocument,
  type Stated,
} from './policy-document.ts'
import type { JwsSigner, PolicyJws } from './policy-jws.ts'
import type { PendingChange, PolicyState } from './policy-state.ts'
import {
  appendEvent,
  contentHashOf,
  type EventDraft,
  lockInstance,
  tokenHashOf,
  wasRefused,
  wasUsed,
} from './records.ts'
import {
  namedSigner,
  type PolicySigner,
  registeredSigner,
  type SignerCode,
  signerProblem,
} from './signers.ts'
import { shownPolicy } from './stored-policy.ts'

export type ChangeCode =
  | SignerCode
  | 'policy-unsigned'
  | 'policy-signer-unknown'
  | 'policy-jws-replayed'
  | 'policy-jws-outdated'
  | 'policy-jws-early'
  | 'policy-jws-audience'
  | 'policy-changed'
  | 'signer-last'
  | 'signers-too-many'
  | 'approvals-too-many'

export interface ChangeDeps {
  readonly administration: ManagedAdministration
  readonly instance: { readonly name: string; readonly issuer: string }
  readonly clock: Clock
  readonly random: Random
}

/** What is to be changed, as a JWS says it. */
export interface Change {
  readonly action: ChangeAction
  /** None: a signer. */
  readonly type: PolicyType | undefined
  readonly jws: PolicyJws
}

/** Who asks, and under which condition. */
export interface Petition {
  readonly change: Change
  /** Whom the identity provider names, with the role to change. In an isolated instance there need be nobody. */
  readonly person: Actor | undefined
  /** Hashes of the policy that this is to replace; `undefined`: whichever there is. */
  readonly ifMatch: readonly string[] | undefined
}

/** What came of it. */
export type Outcome =
  | {
      readonly kind: 'done'
      readonly policyHash: string | undefined
      /** Of a change of signers: whom it was about. */
      readonly signer: PolicySigner | undefined
    }
  | { readonly kind: 'pending'; readonly approval: string; readonly expiresAt: UnixSeconds }

type ChangeProblem = Problem | StoreUnavailable

/**
 * Changes a policy or a signer, or has the change wait for a second person.
 *
 * A refusal of somebody who is known is written into history. What changes nothing (the same policy again, a signer
 * that is there already) is answered as if it had, and leaves no trace.
 */
export async function change(
  deps: ChangeDeps,
  petition: Petition,
): Promise<Result<Outcome, ChangeProblem>> {
  const { administration, clock, instance } = deps
  const { store } = administration
  // Strangers are sent away before anything is locked or looked into for them.
  const state = await reaching(() => store.read())
  if (!state.ok) return state
  const known = await actorOf(deps, petition, state.value)
  if (!known.ok) return known
  const content = await contentOf(petition.change)
  const done = content.ok
    ? await inTransaction(
        store.database,
        async (transaction): Promise<Result<Outcome, Problem>> => {
          await lockInstance(transaction, instance.name)
          const locked = await store.read(transaction)
          if (!locked.ok) return locked
          const actor = await actorOf(deps, petition, locked.value)
          if (!actor.ok) return actor
          return perform(transaction, deps, petition, {
            actor: actor.value,
            content: content.value,
            state: locked.value,
          })
        },
      )
    : content
  if (!done.ok && done.problem.code !== 'store-unavailable') {
    await recordRefusal(deps, petition, known.value, done.problem, clock.now())
  }
  return done
}

/** What a change is about, read and found well-formed. */
export interface Content extends Stated {
  readonly policyHash: string | undefined
  readonly signer: PolicySigner | undefined
}

export async function contentOf({ action, jws }: Change): Promise<Result<Content, Problem>> {
  switch (action) {
    case 'set': {
      const read = readPolicyDocument(jws)
      if (!read.ok) return read
      const { policy, ...stated } = read.value
      return ok({ ...stated, policyHash: await policyHashOf(policy.text), signer: undefined })
    }
    case 'reset': {
      const read = readResetDocument(jws)
      return read.ok ? ok({ ...read.value, policyHash: undefined, signer: undefined }) : read
    }
    case 'add':
    case 'remove': {
      const read = readSignerDocument(jws)
      if (!read.ok) return read
      const { jwk, ...stated } = read.value
      const signer = namedSigner(jwk)
      return signer.ok ? ok({ ...stated, policyHash: undefined, signer: signer.value }) : signer
    }
  }
}

/** Whoever asks: the person, or in an isolated instance the registered signer. */
async function actorOf(
  deps: ChangeDeps,
  { change: { jws }, person }: Petition,
  state: PolicyState,
): Promise<Result<Actor, Problem>> {
  if (deps.administration.mode === 'entra') {
    if (person === undefined) throw new Error('a change of nobody')
    return ok(person)
  }
  return signerActor(deps, jws.signer, state)
}

/** The registered signer behind a signature, as whoever did something. */
export async function signerActor(
  { clock }: ChangeDeps,
  signer: JwsSigner | undefined,
  { signers }: PolicyState,
): Promise<Result<Actor, Problem<ChangeCode>>> {
  if (signer === undefined) {
    return refuse(
      'policy-unsigned',
      'header.alg',
      'this instance is isolated: only what a registered signer signed is taken',
    )
  }
  const registered = await registeredSigner(signer, signers, clock.now())
  return registered === undefined
    ? refuse(
        'policy-signer-unknown',
        'header',
        'no registered signer, nor a certificate that leads to one and is valid now',
      )
    : ok({ kind: 'signer', thumbprint: registered.thumbprint })
}

/** What is known of a change when it is judged. */
interface Judged {
  readonly actor: Actor
  readonly content: Content
  readonly state: PolicyState
}

async function perform(
  transaction: DatabaseTransaction,
  deps: ChangeDeps,
  petition: Petition,
  { actor, content, state }: Judged,
): Promise<Result<Outcome, Problem>> {
  const { administration, clock, instance } = deps
  const { action, type, jws } = petition.change
  const at = clock.now()
  const tokenHash = tokenHashOf(jws.text)
  const refused = (problem: Problem): Result<never, Problem> => ({ ok: false, problem })

  // 1. It is made for what is there.
  const unmatched = await unmatchedProblem(deps, petition, state)
  if (unmatched !== undefined) return refused(unmatched)
  const outcome: Outcome = { kind: 'done', policyHash: content.policyHash, signer: content.signer }
  if (isSettled(petition.change, content, state)) return ok(outcome)
  const pending = pendingAt(state, at)
  const same = pending.find(
    (one) => one.action === action && one.type === (type ?? null) && one.tokenHash === tokenHash,
  )
  if (administration.approvalSeconds !== undefined && same !== undefined) {
    return ok({ kind: 'pending', approval: same.id, expiresAt: same.expiresAt })
  }

  // 2. It is for here, and is no old one.
  const old =
    statedProblem(deps, petition.change, content, state) ??
    (await replayProblem(transaction, deps, petition))
  if (old !== undefined) return refused(old)

  // 3. It may be done.
  const impossible = signersProblem(petition.change, content, state, at)
  if (impossible !== undefined) return refused(impossible)

  // 4. It is done, or waits.
  if (administration.approvalSeconds === undefined) {
    await apply(transaction, deps, petition.change, { content, state, by: { actor, at } })
    return ok(outcome)
  }
  if (pending.length >= limits.pendingMax) {
    return refuse('approvals-too-many', '', 'too many changes wait for approval already')
  }
  const proposed: PendingChange = {
    id: hexOf(deps.random.bytes(16)),
    action,
    type: type ?? null,
    tokenHash,
    baseVersion: versionOf(state, type),
    thumbprint: content.signer?.thumbprint ?? null,
    proposer: actor,
    sentBy: petition.person ?? null,
    proposedAt: at,
    expiresAt: at + administration.approvalSeconds,
  }
  await administration.store.write(transaction, state, {
    ...state,
    signedAt: signedAtAfter(state, petition.change, content),
    pending: [...pending, proposed],
  })
  await appendEvent(transaction, instance.name, {
    ...eventOf(petition.change, content),
    action: 'propose',
    actor,
    at,
    approval: proposed.id,
  })
  return ok({ kind: 'pending', approval: proposed.id, expiresAt: proposed.expiresAt })
}

/** Does a change that may be done. The instance must be locked. */
export async function apply(
  transaction: DatabaseTransaction,
  { administration, instance }: ChangeDeps,
  { action, type, jws }: Change,
  decided: {
    readonly content: Content
    readonly state: PolicyState
    readonly by: Pick<EventDraft, 'actor' | 'at' | 'approval'>
  },
): Promise<void> {
  const { content, state, by } = decided
  const version = type === undefined ? undefined : versionOf(state, type) + 1
  await administration.store.write(transaction, state, {
    policies:
      type === undefined || version === undefined
        ? state.policies
        : { ...state.policies, [type]: { version, jws: action === 'set' ? jws.text : null } },
    signers: signersAfter(state, action, content.signer),
    signedAt: signedAtAfter(state, { action, type, jws }, content),
    pending: pendingAt(state, by.at).filter(({ id }) => id !== by.approval),
  })
  await appendEvent(transaction, instance.name, {
    ...eventOf({ action, type, jws }, content),
    ...by,
    action,
    version: version ?? null,
  })
}

/** The version of a type's policy; 0 before the first, and of signers. */
export function versionOf({ policies }: PolicyState, type: PolicyType | undefined): number {
  return type === undefined ? 0 : (policies[type]?.version ?? 0)
}

/** What still waits. */
export function pendingAt({ pending }: PolicyState, at: UnixSeconds): readonly PendingChange[] {
  return pending.filter(({ expiresAt }) => at < expiresAt)
}

function signersAfter(
  { signers }: PolicyState,
  action: ChangeAction,
  signer: PolicySigner | undefined,
): readonly PolicySigner[] {
  if (signer === undefined) return signers
  const others = signers.filter(({ thumbprint }) => thumbprint !== signer.thumbprint)
  return action === 'add' ? [...others, signer] : others
}

function signedAtAfter(
  { signedAt }: PolicyState,
  { type }: Change,
  { issuedAt }: Content,
): PolicyState['signedAt'] {
  if (issuedAt === undefined) return signedAt
  // What waited may be approved after something newer was accepted.
  const about = type ?? 'signers'
  return { ...signedAt, [about]: Math.max(issuedAt, signedAt[about] ?? 0) }
}

function eventOf(
  { type, jws }: Change,
  content: Content,
): Omit<EventDraft, 'action' | 'actor' | 'at'> {
  return {
    type: type ?? null,
    jws: jws.text,
    token_hash: tokenHashOf(jws.text),
    content_hash: contentHashOf(jws.text),
    policy_hash: content.policyHash ?? null,
    thumbprint: content.signer?.thumbprint ?? null,
  }
}

async function unmatchedProblem(
  { administration }: ChangeDeps,
  { change: { type }, ifMatch }: Petition,
  { policies }: PolicyState,
): Promise<Problem<ChangeCode> | undefined> {
  if (ifMatch === undefined || type === undefined) return undefined
  const { hash } = await shownPolicy(policies[type], type, administration.defaults)
  return ifMatch.includes(hash)
    ? undefined
    : {
        code: 'policy-changed',
        at: 'if-match',
        detail: 'another policy is in force than this is to replace',
      }
}

/** Whether all is already as the change would have it. */
function isSettled(
  { action, type, jws }: Change,
  { signer }: Content,
  { policies, signers }: PolicyState,
): boolean {
  if (type !== undefined) {
    return (policies[type]?.jws ?? null) === (action === 'set' ? jws.text : null)
  }
  const isThere = signers.some(({ thumbprint }) => thumbprint === signer?.thumbprint)
  return isThere === (action === 'add')
}

/** Why what a payload says of itself does not fit. */
function statedProblem(
  { clock, instance }: ChangeDeps,
  { type }: Change,
  { audience, issuedAt }: Content,
  { signedAt }: PolicyState,
): Problem<ChangeCode> | undefined {
  if (audience !== undefined && audience !== audienceOf(instance.issuer, type)) {
    return {
      code: 'policy-jws-audience',
      at: 'payload.aud',
      detail: `signed for another place than ${audienceOf(instance.issuer, type)}`,
    }
  }
  if (issuedAt === undefined) return undefined
  if (issuedAt > clock.now() + limits.clockSkewSeconds) {
    return { code: 'policy-jws-early', at: 'payload.iat', detail: 'signed in the future' }
  }
  return issuedAt < (signedAt[type ?? 'signers'] ?? 0)
    ? {
        code: 'policy-jws-outdated',
        at: 'payload.iat',
        detail: 'signed before what was accepted last: sign it again',
      }
    : undefined
}

/** The address that `aud` has to name, where it is there. */
function audienceOf(issuer: string, type: PolicyType | undefined): string {
  return type === undefined ? `${issuer}/certificates` : `${issuer}/policies/${type}`
}

/**
 * Why a JWS proves nothing any more.
 *
 * Whoever saw one can send it again, and in an isolated instance nothing else says who asks: there a JWS counts once,
 * and later only together with a person who may change policies.
 */
async function replayProblem(
  transaction: DatabaseTransaction,
  { administration, instance }: ChangeDeps,
  { change: { jws }, person }: Petition,
): Promise<Problem<ChangeCode> | undefined> {
  if (administration.mode !== 'isolated' || person !== undefined) return undefined
  return (await wasUsed(transaction, instance.name, jws.text))
    ? {
        code: 'policy-jws-replayed',
        at: '',
        detail: 'accepted once already: sign again with another iat, or send a contributor’s token',
      }
    : undefined
}

/** Why signers cannot be changed so. */
export function signersProblem(
  { action }: Change,
  { signer }: Content,
  { signers }: PolicyState,
  at: UnixSeconds,
): Problem<ChangeCode> | undefined {
  if (signer === undefined) return undefined
  if (action === 'remove') {
    return signers.length > 1
      ? undefined
      : { code: 'signer-last', at: '', detail: 'the last signer cannot be removed' }
  }
  return signers.length < limits.signersMax
    ? signerProblem(signer, at)
    : { code: 'signers-too-many', at: '', detail: `at most ${limits.signersMax} signers` }
}

/**
 * Writes down that somebody known was refused. History that cannot be written changes nothing of that.
 *
 * Whoever saw a signed JWS can send it as often as they like: where no person asks, each is written down once.
 */
async function recordRefusal(
  { administration, instance }: ChangeDeps,
  { change: { type, jws }, person }: Petition,
  actor: Actor,
  { code }: Problem,
  at: UnixSeconds,
): Promise<void> {
  await inTransaction(administration.store.database, async (transaction) => {
    await lockInstance(transaction, instance.name)
    const isOld =
      person === undefined && (await wasRefused(transaction, instance.name, jws.text, code))
    if (isOld) return ok(true)
    await appendEvent(transaction, instance.name, {
      action: 'refuse',
      actor,
      at,
      type: type ?? null,
      token_hash: tokenHashOf(jws.text),
      content_hash: contentHashOf(jws.text),
      problem: code,
    })
    return ok(true)
  })
}
