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
import { inTransaction, type StoreUnavailable } from '@sealward/enclave/database'
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
import {
  appendEvent,
  contentHashOf,
  deleteSigner,
  type EventDraft,
  lockInstance,
  newestSignedAt,
  readPending,
  readPolicy,
  readSigners,
  tokenHashOf,
  wasUsed,
  writeApproval,
  writePolicy,
  writeSigner,
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
  const read = await contentOf(petition.change)
  let known: Actor | undefined
  const done = await inTransaction(
    administration.database,
    async (transaction): Promise<Result<Outcome, Problem>> => {
      await lockInstance(transaction, instance.name)
      const actor = await actorOf(transaction, deps, petition)
      if (!actor.ok) return actor
      known = actor.value
      if (!read.ok) return read
      return perform(transaction, deps, petition, actor.value, read.value)
    },
  )
  if (!done.ok && known !== undefined && done.problem.code !== 'store-unavailable') {
    await recordRefusal(deps, petition.change, known, done.problem, clock.now())
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
  transaction: DatabaseTransaction,
  deps: ChangeDeps,
  { change: { jws }, person }: Petition,
): Promise<Result<Actor, Problem>> {
  if (deps.administration.mode === 'entra') {
    if (person === undefined) throw new Error('a change of nobody')
    return ok(person)
  }
  return signerActor(transaction, deps, jws.signer)
}

/** The registered signer behind a signature, as whoever did something. */
export async function signerActor(
  transaction: DatabaseTransaction,
  { clock, instance }: ChangeDeps,
  signer: JwsSigner | undefined,
): Promise<Result<Actor, Problem<ChangeCode>>> {
  if (signer === undefined) {
    return refuse(
      'policy-unsigned',
      'header.alg',
      'this instance is isolated: only what a registered signer signed is taken',
    )
  }
  const signers = await readSigners(transaction, instance.name)
  const registered = await registeredSigner(signer, signers, clock.now())
  return registered === undefined
    ? refuse(
        'policy-signer-unknown',
        'header',
        'no registered signer, nor a certificate that leads to one and is valid now',
      )
    : ok({ kind: 'signer', thumbprint: registered.thumbprint })
}

async function perform(
  transaction: DatabaseTransaction,
  deps: ChangeDeps,
  petition: Petition,
  actor: Actor,
  content: Content,
): Promise<Result<Outcome, Problem>> {
  const { administration, clock, instance } = deps
  const { action, type, jws } = petition.change
  const at = clock.now()
  const tokenHash = tokenHashOf(jws.text)

  // 1. It is made for what is there.
  const unwanted = await unmatched(transaction, deps, petition)
  if (unwanted !== undefined) return unwanted
  const outcome: Outcome = { kind: 'done', policyHash: content.policyHash, signer: content.signer }
  if (await isSettled(transaction, deps, petition.change, content)) return ok(outcome)
  const pending =
    administration.approvalSeconds === undefined
      ? []
      : await readPending(transaction, instance.name, at)
  const same = pending.find(
    (one) => one.action === action && one.type === (type ?? null) && one.token_hash === tokenHash,
  )
  if (same !== undefined) {
    return ok({ kind: 'pending', approval: same.id, expiresAt: Number(same.expires_at) })
  }

  // 2. It is for here, and is no old one.
  const misplaced = statedProblem(deps, petition.change, content, at)
  if (misplaced !== undefined) return { ok: false, problem: misplaced }
  const old = await replayProblem(transaction, deps, petition, content)
  if (old !== undefined) return { ok: false, problem: old }

  // 3. It may be done.
  const impossible = await signersProblem(transaction, deps, petition.change, content)
  if (impossible !== undefined) return { ok: false, problem: impossible }

  // 4. It is done, or waits.
  if (administration.approvalSeconds === undefined) {
    await apply(transaction, deps, petition.change, content, { actor, at })
    return ok(outcome)
  }
  if (pending.length >= limits.pendingMax) {
    return refuse('approvals-too-many', '', 'too many changes wait for approval already')
  }
  const id = hexOf(deps.random.bytes(16))
  const expiresAt = at + administration.approvalSeconds
  await writeApproval(transaction, {
    instance: instance.name,
    id,
    action,
    type: type ?? null,
    jws: jws.text,
    token_hash: tokenHash,
    base_version: await versionOf(transaction, deps, type),
    thumbprint: content.signer?.thumbprint ?? null,
    proposer: JSON.stringify(actor),
    proposed_at: at,
    expires_at: expiresAt,
    state: 'pending',
  })
  await appendEvent(transaction, instance.name, {
    ...eventOf(petition.change, content),
    action: 'propose',
    actor,
    at,
    approval: id,
  })
  return ok({ kind: 'pending', approval: id, expiresAt })
}

/** Does a change that may be done. The instance must be locked. */
export async function apply(
  transaction: DatabaseTransaction,
  deps: ChangeDeps,
  { action, type, jws }: Change,
  content: Content,
  by: Pick<EventDraft, 'actor' | 'at' | 'approval'>,
): Promise<void> {
  const { name } = deps.instance
  const event = { ...eventOf({ action, type, jws }, content), ...by, action }
  if (type === undefined) {
    const { signer } = content
    if (signer === undefined) throw new Error('a change of no signer')
    if (action === 'add') await writeSigner(transaction, name, signer)
    else await deleteSigner(transaction, name, signer)
    await appendEvent(transaction, name, event)
    return
  }
  const version = (await versionOf(transaction, deps, type)) + 1
  await writePolicy(transaction, {
    instance: name,
    type,
    version,
    jws: action === 'set' ? jws.text : null,
  })
  await appendEvent(transaction, name, { ...event, version })
}

/** The version of a type's policy; 0 before the first, and of signers. */
export async function versionOf(
  transaction: DatabaseTransaction,
  { instance }: ChangeDeps,
  type: PolicyType | undefined,
): Promise<number> {
  if (type === undefined) return 0
  return (await readPolicy(transaction, instance.name, type))?.version ?? 0
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
    signed_at: content.issuedAt ?? null,
    thumbprint: content.signer?.thumbprint ?? null,
  }
}

async function unmatched(
  transaction: DatabaseTransaction,
  deps: ChangeDeps,
  { change: { type }, ifMatch }: Petition,
): Promise<Result<never, Problem<ChangeCode>> | undefined> {
  if (ifMatch === undefined || type === undefined) return undefined
  const { hash } = await shownPolicy(
    await readPolicy(transaction, deps.instance.name, type),
    type,
    deps.administration.defaults,
  )
  return ifMatch.includes(hash)
    ? undefined
    : refuse('policy-changed', 'if-match', 'another policy is in force than this is to replace')
}

/** Whether all is already as the change would have it. */
async function isSettled(
  transaction: DatabaseTransaction,
  { instance }: ChangeDeps,
  { action, type, jws }: Change,
  { signer }: Content,
): Promise<boolean> {
  if (type !== undefined) {
    const policy = await readPolicy(transaction, instance.name, type)
    return (policy?.jws ?? null) === (action === 'set' ? jws.text : null)
  }
  const signers = await readSigners(transaction, instance.name)
  const isThere = signers.some(({ thumbprint }) => thumbprint === signer?.thumbprint)
  return isThere === (action === 'add')
}

/** Why what a payload says of itself does not fit. */
function statedProblem(
  { instance }: ChangeDeps,
  { type }: Change,
  { audience, issuedAt }: Content,
  at: UnixSeconds,
): Problem<ChangeCode> | undefined {
  if (audience !== undefined && audience !== audienceOf(instance.issuer, type)) {
    return {
      code: 'policy-jws-audience',
      at: 'payload.aud',
      detail: `signed for another place than ${audienceOf(instance.issuer, type)}`,
    }
  }
  return issuedAt !== undefined && issuedAt > at + limits.clockSkewSeconds
    ? { code: 'policy-jws-early', at: 'payload.iat', detail: 'signed in the future' }
    : undefined
}

/** The address that `aud` has to name, where it is there. */
export function audienceOf(issuer: string, type: PolicyType | undefined): string {
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
  { change: { jws, type }, person }: Petition,
  { issuedAt }: Content,
): Promise<Problem<ChangeCode> | undefined> {
  if (issuedAt !== undefined) {
    const newest = await newestSignedAt(transaction, instance.name, type)
    if (newest !== undefined && issuedAt < newest) {
      return {
        code: 'policy-jws-outdated',
        at: 'payload.iat',
        detail: 'signed before what was accepted last: sign it again',
      }
    }
  }
  if (administration.mode === 'isolated' && person === undefined) {
    if (await wasUsed(transaction, instance.name, jws.text)) {
      return {
        code: 'policy-jws-replayed',
        at: '',
        detail: 'accepted once already: sign again with another iat, or send a contributor’s token',
      }
    }
  }
  return undefined
}

/** Why signers cannot be changed so. */
export async function signersProblem(
  transaction: DatabaseTransaction,
  { clock, instance }: ChangeDeps,
  { action }: Change,
  { signer }: Content,
): Promise<Problem<ChangeCode> | undefined> {
  if (signer === undefined) return undefined
  const signers = await readSigners(transaction, instance.name)
  if (action === 'remove') {
    return signers.length > 1
      ? undefined
      : { code: 'signer-last', at: '', detail: 'the last signer cannot be removed' }
  }
  if (signers.length >= limits.signersMax) {
    return { code: 'signers-too-many', at: '', detail: `at most ${limits.signersMax} signers` }
  }
  return signerProblem(signer, clock.now())
}

/** Writes down that somebody known was refused. History that cannot be written changes nothing of that. */
export async function recordRefusal(
  { administration, instance }: ChangeDeps,
  { type, jws }: Change,
  actor: Actor,
  { code }: Problem,
  at: UnixSeconds,
): Promise<void> {
  await inTransaction(administration.database, async (transaction) => {
    await lockInstance(transaction, instance.name)
    await appendEvent(transaction, instance.name, {
      action: 'refuse',
      actor,
      at,
      type: type ?? null,
      token_hash: tokenHashOf(jws.text),
      problem: code,
    })
    return ok(true)
  })
}
