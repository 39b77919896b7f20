/**
 * The deny list of an instance, in the database: sealed whole, so that whoever holds the database takes nothing out of it.
 *
 * @see docs/spec/deny-list.md
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
import { deniedOf, tokenLimits } from '@sealward/attestation/token'
import { inTransaction, reaching } from '@sealward/enclave/database'
import type { Sealer } from '@sealward/enclave/sealing'
import type { Clock } from '@sealward/enclave/server'
import { sql } from 'kysely'
import type { Person } from '../administration/actor.ts'
import { limits } from '../limits.ts'
import type { Database, DatabaseTransaction } from '../store/open-store.ts'
import type { DenialState, Denials } from './denials.ts'
import { type DenyChange, type DenyEntry, type DenyRequest, readEntries } from './deny-entry.ts'

/** `deny-list-refused`: what is stored was changed, or is older than what was there. */
export type DenyStoreCode = 'store-unavailable' | 'deny-list-refused'

export type DenyChangeCode = DenyStoreCode | 'already-denied' | 'not-denied' | 'deny-list-full'

export interface DenyEntries {
  readonly sequence: number
  readonly entries: readonly DenyEntry[]
}

/** A deny list that administrators change. */
export interface StoredDenials extends Denials {
  deny(by: Person, what: DenyRequest): Promise<Result<DenyEntries, Problem<DenyChangeCode>>>
  /** Takes an entry away; `what.reason` says why. */
  allow(by: Person, what: DenyRequest): Promise<Result<DenyEntries, Problem<DenyChangeCode>>>
  entries(): Promise<Result<DenyEntries, Problem<DenyStoreCode>>>
  /** The latest changes, the last first. */
  history(): Promise<Result<readonly DenyChange[], Problem<DenyStoreCode>>>
}

/** Whether there is somebody who changes it. */
export function isAdministered(denials: Denials): denials is StoredDenials {
  return 'deny' in denials
}

export interface StoredDenialsOptions {
  readonly database: Database
  readonly sealer: Sealer
  readonly instance: string
  readonly clock: Clock
}

/** Opens the deny list of an instance. */
export function createStoredDenials(options: StoredDenialsOptions): StoredDenials {
  const { database, sealer, instance, clock } = options
  let known: (DenyEntries & { readonly readAt: UnixSeconds }) | undefined

  const open = (sequence: number, sealed: Uint8Array): Result<DenyEntries, RefusedProblem> => {
    const bytes = sealer.open(addressOf('deny-list', instance, sequence), sealed)
    const entries = bytes.ok ? entriesIn(bytes.value) : undefined
    return entries === undefined ? refused : ok({ sequence, entries })
  }

  const read = async (
    from: Database | DatabaseTransaction,
    isToBeChanged: boolean,
  ): Promise<Result<DenyEntries, RefusedProblem>> => {
    const query = from
      .selectFrom('attestation.deny_list')
      .select(['sequence', 'sealed'])
      .where('instance', '=', instance)
    const before = known?.sequence ?? 0
    const row = await (isToBeChanged ? query.forUpdate() : query).executeTakeFirst()
    const list = row === undefined ? ok(empty) : open(Number(row.sequence), row.sealed)
    // An older list than was seen before it was asked for: somebody has put it back.
    return list.ok && list.value.sequence < before ? refused : list
  }

  /** Of two answers that cross, the newer list stays. */
  const keep = (list: DenyEntries, readAt: UnixSeconds): void => {
    if (list.sequence >= (known?.sequence ?? 0)) known = { ...list, readAt }
  }

  const renew = async (): Promise<Result<DenyEntries, Problem<DenyStoreCode>>> => {
    const at = clock.now()
    const list = await reaching(() => read(database, false))
    if (list.ok) keep(list.value, at)
    return list
  }

  const change = async (
    by: Person,
    what: DenyRequest,
    action: DenyChange['action'],
  ): Promise<Result<DenyEntries, Problem<DenyChangeCode>>> => {
    const done = await inTransaction(database, async (transaction) => {
      await lock(transaction, instance)
      const before = await read(transaction, true)
      if (!before.ok) return before
      const at = clock.now()
      const until = at + tokenDeniedSeconds
      const entry: DenyEntry = { ...what, at, by, ...(what.kind === 'token' ? { until } : {}) }
      const after = withChange(currentOf(before.value.entries, at), entry, action)
      if (!after.ok) return after
      // The clock lets a list that was restored from a copy go on where others have seen it.
      const sequence = Math.max(before.value.sequence + 1, at)
      const list = { sequence, entries: after.value }
      await write(transaction, list)
      const recorded: DenyChange = { ...entry, action, sequence }
      await transaction
        .insertInto('attestation.deny_change')
        .values({
          instance,
          sequence: String(sequence),
          sealed: seal('deny-change', sequence, recorded),
        })
        .execute()
      return ok(list)
    })
    if (done.ok) keep(done.value, clock.now())
    return done
  }

  const seal = (type: string, sequence: number, value: object): Buffer =>
    Buffer.from(sealer.seal(addressOf(type, instance, sequence), utf8Of(JSON.stringify(value))))

  const write = async (
    transaction: DatabaseTransaction,
    { sequence, entries }: DenyEntries,
  ): Promise<void> => {
    const row = { sequence: String(sequence), sealed: seal('deny-list', sequence, entries) }
    await transaction
      .insertInto('attestation.deny_list')
      .values({ instance, ...row })
      .onConflict((conflict) => conflict.column('instance').doUpdateSet(row))
      .execute()
  }

  return {
    deny: (by, what) => change(by, what, 'denied'),
    allow: (by, what) => change(by, what, 'allowed'),
    entries: renew,
    async current() {
      const at = clock.now()
      // A clock that was set back makes nothing young.
      const age = known === undefined ? Number.POSITIVE_INFINITY : Math.abs(at - known.readAt)
      if (age < limits.denialsFreshSeconds && known !== undefined) return stateOf(known, at)
      const list = await renew()
      if (list.ok) return stateOf(known ?? list.value, at)
      const isBearable =
        list.problem.code === 'store-unavailable' && age <= limits.denialsStaleSecondsMax
      return isBearable && known !== undefined ? stateOf(known, at) : list
    },
    history: () =>
      reaching(async () => {
        const rows = await database
          .selectFrom('attestation.deny_change')
          .select(['sequence', 'sealed'])
          .where('instance', '=', instance)
          .orderBy('sequence', 'desc')
          .limit(limits.denyChangesMax)
          .execute()
        const changes: DenyChange[] = []
        for (const row of rows) {
          const sequence = Number(row.sequence)
          const bytes = sealer.open(addressOf('deny-change', instance, sequence), row.sealed)
          if (!bytes.ok) return refused
          // Nobody else could have sealed it: it is what was written.
          changes.push(JSON.parse(Buffer.from(bytes.value).toString()) as DenyChange)
        }
        return ok(changes)
      }),
  }
}

type RefusedProblem = Problem<'deny-list-refused'>

const refused = refuse(
  'deny-list-refused',
  'database',
  'The stored deny list was changed, or is an older one than was there.',
)

const empty: DenyEntries = { sequence: 0, entries: [] }

function stateOf({ sequence, entries }: DenyEntries, at: UnixSeconds) {
  return ok<DenialState>({ sequence, denied: deniedOf(currentOf(entries, at)) })
}

/** Without the tokens that have expired anyway. */
function currentOf(entries: readonly DenyEntry[], at: UnixSeconds): readonly DenyEntry[] {
  return entries.filter(({ until }) => until === undefined || until > at)
}

function withChange(
  entries: readonly DenyEntry[],
  entry: DenyEntry,
  action: DenyChange['action'],
): Result<readonly DenyEntry[], Problem<DenyChangeCode>> {
  const others = entries.filter(({ kind, value }) => kind !== entry.kind || value !== entry.value)
  const isThere = others.length < entries.length
  if (action === 'allowed') {
    return isThere ? ok(others) : refuse('not-denied', 'value', 'It is not on the deny list.')
  }
  if (isThere) return refuse('already-denied', 'value', 'It is on the deny list already.')
  return entries.length < limits.denyEntriesMax
    ? ok([...entries, entry])
    : refuse('deny-list-full', 'value', `The deny list has ${limits.denyEntriesMax} entries.`)
}

function entriesIn(bytes: Uint8Array): readonly DenyEntry[] | undefined {
  const json = jsonOf(bytes, { bytesMax: storedBytesMax, depthMax: 3 })
  const entries = json.ok ? reading(json.value, '', readEntries) : json
  return entries.ok ? entries.value : undefined
}

const storedBytesMax = 16_777_216

/** The longest that any token can be believed: whatever an instance was configured to, when it was made. */
const tokenDeniedSeconds = limits.attestationLifetimeSecondsMax + tokenLimits.clockSkewSecondsMax

function addressOf(type: string, instance: string, version: number) {
  return { type, id: instance, version }
}

async function lock(transaction: DatabaseTransaction, instance: string): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtext('sealward.attestation.deny-list'), hashtext(${instance}))`.execute(
    transaction,
  )
}
