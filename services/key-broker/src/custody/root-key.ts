/**
 * The key under which everything in the database is sealed, and the wraps by which it is opened.
 *
 * @see docs/operations/key-custody.md
 * @module
 */

import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import { createSealer, type MasterKey } from '@sealward/enclave/sealing'
import type { Clock, Random } from '@sealward/enclave/server'
import { sql } from 'kysely'
import type { Database, DatabaseTransaction } from '../store/open-store.ts'
import type { KeyEncryption, KeyEncryptionCode, KeyEncryptionKind } from './key-encryption.ts'
import { keyEncryptionKinds } from './key-encryption.ts'
import { limits } from './limits.ts'
import type { RecoverySet } from './recovery-key.ts'

export type RootKeyCode = KeyEncryptionCode | 'another-master-key' | 'root-key-missing'

/** By which key the root key opens. */
export interface RootKeyWrap {
  readonly id: string
  readonly kind: KeyEncryptionKind
  readonly at: number
  readonly recovery?: RecoverySet
}

/**
 * Outside a TEE, whether there is anything to open the root key with: of a broker in a TEE there is not, neither a key nor
 * shares.
 *
 * @returns `custody-in-tee` where only brokers in TEEs open it.
 */
export async function refuseTeeOnly(
  database: Database,
): Promise<Result<true, Problem<'custody-in-tee'>>> {
  const wraps = await readWraps(database)
  if (wraps.length === 0 || wraps.some(({ kind }) => kind !== 'tee')) return ok(true)
  const detail =
    'The keys in this database are those of a broker in a TEE. Nothing opens them outside one: there are no shares of them, and none are made. To have them on another machine, start a broker there that has them handed over (keyEncryption.from).'
  return refuse('custody-in-tee', 'database', detail)
}

/** Whether this is the root key of the database. */
export async function isRootKey(database: Database, key: MasterKey): Promise<boolean> {
  const row = await database.selectFrom('broker.root_key').select('key_id').executeTakeFirst()
  return row?.key_id === keyIdOf(key)
}

/** Whether a root key was drawn: whoever opens a key-encryption key then makes none. */
export async function hasRootKey(database: Database): Promise<boolean> {
  const row = await database.selectFrom('broker.root_key').select('key_id').executeTakeFirst()
  return row !== undefined
}

/**
 * Opens the root key; draws it the first time. It is the same for all replicas.
 *
 * @returns the key; `another-master-key` where another key-encryption key wrapped it;
 *   `key-encryption-unavailable`.
 */
export async function openRootKey(
  database: Database,
  keyEncryption: KeyEncryption,
  { clock, random }: { readonly clock: Clock; readonly random: Random },
): Promise<Result<MasterKey, Problem<RootKeyCode>>> {
  return database.transaction().execute(async (transaction) => {
    await lock(transaction)
    const known = await transaction
      .selectFrom('broker.root_key')
      .select('key_id')
      .executeTakeFirst()
    if (known !== undefined) return unwrapRootKey(transaction, keyEncryption)
    const key = random.bytes(keyBytes) as MasterKey
    const wrapped = await keyEncryption.wrap(key, contextOf(keyIdOf(key), keyEncryption))
    if (!wrapped.ok) return wrapped
    await transaction
      .insertInto('broker.root_key')
      .values({ only: true, key_id: keyIdOf(key) })
      .execute()
    await insertWrap(transaction, keyEncryption, wrapped.value, clock)
    return ok(key)
  })
}

/** Opens the root key that is there; otherwise `root-key-missing`, or as {@link openRootKey} refuses. */
export async function unwrapRootKey(
  database: Database | DatabaseTransaction,
  keyEncryption: KeyEncryption,
): Promise<Result<MasterKey, Problem<RootKeyCode>>> {
  const known = await database.selectFrom('broker.root_key').select('key_id').executeTakeFirst()
  if (known === undefined) {
    return refuse('root-key-missing', 'database', 'No broker has run over this database yet.')
  }
  const rows = await database
    .selectFrom('broker.root_key_wrap')
    .select(['id', 'kind', 'wrapped'])
    .where('kind', '=', keyEncryption.kind)
    .orderBy('at', 'desc')
    .limit(limits.wrapsMax)
    .execute()
  for (const { id, kind, wrapped } of rows) {
    if (!keyEncryption.opens(id)) continue
    const opened = await keyEncryption.unwrap(wrapped, contextOf(known.key_id, { id, kind }))
    if (!opened.ok && opened.problem.code === 'key-encryption-unavailable') return opened
    if (opened.ok && opened.value.length === keyBytes) {
      const key = opened.value as MasterKey
      if (keyIdOf(key) === known.key_id) return ok(key)
    }
  }
  return refuse(
    'another-master-key',
    'keyEncryption',
    'This database was sealed under another key. Give every replica the same key-encryption key.',
  )
}

/**
 * Lets another key-encryption key open the root key as well. Done again, it changes nothing.
 *
 * @returns whether it was added now; why it could not wrap, or not open what it wrapped.
 */
export async function addWrap(
  transaction: DatabaseTransaction,
  rootKey: MasterKey,
  keyEncryption: KeyEncryption,
  { clock, recovery }: { readonly clock: Clock; readonly recovery?: RecoverySet },
): Promise<Result<boolean, Problem<RootKeyCode | 'wraps-too-many'>>> {
  await lock(transaction)
  if (recovery === undefined && (await unwrapRootKey(transaction, keyEncryption)).ok)
    return ok(false)
  if ((await readWraps(transaction)).length >= limits.wrapsMax) {
    const detail = `At most ${limits.wrapsMax} keys open the root key: retire one first.`
    return refuse('wraps-too-many', 'database', detail)
  }
  const context = contextOf(keyIdOf(rootKey), keyEncryption)
  const wrapped = await keyEncryption.wrap(rootKey, context)
  if (!wrapped.ok) return wrapped
  if (recovery === undefined) {
    // A token that wraps and cannot unwrap would be noticed when it is too late.
    const opened = await keyEncryption.unwrap(wrapped.value, context)
    if (!opened.ok) return opened
  }
  await insertWrap(transaction, keyEncryption, wrapped.value, clock, recovery)
  return ok(true)
}

/**
 * Has a key open the root key no more.
 *
 * @returns `wrap-unknown`, or `wrap-last`: without it only shares, or nobody, could open it.
 */
export async function retireWrap(
  transaction: DatabaseTransaction,
  id: string,
): Promise<Result<RootKeyWrap, Problem<'wrap-unknown' | 'wrap-last'>>> {
  await lock(transaction)
  const wraps = await readWraps(transaction)
  const wrap = wraps.find((one) => one.id === id)
  if (wrap === undefined) {
    return refuse('wrap-unknown', 'id', 'No key of this id opens the root key.')
  }
  const others = wraps.filter((one) => one.id !== id && one.kind !== 'recovery')
  if (others.length === 0) {
    const detail = 'No other key-encryption key opens the root key: add one first.'
    return refuse('wrap-last', 'id', detail)
  }
  await transaction.deleteFrom('broker.root_key_wrap').where('id', '=', id).execute()
  return ok(wrap)
}

/** The oldest first. */
export async function readWraps(
  database: Database | DatabaseTransaction,
): Promise<readonly RootKeyWrap[]> {
  const rows = await database
    .selectFrom('broker.root_key_wrap')
    .select(['id', 'kind', 'recovery', 'at'])
    .orderBy('at')
    .orderBy('id')
    .execute()
  return rows.flatMap(({ id, kind, recovery, at }) => {
    const known = keyEncryptionKinds.find((one) => one === kind)
    if (known === undefined) return []
    return [{ id, kind: known, at: Number(at), ...(recovery === null ? {} : { recovery }) }]
  })
}

async function insertWrap(
  transaction: DatabaseTransaction,
  { id, kind }: KeyEncryption,
  wrapped: Uint8Array,
  clock: Clock,
  recovery?: RecoverySet,
): Promise<void> {
  await transaction
    .insertInto('broker.root_key_wrap')
    .values({
      id,
      kind,
      wrapped: Buffer.from(wrapped),
      recovery: recovery === undefined ? null : JSON.stringify(recovery),
      at: String(clock.now()),
    })
    // One of this name that does not open was changed by somebody: what opens takes its place.
    .onConflict((conflict) =>
      conflict.column('id').doUpdateSet({ wrapped: Buffer.from(wrapped), at: String(clock.now()) }),
    )
    .execute()
}

/** Of two that start, or change wraps, one comes second. */
async function lock(transaction: DatabaseTransaction): Promise<void> {
  await sql`select pg_advisory_xact_lock(hashtext('sealward.broker.root-key'))`.execute(transaction)
}

const keyBytes = 32

/** Tells nothing of the key. */
function keyIdOf(key: MasterKey): string {
  return createSealer(key).keyId
}

/** One wrap cannot be passed off as another: neither as another key's, nor as one of another root key. */
function contextOf(
  keyId: string,
  { id, kind }: { readonly id: string; readonly kind: string },
): string {
  return JSON.stringify(['sealward root key 1', keyId, kind, id])
}
