/**
 * Requests for a key without attestation as they are stored: sealed whole, so that whoever has the database alone
 * approves none.
 *
 * @module
 */

import {
  jsonOf,
  ok,
  type Problem,
  type Result,
  reading,
  refuse,
  type UnixSeconds,
  utf8Of,
} from '@sealward/attestation/bytes'
import type { Sealer } from '@sealward/enclave/sealing'
import { sql } from 'kysely'
import type { Database, DatabaseTransaction } from '../store/open-store.ts'
import { limits } from './limits.ts'

export const breakGlassStates = ['pending', 'approved', 'refused', 'used', 'expired'] as const

export type BreakGlassState = (typeof breakGlassStates)[number]

/** What somebody asked for, and what became of it. */
export interface BreakGlassRequest {
  readonly id: string
  readonly key: string
  /** The version that was current when it was asked for, or that was named. */
  readonly version: string
  readonly reason: string
  /** Subject at the identity provider. */
  readonly requestedBy: string
  readonly requestedAt: UnixSeconds
  /** RSA, SPKI, base64: only whoever has its private half reads what is released. */
  readonly recipient: string
  readonly state: BreakGlassState
  /** Until when it can be approved; once it is, until when it can be used. */
  readonly expiresAt: UnixSeconds
  readonly approvedBy?: string | undefined
}

export type BreakGlassStoreCode = 'break-glass-unknown' | 'break-glass-record-refused'

/** One as it was read, to be changed. */
export interface StoredRequest {
  readonly revision: number
  readonly request: BreakGlassRequest
}

/** Whether one waits for somebody, or for its end. */
export function isOpen({ state }: BreakGlassRequest): boolean {
  return state === 'pending' || state === 'approved'
}

/** Of two that change the same one, one comes second. */
export async function lockRequest(transaction: DatabaseTransaction, id: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`broker.break-glass ${id}`}, 0))`.execute(
    transaction,
  )
}

export async function readRequest(
  database: Database | DatabaseTransaction,
  sealer: Sealer,
  id: string,
): Promise<Result<StoredRequest, Problem<BreakGlassStoreCode>>> {
  const row = await database
    .selectFrom('broker.break_glass')
    .select(['id', 'revision', 'open', 'sealed'])
    .where('id', '=', id)
    .executeTakeFirst()
  return row === undefined
    ? refuse('break-glass-unknown', 'id', 'There is no such request.')
    : opened(sealer, row)
}

/** The newest first; with `open`, those that wait for somebody alone. */
export async function readRequests(
  database: Database | DatabaseTransaction,
  sealer: Sealer,
  { open }: { readonly open: boolean },
): Promise<Result<readonly BreakGlassRequest[], Problem<BreakGlassStoreCode>>> {
  const rows = await database
    .selectFrom('broker.break_glass')
    .select(['id', 'revision', 'open', 'sealed'])
    .$if(open, (query) => query.where('open', '=', true))
    .orderBy('at', 'desc')
    .limit(limits.breakGlassShownMax)
    .execute()
  const requests: BreakGlassRequest[] = []
  for (const row of rows) {
    const read = opened(sealer, row)
    if (!read.ok) return read
    requests.push(read.value.request)
  }
  return ok(requests)
}

/** @param before - the revision that it follows; 0 for a new one. */
export async function writeRequest(
  transaction: DatabaseTransaction,
  sealer: Sealer,
  request: BreakGlassRequest,
  before: number,
): Promise<void> {
  const revision = before + 1
  const sealed = Buffer.from(
    sealer.seal(addressOf(request.id, revision), utf8Of(JSON.stringify(request))),
  )
  const row = { revision, open: isOpen(request), sealed }
  await transaction
    .insertInto('broker.break_glass')
    .values({ id: request.id, at: String(request.requestedAt), ...row })
    .onConflict((conflict) => conflict.column('id').doUpdateSet(row))
    .execute()
}

function opened(
  sealer: Sealer,
  row: {
    readonly id: string
    readonly revision: number
    readonly open: boolean
    readonly sealed: Buffer
  },
): Result<StoredRequest, Problem<'break-glass-record-refused'>> {
  const plain = sealer.open(addressOf(row.id, row.revision), row.sealed)
  const json = plain.ok
    ? jsonOf(plain.value, { bytesMax: limits.breakGlassBytesMax, depthMax: 1 })
    : plain
  const request = json.ok ? reading(json.value, '', readRecord) : json
  return request.ok && request.value.id === row.id && isOpen(request.value) === row.open
    ? ok({ revision: row.revision, request: request.value })
    : refuse('break-glass-record-refused', 'database', 'A stored request was changed or moved.')
}

const readRecord: Parameters<typeof reading<BreakGlassRequest>>[2] = (top) =>
  top.object('refused', ({ required, optional }) => {
    const text = (name: string): string => required(name).string(limits.breakGlassBytesMax)
    const instant = (name: string): number => required(name).integer(0, Number.MAX_SAFE_INTEGER)
    const approvedBy = optional('approvedBy')?.string(limits.breakGlassBytesMax)
    return {
      id: text('id'),
      key: text('key'),
      version: text('version'),
      reason: text('reason'),
      requestedBy: text('requestedBy'),
      requestedAt: instant('requestedAt'),
      recipient: text('recipient'),
      state: required('state').oneOf(breakGlassStates),
      expiresAt: instant('expiresAt'),
      ...(approvedBy === undefined ? {} : { approvedBy }),
    }
  })

function addressOf(id: string, revision: number) {
  return { type: 'break-glass', id, version: revision }
}
