/**
 * Policies, signers and history in the database.
 *
 * Whatever changes one of them holds the row of the instance: of two that change at once, one comes second, and sees
 * what the first did.
 *
 * @module
 */

import { hash } from 'node:crypto'
import { base64UrlOf, type UnixSeconds } from '@sealward/attestation/bytes'
import { parseCertificate } from '@sealward/attestation/x509'
import type { Insertable, Selectable } from 'kysely'
import type { PolicyType } from '../policies/policy-type.ts'
import type { Database, DatabaseTransaction } from '../store/open-store.ts'
import type { Actor } from './actor.ts'
import type { PolicyApprovalTable, PolicyEventTable, PolicyTable } from './administration-tables.ts'
import { limits } from './limits.ts'
import { type PolicySigner, policySignerOf } from './signers.ts'

/** Until the transaction ends, nobody else changes policies or signers of this instance. */
export async function lockInstance(
  transaction: DatabaseTransaction,
  instance: string,
): Promise<void> {
  // Foreign keys to the row stay free to be written meanwhile.
  await transaction
    .selectFrom('attestation.instance')
    .select('name')
    .where('name', '=', instance)
    .forNoKeyUpdate()
    .executeTakeFirstOrThrow()
}

/** Base64url SHA-256 of a JWS as text: what Azure calls the token hash. */
export function tokenHashOf(jws: string): string {
  return base64UrlOf(hash('sha256', jws, 'buffer'))
}

/**
 * Base64url SHA-256 of a JWS up to its signature. Whoever has one signature of ECDSA can make another, but not for
 * something else.
 */
export function contentHashOf(jws: string): string {
  return base64UrlOf(hash('sha256', jws.slice(0, jws.lastIndexOf('.')), 'buffer'))
}

/** The policy of a type; `undefined` where none was ever set. */
export function readPolicy(
  database: Database | DatabaseTransaction,
  instance: string,
  type: PolicyType,
): Promise<Pick<PolicyTable, 'version' | 'jws'> | undefined> {
  return database
    .selectFrom('attestation.policy')
    .select(['version', 'jws'])
    .where('instance', '=', instance)
    .where('type', '=', type)
    .executeTakeFirst()
}

export async function writePolicy(
  transaction: DatabaseTransaction,
  policy: PolicyTable,
): Promise<void> {
  const { version, jws } = policy
  await transaction
    .insertInto('attestation.policy')
    .values(policy)
    .onConflict((conflict) => conflict.columns(['instance', 'type']).doUpdateSet({ version, jws }))
    .execute()
}

/** All registered signers. */
export async function readSigners(
  database: Database | DatabaseTransaction,
  instance: string,
): Promise<readonly PolicySigner[]> {
  const rows = await database
    .selectFrom('attestation.policy_signer')
    .select('certificate')
    .where('instance', '=', instance)
    .orderBy('thumbprint')
    .limit(limits.signersMax)
    .execute()
  return rows.map(({ certificate }) => {
    const parsed = parseCertificate(new Uint8Array(certificate))
    if (!parsed.ok) throw new Error(`a stored signer is refused: ${parsed.problem.code}`)
    return policySignerOf(parsed.value)
  })
}

export async function writeSigner(
  transaction: DatabaseTransaction,
  instance: string,
  { thumbprint, certificate }: PolicySigner,
): Promise<void> {
  await transaction
    .insertInto('attestation.policy_signer')
    .values({ instance, thumbprint, certificate: Buffer.from(certificate.der) })
    .execute()
}

export async function deleteSigner(
  transaction: DatabaseTransaction,
  instance: string,
  { thumbprint }: PolicySigner,
): Promise<void> {
  await transaction
    .deleteFrom('attestation.policy_signer')
    .where('instance', '=', instance)
    .where('thumbprint', '=', thumbprint)
    .execute()
}

/** What happened. What does not concern it is left out. */
export interface EventDraft
  extends Partial<Omit<Insertable<PolicyEventTable>, 'instance' | 'number' | 'actor'>> {
  readonly action: PolicyEventTable['action']
  readonly actor: Actor
  readonly at: UnixSeconds
}

/** Writes into history. The instance must be locked. */
export async function appendEvent(
  transaction: DatabaseTransaction,
  instance: string,
  { actor, ...event }: EventDraft,
): Promise<void> {
  const last = await transaction
    .selectFrom('attestation.policy_event')
    .select(({ fn }) => fn.max('number').as('number'))
    .where('instance', '=', instance)
    .executeTakeFirst()
  await transaction
    .insertInto('attestation.policy_event')
    .values({
      instance,
      number: (last?.number ?? 0) + 1,
      actor: JSON.stringify(actor),
      type: null,
      version: null,
      jws: null,
      token_hash: null,
      content_hash: null,
      policy_hash: null,
      signed_at: null,
      thumbprint: null,
      approval: null,
      problem: null,
      ...event,
    })
    .execute()
}

/** Whether what a JWS says was accepted before, signed by the same key, for whatever. */
export async function wasUsed(
  transaction: DatabaseTransaction,
  instance: string,
  jws: string,
): Promise<boolean> {
  const found = await transaction
    .selectFrom('attestation.policy_event')
    .select('number')
    .where('instance', '=', instance)
    .where('content_hash', '=', contentHashOf(jws))
    .where('action', '!=', 'refuse')
    .limit(1)
    .executeTakeFirst()
  return found !== undefined
}

/** The newest time of signing that an accepted change of this type stated; `type` none: of signers. */
export async function newestSignedAt(
  transaction: DatabaseTransaction,
  instance: string,
  type: PolicyType | undefined,
): Promise<UnixSeconds | undefined> {
  const newest = await transaction
    .selectFrom('attestation.policy_event')
    .select(({ fn }) => fn.max('signed_at').as('signed_at'))
    .where('instance', '=', instance)
    .where('type', type === undefined ? 'is' : '=', type ?? null)
    .where('action', '!=', 'refuse')
    .executeTakeFirst()
  return newest?.signed_at == null ? undefined : Number(newest.signed_at)
}

export type StoredEvent = Selectable<PolicyEventTable>

/** Newest first, those with a number below `before`. */
export function readEvents(
  database: Database,
  instance: string,
  question: {
    /** None: those of signers. */
    readonly type: PolicyType | undefined
    readonly before: number
    readonly limit: number
  },
): Promise<readonly StoredEvent[]> {
  const { type, before, limit } = question
  return database
    .selectFrom('attestation.policy_event')
    .selectAll()
    .where('instance', '=', instance)
    .where('type', type === undefined ? 'is' : '=', type ?? null)
    .where('number', '<', before)
    .orderBy('number', 'desc')
    .limit(limit)
    .execute()
}

/** What made one version of a policy. */
export function readVersion(
  database: Database,
  instance: string,
  type: PolicyType,
  version: number,
): Promise<StoredEvent | undefined> {
  return database
    .selectFrom('attestation.policy_event')
    .selectAll()
    .where('instance', '=', instance)
    .where('type', '=', type)
    .where('version', '=', version)
    .where('action', 'in', ['set', 'reset'])
    .executeTakeFirst()
}

export type StoredApproval = Selectable<PolicyApprovalTable>

export async function writeApproval(
  transaction: DatabaseTransaction,
  approval: Insertable<PolicyApprovalTable>,
): Promise<void> {
  await transaction.insertInto('attestation.policy_approval').values(approval).execute()
}

/** Changes that still wait at `at`, oldest first. */
export function readPending(
  database: Database | DatabaseTransaction,
  instance: string,
  at: UnixSeconds,
): Promise<readonly StoredApproval[]> {
  return database
    .selectFrom('attestation.policy_approval')
    .selectAll()
    .where('instance', '=', instance)
    .where('state', '=', 'pending')
    .where('expires_at', '>', String(at))
    .orderBy('proposed_at')
    .orderBy('id')
    .limit(limits.pendingMax)
    .execute()
}

export function readApproval(
  database: Database | DatabaseTransaction,
  instance: string,
  id: string,
): Promise<StoredApproval | undefined> {
  return database
    .selectFrom('attestation.policy_approval')
    .selectAll()
    .where('instance', '=', instance)
    .where('id', '=', id)
    .executeTakeFirst()
}

export async function decideApproval(
  transaction: DatabaseTransaction,
  instance: string,
  id: string,
  state: 'approved' | 'withdrawn',
): Promise<void> {
  await transaction
    .updateTable('attestation.policy_approval')
    .set({ state })
    .where('instance', '=', instance)
    .where('id', '=', id)
    .execute()
}
