/**
 * What an operator does with the keys that open the root key. Each is in the audit log, with a checkpoint, or did not happen.
 *
 * @see docs/operations/key-custody.md
 * @module
 */

import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import { inTransaction } from '@sealward/enclave/database'
import { createSealer, type MasterKey } from '@sealward/enclave/sealing'
import type { Clock, Random } from '@sealward/enclave/server'
import { type AuditDetails, type AuditLog, openAuditLog } from '../audit/audit.ts'
import type { Database, DatabaseTransaction } from '../store/open-store.ts'
import type { KeyEncryption } from './key-encryption.ts'
import { limits } from './limits.ts'
import {
  combineShares,
  createRecoverySet,
  type RecoverySet,
  recoveryKeyEncryption,
} from './recovery-key.ts'
import {
  addWrap,
  type RootKeyWrap,
  readWraps,
  refuseTeeOnly,
  retireWrap,
  unwrapRootKey,
} from './root-key.ts'
import { parseShare, type Share, shareText } from './share.ts'

/** What a change takes. */
export interface CustodyDeps {
  readonly database: Database
  readonly clock: Clock
  readonly random: Random
}

/** The same once the root key is open. */
export interface OpenCustody extends CustodyDeps {
  readonly rootKey: MasterKey
}

/**
 * Lets another key-encryption key open the root key as well. Interrupted, it is done again: the first one opens until it is
 * retired, and what is there already stays.
 *
 * @returns whether it was added now.
 */
export function addKeyEncryption(
  custody: OpenCustody,
  key: KeyEncryption,
): Promise<Result<boolean, Problem>> {
  return changing(custody, async (transaction, write) => {
    const added = await addWrap(transaction, custody.rootKey, key, custody)
    if (added.ok && added.value) {
      await write('custody-add', `custody/${key.id}`, { keyEncryptionKind: key.kind })
    }
    return added
  })
}

/** Has a key-encryption key, or a recovery set, open the root key no more. */
export function retireKeyEncryption(
  custody: OpenCustody,
  id: string,
): Promise<Result<RootKeyWrap, Problem>> {
  return changing(custody, async (transaction, write) => {
    const retired = await retireWrap(transaction, id)
    if (!retired.ok) return retired
    await write('custody-retire', `custody/${id}`, { keyEncryptionKind: retired.value.kind })
    return retired
  })
}

/** A new recovery set, and its shares as they are written down. They are nowhere else. */
export interface CreatedRecovery {
  readonly set: RecoverySet
  readonly shares: readonly string[]
  /** Ids of the sets that open nothing any more. */
  readonly replaced: readonly string[]
}

/**
 * Draws a recovery key, wraps the root key for it, and splits it. Any `threshold` shares open; before anybody sees one, the first and
 * the last of them have.
 *
 * @param options.keep - whether older sets go on opening.
 */
export function createRecovery(
  custody: OpenCustody,
  options: { readonly shares: number; readonly threshold: number; readonly keep: boolean },
): Promise<Result<CreatedRecovery, Problem>> {
  const { shares: count, threshold, keep } = options
  if (threshold < limits.thresholdMin || threshold > count || count > limits.sharesMax) {
    const detail = `A set has at most ${limits.sharesMax} shares, and it takes from ${limits.thresholdMin} to all of them.`
    return Promise.resolve(refuse('recovery-set-refused', 'threshold', detail))
  }
  return changing(custody, async (transaction, write) => {
    const { set, shares } = await createRecoverySet(options, custody.random)
    const older = (await readWraps(transaction)).filter(({ kind }) => kind === 'recovery')
    const added = await addWrap(transaction, custody.rootKey, recoveryKeyEncryption(set), {
      clock: custody.clock,
      recovery: set,
    })
    if (!added.ok) return added
    for (const some of [shares.slice(0, threshold), shares.slice(-threshold)]) {
      const opened = await openWithShares(transaction, some, [set])
      if (!opened.ok) return opened
    }
    const replaced = keep ? [] : older.map(({ id }) => id)
    for (const id of replaced) {
      const retired = await retireWrap(transaction, id)
      if (!retired.ok) return retired
    }
    await write('recovery-create', `custody/${set.id}`, {
      set: set.id,
      shares: count,
      threshold,
      count: replaced.length,
    })
    return ok({ set, shares: shares.map(shareText), replaced })
  })
}

/** Which shares opened the root key. */
export interface Rehearsal {
  readonly set: RecoverySet
  readonly numbers: readonly number[]
}

/**
 * Proves that these shares open the root key, and changes nothing but the audit log.
 *
 * @returns why they do not; a share that cannot be read is told by its place, `shares[1]`.
 */
export async function rehearseRecovery(
  deps: CustodyDeps,
  texts: readonly string[],
): Promise<Result<Rehearsal, Problem>> {
  const opened = await openRecovered(deps, texts)
  if (!opened.ok) return opened
  const { set, numbers, rootKey } = opened.value
  return changing({ ...deps, rootKey }, async (_transaction, write) => {
    await write('recovery-rehearse', `custody/${set.id}`, { set: set.id, numbers })
    return ok({ set, numbers })
  })
}

/** Lets `key` open the root key, as these shares do: where the key-encryption key is lost. */
export async function restoreRecovery(
  deps: CustodyDeps,
  texts: readonly string[],
  key: KeyEncryption,
): Promise<Result<Rehearsal & { readonly added: boolean }, Problem>> {
  const opened = await openRecovered(deps, texts)
  if (!opened.ok) return opened
  const { set, numbers, rootKey } = opened.value
  return changing({ ...deps, rootKey }, async (transaction, write) => {
    const added = await addWrap(transaction, rootKey, key, deps)
    if (!added.ok) return added
    await write('recovery-restore', `custody/${key.id}`, {
      set: set.id,
      numbers,
      keyEncryptionKind: key.kind,
    })
    return ok({ set, numbers, added: added.value })
  })
}

async function openRecovered(
  { database }: CustodyDeps,
  texts: readonly string[],
): Promise<Result<Rehearsal & { readonly rootKey: MasterKey }, Problem>> {
  const outside = await refuseTeeOnly(database)
  if (!outside.ok) return outside
  const shares: Share[] = []
  for (const [index, text] of texts.entries()) {
    const share = parseShare(text)
    if (!share.ok) {
      const { code, at, detail } = share.problem
      return refuse(
        code,
        `shares[${index}] ${at}`,
        `The share given as number ${index + 1}: ${detail}`,
      )
    }
    shares.push(share.value)
  }
  const sets = (await readWraps(database)).flatMap(({ recovery }) => recovery ?? [])
  return openWithShares(database, shares, sets)
}

async function openWithShares(
  database: Database | DatabaseTransaction,
  shares: readonly Share[],
  sets: readonly RecoverySet[],
): Promise<Result<Rehearsal & { readonly rootKey: MasterKey }, Problem>> {
  const combined = await combineShares(shares, sets)
  if (!combined.ok) return combined
  const { set, key } = combined.value
  const rootKey = await unwrapRootKey(database, key)
  return rootKey.ok
    ? ok({ set, numbers: shares.map(({ number }) => number), rootKey: rootKey.value })
    : rootKey
}

type Write = (action: string, target: string, details: AuditDetails) => Promise<void>

/** One transaction, at the end of which the audit log says what was done. */
async function changing<T>(
  { database, clock, random, rootKey }: OpenCustody,
  work: (transaction: DatabaseTransaction, write: Write) => Promise<Result<T, Problem>>,
): Promise<Result<T, Problem>> {
  const audit = await openAuditLog({ database, sealer: createSealer(rootKey, { random }), clock })
  if (!audit.ok) return audit
  return inTransaction(database, (transaction) =>
    work(transaction, (action, target, details) =>
      append(audit.value, transaction, { at: clock.now(), action, target, details }),
    ),
  )
}

function append(
  audit: AuditLog,
  transaction: DatabaseTransaction,
  done: {
    readonly at: number
    readonly action: string
    readonly target: string
    readonly details: AuditDetails
  },
): Promise<void> {
  const event = { ...done, actor: { kind: 'operator' }, outcome: 'done' } as const
  return audit.append(transaction, event, { signed: true })
}
