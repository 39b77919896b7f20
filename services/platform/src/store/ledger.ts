/**
 * The chain of all that was ever committed.
 *
 * Each transaction writes one entry, sealed, that says which versions and data keys it made and which it
 * erased; that takes no lock. A moment later one replica puts the entries that are there into the next
 * block. A block's digest covers its entries and all blocks before it: an anchor holds the newest.
 *
 * @see docs/spec/anchors.md
 * @module
 */

import { createHash, createHmac, randomUUID } from 'node:crypto'
import {
  equalBytes,
  hexOf,
  jsonOf,
  ok,
  type Problem,
  type Result,
  refuse,
  utf8Of,
} from '@sealward/attestation/bytes'
import { type AnchorState, sameState } from '@sealward/enclave/anchor'
import type { DataKey, Sealer } from '@sealward/enclave/sealing'
import { type Kysely, sql, type Transaction } from 'kysely'
import { ledgerBlockEntriesMax, ledgerEntryBytesMax, ledgerPageRows } from '../limits.ts'
import { ownDataKey } from './data-keys.ts'
import type { Tables } from './schema.ts'

/**
 * A version of a record. The tag is that of the sealed bytes, hex: it tells two seals of one version apart. Whose it is
 * belongs to it: a row that was moved to another patient is not what was written.
 */
export type WrittenVersion = readonly [
  type: string,
  id: string,
  version: number,
  tag: string,
  patient: string | null,
]

/** What one transaction did. All of it is of one tenant. */
export interface LedgerEntry {
  readonly tenant: string
  readonly versions: readonly WrittenVersion[]
  /** Empty for the tenant's own. */
  readonly keys: readonly (readonly [patient: string, dataKeyId: string])[]
  /** Patients whose data key was destroyed, with the sum over the versions that went with it. */
  readonly erased: readonly (readonly [patient: string, dataKeyId: string, sum: string])[]
}

export type LedgerCode = 'database-rolled-back' | 'database-forked' | 'database-altered'

export type LedgerProblem = Problem<LedgerCode>

export interface Ledger {
  /** Writes what the transaction did, as its last statement. */
  write(transaction: Transaction<Tables>, entry: LedgerEntry): Promise<void>
  /** Puts what has been committed into a block. @returns the head, whoever made it. */
  extend(): Promise<Result<AnchorState, LedgerProblem>>
  /** The digest of a block; `undefined` where there is none of this sequence. */
  digestAt(sequence: number): Promise<string | undefined>
  /** The head, where it is a block that says why it goes on, and the newest block before it that is none. */
  lastNote(): Promise<
    (AnchorState & { readonly note: Uint8Array; readonly before: AnchorState }) | undefined
  >
  /** Whether nothing has ever been written. */
  isEmpty(): Promise<boolean>
  /**
   * Reads the whole chain, and compares it with what is stored: every version that was written and not
   * erased is there, and nothing else is.
   *
   * @returns the head as it is when all that waits is in a block, as {@link extend} puts it there; or
   *   `database-altered`.
   */
  verify(): Promise<Result<AnchorState, LedgerProblem>>
  /** Whether the blocks after `from`, as they are stored, come to `to`, and hold what was written. Refuses with `database-altered`. */
  follows(from: AnchorState, to: AnchorState): Promise<Result<true, LedgerProblem>>
  /**
   * Puts what waits into a block, and then one with a greater sequence that says why, if what is gone on from is `from`.
   *
   * @returns `undefined`, and nothing is written, where it is something else by now.
   */
  goOn(
    from: AnchorState,
    sequence: number,
    note: Uint8Array,
  ): Promise<Result<AnchorState | undefined, LedgerProblem>>
  /** Has this process hold the key of the ledger under the current master key. */
  keepCurrent(): void
  /** What versions come to: equal for equal sets, in whatever order. */
  sumOf(tenant: string, versions: readonly WrittenVersion[]): string
  /** What is stored beside a version, so that whoever takes it out knows whose it was without opening it. */
  proofOf(tenant: string, version: WrittenVersion): Uint8Array
}

/**
 * Opens the ledger of a database; `sealer` is of any tenant.
 *
 * @param onErased - told of each erasure that is read in the chain, whoever did it.
 */
export async function openLedger(
  db: Kysely<Tables>,
  sealer: Sealer,
  onErased: (tenant: string, patient: string) => void = () => {},
): Promise<Ledger> {
  const own = sealer.forTenant('')
  const key = await ownDataKey(db, own)
  const keyFor = (purpose: string): Uint8Array => {
    const derived = own.derived(key, purpose)
    if (!derived.ok) throw new Error(derived.problem.code)
    return derived.value
  }
  const sums = sumsUnder(keyFor('ledger sums'))
  // Under a key of their own: whoever saw what is summed could look for other sets with one sum.
  const proofOf = proofsUnder(keyFor('ledger proofs'))
  const openEntry = openerOf(own, key)
  const open: OpenEntry = (id, sealed) => {
    const entry = openEntry(id, sealed)
    for (const [patient] of entry?.erased ?? []) onErased(entry?.tenant ?? '', patient)
    return entry
  }

  const extend: Ledger['extend'] = async () => {
    for (;;) {
      const block = await db.transaction().execute((transaction) => nextBlock(transaction, open))
      if (!block.ok || block.value.entries < ledgerBlockEntriesMax) {
        return block.ok ? ok(block.value.head) : block
      }
    }
  }
  return {
    async write(transaction, entry) {
      const id = randomUUID()
      const sealed = Buffer.from(own.seal(addressOf(id), utf8Of(JSON.stringify(entry)), key))
      if (sealed.length > ledgerEntryBytesMax) throw new Error('a transaction writes too much')
      await transaction
        .insertInto('sealward.ledger_entry')
        .values({ id, sealed, block: null })
        .execute()
    },
    extend,
    async digestAt(sequence) {
      const row = await db
        .selectFrom('sealward.ledger_block')
        .select('digest')
        .where('sequence', '=', String(sequence))
        .executeTakeFirst()
      return row && hexOf(row.digest)
    },
    async lastNote() {
      const newest = db.selectFrom('sealward.ledger_block').selectAll().orderBy('sequence', 'desc')
      const head = await newest.limit(1).executeTakeFirst()
      if (head === undefined || head.note === null) return undefined
      const before = await newest.where('note', 'is', null).limit(1).executeTakeFirst()
      const { note } = head
      return { ...stateOf(head), note, before: before === undefined ? nothing : stateOf(before) }
    },
    async isEmpty() {
      const { rows } = await sql<{ readonly any: boolean }>`select
        exists (select from sealward.ledger_entry) or exists (select from sealward.version)
        as any`.execute(db)
      return rows[0]?.any === false
    },
    verify: () =>
      db
        .transaction()
        .setIsolationLevel('repeatable read')
        .setAccessMode('read only')
        .execute((snapshot) => verify(snapshot, { sealer, open, sums, proofOf })),
    follows: (from, to) =>
      db
        .transaction()
        .setIsolationLevel('repeatable read')
        .setAccessMode('read only')
        .execute((snapshot) => follows(snapshot, open, from, to)),
    goOn: async (from, sequence, note) => {
      const undone = new Error('what is gone on from is something else')
      try {
        return await db.transaction().execute(async (transaction) => {
          const head = await coverAll(transaction, open)
          if (!head.ok) return head
          if (!sameState(head.value, from)) throw undone
          if (sequence <= from.sequence) throw new RangeError('a sequence grows')
          const digest = digestOf(from.digest, sequence, note, [])
          await transaction
            .insertInto('sealward.ledger_block')
            .values({
              sequence: String(sequence),
              digest: Buffer.from(digest),
              note: Buffer.from(note),
            })
            .execute()
          return ok({ sequence, digest: hexOf(digest) })
        })
      } catch (error) {
        if (error === undone) return ok(undefined)
        throw error
      }
    },
    sumOf: (tenant, versions) => textOf(sums.of(versions.map((one) => ['v', tenant, ...one]))),
    proofOf,
    keepCurrent: () => key.keepCurrent(),
  }
}

type OpenEntry = (id: string, sealed: Uint8Array) => LedgerEntry | undefined

function openerOf(sealer: Sealer, key: DataKey): OpenEntry {
  return (id, sealed) => {
    const opened = sealer.open(addressOf(id), sealed, key)
    if (!opened.ok) return undefined
    const json = jsonOf(opened.value, { bytesMax: ledgerEntryBytesMax, depthMax: 4 })
    // Nobody else could have sealed it: it is what was written.
    return json.ok ? (json.value as LedgerEntry) : undefined
  }
}

const addressOf = (id: string) => ({ type: 'ledger', id, version: 0 })

const noDigest = '0'.repeat(64)
const nothing: AnchorState = { sequence: 0, digest: noDigest }

function stateOf(row: { readonly sequence: string; readonly digest: Buffer }): AnchorState {
  return { sequence: Number(row.sequence), digest: hexOf(row.digest) }
}

function digestOf(
  before: string,
  sequence: number,
  note: Uint8Array | null,
  entries: readonly Uint8Array[],
): Uint8Array {
  const counted = new Uint8Array(8)
  new DataView(counted.buffer).setBigUint64(0, BigInt(sequence))
  const hash = createHash('sha256')
    .update('sealward ledger block 2')
    .update(Buffer.from(before, 'hex'))
    .update(counted)
    .update(note === null ? new Uint8Array(32) : createHash('sha256').update(note).digest())
  for (const sealed of entries) hash.update(createHash('sha256').update(sealed).digest())
  return new Uint8Array(hash.digest())
}

/** All that waits, in blocks of one transaction. Where nothing was ever written there is none. */
async function coverAll(
  transaction: Transaction<Tables>,
  open: OpenEntry,
): Promise<Result<AnchorState, LedgerProblem>> {
  await takeTurns(transaction)
  const { rows } = await sql<{ readonly any: boolean }>`select
    exists (select from sealward.ledger_block) or exists (select from sealward.ledger_entry)
    as any`.execute(transaction)
  if (rows[0]?.any !== true) return ok(nothing)
  for (;;) {
    const block = await nextBlock(transaction, open)
    if (!block.ok) return block
    if (block.value.entries < ledgerBlockEntriesMax) return ok(block.value.head)
  }
}

/** Until the transaction ends nobody else makes a block. */
async function takeTurns(transaction: Transaction<Tables>): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtext('sealward.ledger'))`.execute(transaction)
}

/** Replicas take turns. Where nothing waits, the head is as it was; the first block of all has no entries. */
async function nextBlock(
  transaction: Transaction<Tables>,
  open: OpenEntry,
): Promise<Result<{ readonly head: AnchorState; readonly entries: number }, LedgerProblem>> {
  await takeTurns(transaction)
  const last = await transaction
    .selectFrom('sealward.ledger_block')
    .select(['sequence', 'digest'])
    .orderBy('sequence', 'desc')
    .limit(1)
    .executeTakeFirst()
  const waiting = await transaction
    .selectFrom('sealward.ledger_entry')
    .select(['id', 'sealed'])
    .where('block', 'is', null)
    .orderBy('id')
    .limit(ledgerBlockEntriesMax)
    .execute()
  if (waiting.some(({ id, sealed }) => open(id, sealed) === undefined)) return altered
  if (last !== undefined && waiting.length === 0) {
    return ok({ head: stateOf(last), entries: 0 })
  }
  const sequence = Number(last?.sequence ?? 0) + 1
  const before = last === undefined ? noDigest : hexOf(last.digest)
  const digest = digestOf(
    before,
    sequence,
    null,
    waiting.map(({ sealed }) => sealed),
  )
  await transaction
    .insertInto('sealward.ledger_block')
    .values({ sequence: String(sequence), digest: Buffer.from(digest), note: null })
    .execute()
  const ids = waiting.map(({ id }) => id)
  await sql`update sealward.ledger_entry set block = ${String(sequence)}::bigint
    where id = any(${ids}::uuid[])`.execute(transaction)
  return ok({ head: { sequence, digest: hexOf(digest) }, entries: waiting.length })
}

/** What is summed: kind and fields of one thing. */
type Summand = readonly (string | number | null)[]

interface Sums {
  of(summands: readonly Summand[]): bigint
}

/**
 * Sums of HMACs modulo 2^256: whoever does not have the key finds no two sets with one sum.
 *
 * @see Clarke, Devadas, van Dijk, Gassend, Suh: Incremental Multiset Hash Functions and Their Application to
 *   Memory Integrity Checking (2003), MSet-Add-Hash
 */
function sumsUnder(key: Uint8Array): Sums {
  return {
    of: (summands) =>
      summands.reduce((sum, one) => {
        const mac = createHmac('sha256', key).update(JSON.stringify(one)).digest('hex')
        return (sum + BigInt(`0x${mac}`)) % modulus
      }, 0n),
  }
}

type ProofOf = Ledger['proofOf']

function proofsUnder(key: Uint8Array): ProofOf {
  return (tenant, version) =>
    createHmac('sha256', key)
      .update(JSON.stringify([tenant, ...version]))
      .digest()
}

const modulus = 1n << 256n
const textOf = (sum: bigint): string => sum.toString(16)

interface Verifying {
  readonly sealer: Sealer
  readonly open: OpenEntry
  readonly sums: Sums
  readonly proofOf: ProofOf
}

async function verify(
  snapshot: Transaction<Tables>,
  verifying: Verifying,
): Promise<Result<AnchorState, LedgerProblem>> {
  const chained = await readChain(snapshot, verifying)
  if (chained === undefined) return altered
  const stored = await sumStored(snapshot, verifying)
  return stored === chained.sum ? ok(chained.head) : altered
}

async function follows(
  snapshot: Transaction<Tables>,
  open: OpenEntry,
  from: AnchorState,
  to: AnchorState,
): Promise<Result<true, LedgerProblem>> {
  const blocks = await snapshot
    .selectFrom('sealward.ledger_block')
    .selectAll()
    .where('sequence', '>', String(from.sequence))
    .where('sequence', '<=', String(to.sequence))
    .orderBy('sequence')
    .execute()
  let head = from
  for (const { sequence, note } of blocks) {
    const entries = await snapshot
      .selectFrom('sealward.ledger_entry')
      .select(['id', 'sealed'])
      .where('block', '=', sequence)
      .orderBy('id')
      .execute()
    if (entries.some((one) => open(one.id, one.sealed) === undefined)) return altered
    const next = Number(sequence)
    const inBlock = entries.map(({ sealed }) => sealed)
    if (!isNext({ next, note, inBlock }, head)) return altered
    head = { sequence: next, digest: hexOf(digestOf(head.digest, next, note, inBlock)) }
  }
  return head.sequence === to.sequence && head.digest === to.digest ? ok(true) : altered
}

const altered = refuse(
  'database-altered',
  'database',
  'What is stored is not what was written: rows were changed, taken out, put in or put back.',
)

/** The head, and what should be stored. `undefined` for a chain that does not hold. */
async function readChain(
  snapshot: Transaction<Tables>,
  { open, sums }: Verifying,
): Promise<{ readonly head: AnchorState; readonly sum: bigint } | undefined> {
  let head = nothing
  let sum = 0n
  const take = (id: string, sealed: Uint8Array): boolean => {
    const entry = open(id, sealed)
    if (entry === undefined) return false
    const { tenant } = entry
    sum += sums.of([
      ...entry.versions.map((one) => ['v', tenant, ...one]),
      ...entry.keys.map((one) => ['k', tenant, ...one]),
    ])
    for (const [patient, dataKeyId, gone] of entry.erased) {
      sum -= BigInt(`0x${gone}`) + sums.of([['k', tenant, patient, dataKeyId]])
    }
    sum = ((sum % modulus) + modulus) % modulus
    return true
  }
  const blocks = paged(async (after: string) => {
    const rows = await snapshot
      .selectFrom('sealward.ledger_block')
      .selectAll()
      .where('sequence', '>', after)
      .orderBy('sequence')
      .limit(ledgerPageRows)
      .execute()
    return { rows, next: rows.at(-1)?.sequence }
  }, '0')
  const entries = entriesInOrder(snapshot)
  let entry = await entries.next()
  for await (const { sequence, digest, note } of blocks) {
    const inBlock: Uint8Array[] = []
    while (entry.done !== true && entry.value.block === sequence) {
      const { id, sealed } = entry.value
      if (!take(id, sealed)) return undefined
      inBlock.push(sealed)
      entry = await entries.next()
    }
    const next = Number(sequence)
    const expected = hexOf(digestOf(head.digest, next, note, inBlock))
    if (!isNext({ next, note, inBlock }, head) || expected !== hexOf(digest)) return undefined
    head = { sequence: next, digest: expected }
  }
  // What no block covers yet comes last; the head is said as it is when that is in blocks, too.
  while (entry.done !== true) {
    const waiting: Uint8Array[] = []
    while (entry.done !== true && waiting.length < ledgerBlockEntriesMax) {
      const { id, sealed, block } = entry.value
      if (block !== null || !take(id, sealed)) return undefined
      waiting.push(sealed)
      entry = await entries.next()
    }
    const sequence = head.sequence + 1
    head = { sequence, digest: hexOf(digestOf(head.digest, sequence, null, waiting)) }
  }
  return { head, sum }
}

/** Blocks are counted one by one. One that says why it goes on may be any number later, and nothing else is in it. */
function isNext(
  block: {
    readonly next: number
    readonly note: Uint8Array | null
    readonly inBlock: readonly Uint8Array[]
  },
  head: AnchorState,
): boolean {
  return block.note === null
    ? block.next === head.sequence + 1
    : block.next > head.sequence && block.inBlock.length === 0
}

interface EntryRow {
  readonly id: string
  readonly sealed: Buffer
  readonly block: string | null
}

async function* entriesInOrder(
  snapshot: Transaction<Tables>,
): AsyncGenerator<EntryRow, void, undefined> {
  const read = (after: readonly [block: string, id: string] | undefined, isCovered: boolean) => {
    const query = snapshot
      .selectFrom('sealward.ledger_entry')
      .select(['id', 'sealed', 'block'])
      .where('block', isCovered ? 'is not' : 'is', null)
      .orderBy('block')
      .orderBy('id')
      .limit(ledgerPageRows)
    if (after === undefined) return query.execute()
    const [block, id] = after
    return (
      isCovered
        ? query.where(sql<boolean>`(block, id) > (${block}::bigint, ${id}::uuid)`)
        : query.where('id', '>', id)
    ).execute()
  }
  for (const isCovered of [true, false]) {
    let rows = await read(undefined, isCovered)
    while (rows.length > 0) {
      yield* rows
      const last = rows.at(-1)
      rows = last === undefined ? [] : await read([last.block ?? '0', last.id], isCovered)
    }
  }
}

/** A stored version, with its record's patient, as it is in the ledger. */
export function versionOf(row: {
  readonly type: string
  readonly id: string
  readonly version: number
  readonly tag: Uint8Array
  readonly patient: string | null
}): WrittenVersion {
  return [row.type, row.id, row.version, hexOf(row.tag), row.patient]
}

/** What is stored: every version, with its tag, and every data key of a tenant or patient. */
async function sumStored(
  snapshot: Transaction<Tables>,
  { sealer, sums, proofOf }: Verifying,
): Promise<bigint | undefined> {
  let sum = 0n
  const add = (summands: readonly Summand[]): void => {
    sum = (sum + sums.of(summands)) % modulus
  }
  let after: readonly [string, string, string, number] = ['', '', '', 0]
  for (;;) {
    const [tenant, type, id, version] = after
    const { rows } = await sql<{
      readonly tenant: string
      readonly type: string
      readonly id: string
      readonly version: number
      readonly tag: Buffer
      readonly proof: Buffer
      readonly head: number | null
      readonly patient: string | null
      readonly has_key: boolean
    }>`select v.tenant, v.type, v.id, v.version, v.proof, r.version as head, r.patient,
        r.patient is null or exists (select from sealward.data_key k
          where k.tenant = v.tenant and k.patient = r.patient) as has_key,
        substring(v.sealed from greatest(1, length(v.sealed) - 15)) as tag
      from sealward.version v left join sealward.record r using (tenant, type, id)
      where (v.tenant, v.type, v.id, v.version) > (${tenant}, ${type}, ${id}, ${version}::int)
      order by v.tenant, v.type, v.id, v.version limit ${ledgerPageRows}`.execute(snapshot)
    const isWhole = rows.every((row) => {
      // A version without its record, newer than it, or of an erased patient would never be read.
      if (row.head === null || row.head < row.version || !row.has_key) return false
      return equalBytes(row.proof, proofOf(row.tenant, versionOf(row)))
    })
    if (!isWhole) return undefined
    add(rows.map((row) => ['v', row.tenant, ...versionOf(row)]))
    const last = rows.at(-1)
    if (last === undefined) break
    after = [last.tenant, last.type, last.id, last.version]
  }
  // Without the database's own key, which is first, nothing of the ledger opens.
  let owner: readonly [string, string] = ['', '']
  for (;;) {
    const [tenant, patient] = owner
    const { rows } = await sql<{
      readonly tenant: string
      readonly patient: string
      readonly wrapped: Buffer
    }>`select tenant, patient, wrapped from sealward.data_key
      where (tenant, patient) > (${tenant}, ${patient})
      order by tenant, patient limit ${ledgerPageRows}`.execute(snapshot)
    const ids = rows.map((row) => {
      const key = { patient: row.patient === '' ? null : row.patient, wrapped: row.wrapped }
      const id = sealer.forTenant(row.tenant).dataKeyId(key)
      return id.ok ? (['k', row.tenant, row.patient, id.value] as const) : undefined
    })
    if (ids.some((one) => one === undefined)) return undefined
    add(ids.filter((one) => one !== undefined))
    const last = rows.at(-1)
    if (last === undefined) return sum
    owner = [last.tenant, last.patient]
  }
}

async function* paged<Row, Key>(
  read: (after: Key) => Promise<{ readonly rows: readonly Row[]; readonly next: Key | undefined }>,
  first: Key,
): AsyncGenerator<Row, void, undefined> {
  let after: Key | undefined = first
  while (after !== undefined) {
    const page: { readonly rows: readonly Row[]; readonly next: Key | undefined } =
      await read(after)
    yield* page.rows
    after = page.next
  }
}
