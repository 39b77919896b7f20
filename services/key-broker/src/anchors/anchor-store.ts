/**
 * How far the ledgers of others have come: so that they notice a database of yesterday.
 *
 * @see docs/spec/key-broker.md, "Anchors"
 * @module
 */

import {
  jsonOf,
  ok,
  type Problem,
  type Result,
  reading,
  refuse,
  type Shape,
  utf8Of,
} from '@sealward/attestation/bytes'
import { inTransaction } from '@sealward/enclave/database'
import type { Sealer } from '@sealward/enclave/sealing'
import { sql } from 'kysely'
import type { Database, DatabaseTransaction } from '../store/open-store.ts'
import { limits } from './limits.ts'

export interface AnchorState {
  /** Counts up with every block of the ledger. */
  readonly sequence: number
  /** Hex SHA-256 of the ledger's head. */
  readonly digest: string
}

/**
 * `anchor-conflict`: it is not, or no longer, what was expected. `record-refused`: what is stored was changed, or is
 * older than what this process saw.
 */
export type AnchorCode = 'anchor-conflict' | 'record-refused' | 'store-unavailable'

type Anchored<T> = Promise<Result<T, Problem<AnchorCode>>>

export interface AnchorStore {
  /** `undefined` where nothing has been anchored. */
  read(name: string): Anchored<AnchorState | undefined>
  /** Puts `next` in the place of `expected`. A sequence only ever grows. */
  advance(name: string, expected: AnchorState | undefined, next: AnchorState): Anchored<true>
}

export function createAnchorStore(deps: {
  readonly database: Database
  readonly sealer: Sealer
}): AnchorStore {
  const { database, sealer } = deps
  /** The newest row of each that this process knows to be committed. */
  const seen = new Map<string, AnchorRow>()

  const readRow = async (
    transaction: DatabaseTransaction,
    name: string,
  ): Promise<Result<AnchorRow, Problem<AnchorCode>>> => {
    // Before the row is read: what is committed meanwhile is newer, and no contradiction.
    const known = seen.get(name)
    const row = await transaction
      .selectFrom('broker.anchor')
      .selectAll()
      .where('name', '=', name)
      .executeTakeFirst()
    const revision = Number(row?.revision ?? 0)
    // The database of the broker itself may be one of yesterday.
    if (revision < (known?.revision ?? 0)) return changed()
    if (row === undefined) return ok({ revision, state: undefined })
    const opened = sealer.open({ type: anchorKind, id: name, version: revision }, row.sealed)
    const json = opened.ok
      ? jsonOf(opened.value, { bytesMax: limits.bodyBytesMax, depthMax: 1 })
      : opened
    const state = json.ok ? reading(json.value, '', readState) : json
    if (!state.ok) return changed()
    if (revision === known?.revision && !areSame(state.value, known.state)) return changed()
    const read = { revision, state: state.value }
    remember(seen, name, read)
    return ok(read)
  }

  const writeRow = async (
    transaction: DatabaseTransaction,
    name: string,
    { revision }: AnchorRow,
    state: AnchorState,
  ): Promise<Result<AnchorRow, never>> => {
    const next = revision + 1
    const address = { type: anchorKind, id: name, version: next }
    const sealed = Buffer.from(sealer.seal(address, utf8Of(JSON.stringify(state))))
    const row = { revision: String(next), sealed }
    await transaction
      .insertInto('broker.anchor')
      .values({ name, ...row })
      .onConflict((conflict) => conflict.column('name').doUpdateSet(row))
      .execute()
    return ok({ revision: next, state })
  }

  /** Runs `work` while nobody else changes the anchor, and remembers what it wrote once that is there to stay. */
  const changing = async (
    name: string,
    work: (
      transaction: DatabaseTransaction,
      row: AnchorRow,
    ) => Promise<Result<AnchorRow, Problem<AnchorCode>>>,
  ): Anchored<true> => {
    const written = await inTransaction(
      database,
      async (transaction): Promise<Result<AnchorRow, Problem<AnchorCode>>> => {
        await lockAnchor(transaction, name)
        const row = await readRow(transaction, name)
        return row.ok ? work(transaction, row.value) : row
      },
    )
    if (!written.ok) return written
    remember(seen, name, written.value)
    return ok(true)
  }

  return {
    read: (name) =>
      inTransaction(
        database,
        async (transaction): Promise<Result<AnchorState | undefined, Problem<AnchorCode>>> => {
          const row = await readRow(transaction, name)
          return row.ok ? ok(row.value.state) : row
        },
      ),
    advance: (name, expected, next) =>
      changing(name, async (transaction, row) => {
        if (!areSame(row.state, expected)) {
          return refuse('anchor-conflict', 'expected', 'The anchor is not what was expected.')
        }
        return row.state !== undefined && next.sequence <= row.state.sequence
          ? refuse('anchor-conflict', 'next.sequence', 'A ledger only ever grows.')
          : writeRow(transaction, name, row, next)
      }),
  }
}

interface AnchorRow {
  readonly revision: number
  readonly state: AnchorState | undefined
}

const anchorKind = 'anchor'

async function lockAnchor(transaction: DatabaseTransaction, name: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtextextended(${`broker.anchor ${name}`}, 0))`.execute(
    transaction,
  )
}

function areSame(one: AnchorState | undefined, other: AnchorState | undefined): boolean {
  return one?.sequence === other?.sequence && one?.digest === other?.digest
}

function remember(seen: Map<string, AnchorRow>, name: string, row: AnchorRow): void {
  if (row.revision < (seen.get(name)?.revision ?? 0)) return
  seen.delete(name)
  seen.set(name, row)
  const oldest = seen.keys().next().value
  if (seen.size > limits.seenMax && oldest !== undefined) seen.delete(oldest)
}

export function readState(shape: Shape): AnchorState {
  return shape.object('refused', ({ required }) => ({
    sequence: required('sequence').integer(0, Number.MAX_SAFE_INTEGER),
    digest: required('digest').string(64, /^[0-9a-f]{64}$/),
  }))
}

export function readStateOrNull(shape: Shape): AnchorState | undefined {
  return shape.kind === 'null' ? undefined : readState(shape)
}

function changed(): Result<never, Problem<'record-refused'>> {
  return refuse(
    'record-refused',
    'database',
    'The anchor in the database is not what was put there.',
  )
}
