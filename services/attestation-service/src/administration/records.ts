/**
 * History in the database, and the lock that changes take turns by.
 *
 * Whatever changes one of them holds the row of the instance: of two that change at once, one comes second, and sees
 * what the first did.
 *
 * @module
 */

import { hash } from 'node:crypto'
import { base64UrlOf, type UnixSeconds } from '@sealward/attestation/bytes'
import type { Insertable, Selectable } from 'kysely'
import type { PolicyType } from '../policies/policy-type.ts'
import type { Database, DatabaseTransaction } from '../store/open-store.ts'
import type { Actor } from './actor.ts'
import type { PolicyEventTable } from './administration-tables.ts'

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

/** Whether it is in history that what a JWS says was refused for this. */
export async function wasRefused(
  transaction: DatabaseTransaction,
  instance: string,
  jws: string,
  problem: string,
): Promise<boolean> {
  const found = await transaction
    .selectFrom('attestation.policy_event')
    .select('number')
    .where('instance', '=', instance)
    .where('content_hash', '=', contentHashOf(jws))
    .where('action', '=', 'refuse')
    .where('problem', '=', problem)
    .limit(1)
    .executeTakeFirst()
  return found !== undefined
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

/** What happened to a change that was proposed under this name, the first first. */
export async function readApprovalEvents(
  database: Database | DatabaseTransaction,
  instance: string,
  approval: string,
): Promise<readonly StoredEvent[]> {
  return database
    .selectFrom('attestation.policy_event')
    .selectAll()
    .where('instance', '=', instance)
    .where('approval', '=', approval)
    .orderBy('number')
    .execute()
}
