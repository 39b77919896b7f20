/**
 * The audit log in the broker's database: one chain, whichever replica writes, and whatever else the transaction does.
 *
 * @see docs/spec/audit-log.md
 * @module
 */

import { ok, type Problem, type Result } from '@sealward/attestation/bytes'
import type { Sealer } from '@sealward/enclave/sealing'
import type { Clock } from '@sealward/enclave/server'
import { type Selectable, sql } from 'kysely'
import type { Database, DatabaseTransaction } from '../store/open-store.ts'
import type { AuditEvent } from './audit-event.ts'
import { type AuditKey, newAuditKey, readAuditKey, writeAuditKey } from './audit-key.ts'
import type { AuditEntryTable } from './audit-tables.ts'
import {
  type AuditKeyJwk,
  type Checkpoint,
  signCheckpoint,
  verifyCheckpoint,
} from './checkpoint.ts'
import { entryLine, lineHash, noEntry } from './entry.ts'
import { limits } from './limits.ts'

export type { AuditActor, AuditCondition, AuditDetails, AuditEvent } from './audit-event.ts'

/** Where everything that is done with keys is written down, in the transaction that does it. */
export interface Audit {
  /**
   * Writes an entry. Until the transaction ends nobody else writes one: it is the last thing that a transaction does.
   *
   * @param options.signed - with a checkpoint of its own: what nobody shall be able to cut off again.
   * @throws AuditLogChanged
   */
  append(
    transaction: DatabaseTransaction,
    event: AuditEvent,
    options?: { readonly signed?: boolean },
  ): Promise<void>
}

/** Somebody who cannot write the log has written it: nothing more is done until somebody has looked. */
export class AuditLogChanged extends Error {
  readonly problem: Problem<'audit-log-changed'>
  constructor(detail: string) {
    super('audit-log-changed')
    this.problem = { code: 'audit-log-changed', at: 'audit_entry', detail }
  }
}

/** The log, as those see it who keep it and show it. */
export interface AuditLog extends Audit {
  /** What checkpoints are verified with. */
  readonly keys: readonly AuditKeyJwk[]
  /** Signs one, of the log as it is now. */
  checkpoint(): Promise<string>
  /** Lines after entry `after`, each checkpoint after the entry that it ends with. */
  page(after: number, count: number): Promise<readonly string[]>
}

/**
 * Opens the log; begins it the first time.
 *
 * @returns it; `audit-log-changed`, where its end is not what the broker wrote.
 */
export async function openAuditLog(deps: {
  readonly database: Database
  readonly sealer: Sealer
  readonly clock: Clock
}): Promise<Result<AuditLog, Problem<'audit-log-changed'>>> {
  const { database, sealer, clock } = deps
  try {
    const key = await database.transaction().execute(async (transaction) => {
      const last = await lockedEnd(transaction, sealer)
      const known = await readAuditKey(transaction, sealer)
      if (!known.ok) throw new AuditLogChanged(known.problem.detail)
      if (known.value === undefined) return begin(transaction, deps, last)
      await holdToSigned(transaction, known.value, last)
      return known.value
    })
    return ok(new StoredAuditLog(database, sealer, clock, key))
  } catch (error) {
    if (error instanceof AuditLogChanged) return { ok: false, problem: error.problem }
    throw error
  }
}

interface LastEntry {
  readonly sequence: number
  readonly hash: string
}

class StoredAuditLog implements AuditLog {
  readonly keys: readonly AuditKeyJwk[]
  private readonly database: Database
  private readonly sealer: Sealer
  private readonly clock: Clock
  private readonly key: AuditKey & { readonly log: string }
  /** The end of the log, as it was once committed; what this one wrote last may not have been. It never becomes shorter. */
  private seen: LastEntry = { sequence: 0, hash: noEntry }
  /** Transactions that read their own entries, which may still be undone. */
  private readonly writing = new WeakSet<DatabaseTransaction>()

  constructor(
    database: Database,
    sealer: Sealer,
    clock: Clock,
    key: AuditKey & { readonly log: string },
  ) {
    this.database = database
    this.sealer = sealer
    this.clock = clock
    this.key = key
    this.keys = [key.jwk]
  }

  async append(
    transaction: DatabaseTransaction,
    event: AuditEvent,
    { signed = false }: { readonly signed?: boolean } = {},
  ): Promise<void> {
    const last = await lockedEnd(transaction, this.sealer)
    this.holdToSeen(last)
    if (!this.writing.has(transaction)) this.seen = last
    this.writing.add(transaction)
    const written = await write(transaction, this.sealer, last, event)
    if (signed || written.sequence % limits.checkpointEveryEntries === 0) {
      await this.sign(transaction, written)
    }
  }

  async checkpoint(): Promise<string> {
    const newest = await this.database
      .selectFrom('broker.audit_checkpoint')
      .select(['sequence', 'jws'])
      .orderBy('sequence', 'desc')
      .limit(1)
      .executeTakeFirst()
    return this.database.transaction().execute(async (transaction) => {
      const last = await lockedEnd(transaction, this.sealer)
      this.holdToSeen(last)
      this.seen = last
      // Of a log that has not grown, the new one is shown, and not kept.
      if (Number(newest?.sequence) === last.sequence) return this.signed(last)
      return this.sign(transaction, last)
    })
  }

  async page(after: number, count: number): Promise<readonly string[]> {
    const rows = await this.database
      .selectFrom('broker.audit_entry')
      .leftJoin('broker.audit_checkpoint', (join) =>
        join.onRef('broker.audit_checkpoint.sequence', '=', 'broker.audit_entry.sequence'),
      )
      .select(['line', 'jws'])
      .where('broker.audit_entry.sequence', '>', String(after))
      .orderBy('broker.audit_entry.sequence')
      .limit(count)
      .execute()
    return rows.flatMap(({ line, jws }) =>
      jws === null ? [line] : [line, JSON.stringify({ checkpoint: jws })],
    )
  }

  private async sign(transaction: DatabaseTransaction, last: LastEntry): Promise<string> {
    const jws = this.signed(last)
    await transaction
      .insertInto('broker.audit_checkpoint')
      .values({ sequence: String(last.sequence), jws })
      .onConflict((conflict) => conflict.column('sequence').doNothing())
      .execute()
    return jws
  }

  private signed({ sequence, hash: head }: LastEntry): string {
    const { log, jwk, privateKey } = this.key
    const checkpoint: Checkpoint = { log, sequence, head, at: this.clock.now() }
    return signCheckpoint(checkpoint, { kid: jwk.kid, privateKey })
  }

  private holdToSeen({ sequence, hash }: LastEntry): void {
    const { seen } = this
    if (sequence > seen.sequence || (sequence === seen.sequence && hash === seen.hash)) return
    throw new AuditLogChanged(`The log ended with entry ${seen.sequence} before.`)
  }
}

/** The first entry: which key signs, so that whoever keeps the log keeps that too. */
async function begin(
  transaction: DatabaseTransaction,
  { sealer, clock }: { readonly sealer: Sealer; readonly clock: Clock },
  last: LastEntry,
): Promise<AuditKey & { readonly log: string }> {
  if (last.sequence > 0) throw new AuditLogChanged('The key that signed the log is not there.')
  const key = newAuditKey()
  const first = await write(transaction, sealer, last, {
    at: clock.now(),
    actor: { kind: 'broker' },
    action: 'log-begin',
    target: 'audit',
    outcome: 'done',
    details: { auditKey: key.jwk.kid },
  })
  await writeAuditKey(transaction, sealer, key, first.hash)
  return { ...key, log: first.hash }
}

async function write(
  transaction: DatabaseTransaction,
  sealer: Sealer,
  { sequence: before, hash: previous }: LastEntry,
  event: AuditEvent,
): Promise<LastEntry> {
  const sequence = before + 1
  const line = entryLine({ sequence, previous }, event)
  const hash = lineHash(line)
  const seal = Buffer.from(sealer.seal(addressOf({ sequence, hash }), new Uint8Array()))
  await transaction
    .insertInto('broker.audit_entry')
    .values({ sequence: String(sequence), line, seal })
    .execute()
  return { sequence, hash }
}

/** The last entry. Until the transaction ends nobody else writes one. */
async function lockedEnd(transaction: DatabaseTransaction, sealer: Sealer): Promise<LastEntry> {
  const { rows } = await sql<
    Selectable<AuditEntryTable>
  >`select sequence, line, seal from broker.audit_end()`.execute(transaction)
  const [row] = rows
  if (row === undefined) return { sequence: 0, hash: noEntry }
  const last = { sequence: Number(row.sequence), hash: lineHash(row.line) }
  if (!sealer.open(addressOf(last), row.seal).ok) {
    throw new AuditLogChanged(
      `Entry ${last.sequence}, the last one, was not written by the broker.`,
    )
  }
  return last
}

function addressOf({ sequence, hash }: LastEntry) {
  return { type: 'audit-entry', id: hash, version: sequence }
}

/** The log has the first entry that its key was made for, and what the newest checkpoint in the database signed. */
async function holdToSigned(
  transaction: DatabaseTransaction,
  { jwk, log }: AuditKey & { readonly log: string },
  last: LastEntry,
): Promise<void> {
  const hashAt = async (sequence: number): Promise<string | undefined> => {
    const row = await transaction
      .selectFrom('broker.audit_entry')
      .select('line')
      .where('sequence', '=', String(sequence))
      .executeTakeFirst()
    return row && lineHash(row.line)
  }
  if ((await hashAt(1)) !== log)
    throw new AuditLogChanged('Entry 1 is not the one that the log began with.')
  const newest = await transaction
    .selectFrom('broker.audit_checkpoint')
    .select('jws')
    .orderBy('sequence', 'desc')
    .limit(1)
    .executeTakeFirst()
  if (newest === undefined) return
  const signed = verifyCheckpoint(newest.jws, [jwk])
  if (!signed.ok) throw new AuditLogChanged('The newest checkpoint was not signed by the broker.')
  const { sequence, head } = signed.value
  if (sequence > last.sequence || (await hashAt(sequence)) !== head) {
    throw new AuditLogChanged(`Entry ${sequence} is not the one that a checkpoint signed.`)
  }
}
