/**
 * A key ring that replicas share through the database.
 *
 * Each looks at the keys every few seconds and does what is due; who does it first holds a lock, and the
 * others find it done. Keys are published long before they sign, so it does not matter who notices first.
 *
 * @see docs/spec/attestation-service.md
 * @module
 */

import { ok, type Result, type UnixSeconds } from '@sealward/attestation/bytes'
import { inTransaction, reaching, type StoreUnavailable } from '@sealward/enclave/database'
import type { Sealer } from '@sealward/enclave/sealing'
import type { Clock, Random } from '@sealward/enclave/server'
import type { Database, DatabaseTransaction } from '../store/open-store.ts'
import type { EvidenceOf } from './certificate.ts'
import type { KeyRing } from './key-ring.ts'
import {
  deleteKey,
  type KeyStoreProblem,
  lockKeys,
  readKeys,
  type StoredKey,
  writeKey,
} from './key-store.ts'
import {
  type KeyState,
  type KeyTimes,
  nextSignsFrom,
  type Rotation,
  statesOf,
} from './key-timeline.ts'
import { type KeyKind, makeSigningKey, type SigningKey, signingKeyOf } from './signing-key.ts'

export interface StoredKeyRingOptions {
  readonly database: Database
  readonly sealer: Sealer
  readonly instance: { readonly name: string; readonly issuer: string }
  readonly kind: KeyKind
  readonly rotation: Rotation
  readonly clock: Clock
  readonly random: Random
  /** In a TEE: what goes into each certificate. */
  readonly evidenceOf?: EvidenceOf | undefined
}

export type KeyRingProblem = StoreUnavailable | KeyStoreProblem

export interface StoredKeyRing extends KeyRing {
  /** Reads the keys again, makes the next where one is due, removes those that are gone. */
  refresh(): Promise<Result<true, KeyRingProblem>>
  /** Has a new key follow the current one as soon as one may; nothing where one is about to. */
  rotate(): Promise<Result<true, KeyRingProblem>>
  /** Every key that is known, and what it does now. */
  list(): readonly ListedKey[]
}

export interface ListedKey {
  readonly kid: string
  readonly algorithm: SigningKey['algorithm']
  readonly state: KeyState
  readonly signsFrom: UnixSeconds
}

/**
 * Opens the keys of an instance, which is in the database already. The first replica ever makes the
 * first key, which signs at once.
 *
 * @returns the ring, `store-unavailable` or `signing-key-refused`.
 */
export async function openStoredKeyRing(
  options: StoredKeyRingOptions,
): Promise<Result<StoredKeyRing, KeyRingProblem>> {
  const { clock, database, sealer, instance, rotation } = options
  let known: readonly KnownKey[] = []
  let readAt: UnixSeconds = 0

  const refresh = async (isAsked: boolean): Promise<Result<true, KeyRingProblem>> => {
    const at = clock.now()
    const read = await reaching(() => readKeys(database, sealer, instance.name))
    if (!read.ok) return read
    const keys = isSettled(read.value, options, at, isAsked)
      ? read
      : await inTransaction(database, (transaction) => settle(transaction, options, isAsked))
    if (!keys.ok) return keys
    const before = new Map(known.map((one) => [one.kid, one]))
    known = await Promise.all(keys.value.map(async (one) => before.get(one.kid) ?? knownKeyOf(one)))
    readAt = at
    return ok(true)
  }

  const first = await refresh(false)
  if (!first.ok) return first
  return ok({
    current() {
      const current = known[statesOf(known, rotation, clock.now()).indexOf('current')]
      if (current === undefined) throw new Error('an instance has no key that signs')
      return current.key
    },
    published() {
      const states = statesOf(known, rotation, clock.now())
      return known.filter((_, index) => states[index] !== 'gone').map(({ key }) => key)
    },
    // A clock that was set back makes nothing young.
    isFresh: () => Math.abs(clock.now() - readAt) < rotation.publishedAheadSeconds,
    cacheSeconds: Math.min(cacheSecondsMax, Math.floor(rotation.publishedAheadSeconds / 2)),
    refresh: () => refresh(false),
    rotate: () => refresh(true),
    list() {
      const states = statesOf(known, rotation, clock.now())
      return known.map(({ kid, key: { algorithm }, signsFrom }, index) => ({
        kid,
        algorithm,
        state: states[index] ?? 'gone',
        signsFrom,
      }))
    },
  })
}

const cacheSecondsMax = 300

interface KnownKey extends KeyTimes {
  readonly kid: string
  readonly key: SigningKey
}

async function knownKeyOf({ kid, record }: StoredKey): Promise<KnownKey> {
  const { publishedAt, signsFrom } = record
  return { kid, publishedAt, signsFrom, key: await signingKeyOf(record) }
}

function isSettled(
  keys: readonly StoredKey[],
  options: StoredKeyRingOptions,
  at: UnixSeconds,
  isAsked: boolean,
): boolean {
  const states = statesOf(timesOf(keys), options.rotation, at)
  return !states.includes('gone') && whenDue(keys, options, at, isAsked) === undefined
}

/** Does what is due, where no other replica has done it meanwhile. */
async function settle(
  transaction: DatabaseTransaction,
  options: StoredKeyRingOptions,
  isAsked: boolean,
): Promise<Result<readonly StoredKey[], KeyStoreProblem>> {
  const { clock, sealer, instance, rotation } = options
  await lockKeys(transaction, instance.name)
  const read = await readKeys(transaction, sealer, instance.name)
  if (!read.ok) return read
  const at = clock.now()
  const states = statesOf(timesOf(read.value), rotation, at)
  const keys = read.value.filter((_, index) => states[index] !== 'gone')
  for (const { kid } of read.value) {
    if (!keys.some((key) => key.kid === kid)) await deleteKey(transaction, instance.name, kid)
  }
  const due = whenDue(keys, options, at, isAsked)
  if (due === undefined) return ok(keys)
  const next = await makeKey(options, due - at)
  await writeKey(transaction, sealer, instance.name, next)
  return ok([...keys, next])
}

/** @param aheadSeconds - from when the key is there until it signs. */
async function makeKey(options: StoredKeyRingOptions, aheadSeconds: number): Promise<StoredKey> {
  const { clock, random, kind, evidenceOf } = options
  const { issuer } = options.instance
  const at = clock.now()
  const material = await makeSigningKey({ kind, issuer, at, random, evidenceOf })
  const { kid } = await signingKeyOf(material)
  const publishedAt = clock.now()
  return { kid, record: { ...material, publishedAt, signsFrom: publishedAt + aheadSeconds } }
}

function whenDue(
  keys: readonly StoredKey[],
  { kind, rotation }: StoredKeyRingOptions,
  at: UnixSeconds,
  isAsked: boolean,
): UnixSeconds | undefined {
  const wanted = keys.map(({ record }) => ({
    ...record,
    isWanted: !isAsked && record.algorithm === kind.algorithm,
  }))
  return nextSignsFrom(wanted, rotation, at)
}

function timesOf(keys: readonly StoredKey[]): readonly KeyTimes[] {
  return keys.map(({ record }) => record)
}
