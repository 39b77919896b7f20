/**
 * What changes keys. Each change is one transaction, with its entry in the audit log.
 *
 * @module
 */

import {
  hexOf,
  ok,
  type Problem,
  type Result,
  refuse,
  type UnixSeconds,
} from '@sealward/attestation/bytes'
import { inTransaction } from '@sealward/enclave/database'
import type { AuditActor, AuditDetails } from '../audit/audit.ts'
import type { Broker } from '../broker.ts'
import { policyDetailsOf } from '../release/policy-details.ts'
import type { DatabaseTransaction } from '../store/open-store.ts'
import { policyOf } from './key-bundle.ts'
import { type Due, nextDue } from './key-due.ts'
import { type KeyMaterial, makeMaterial, specOf } from './key-material.ts'
import { backupFormat, type KeyRecord, type VersionRecord } from './key-record.ts'
import type { CreateRequest, ImportRequest, VersionProperties } from './key-request.ts'
import {
  createKeyStore,
  type KeyStoreCode,
  lockKey,
  rowName,
  type StoredKey,
  type StoredVersion,
} from './key-store.ts'
import type { KeyType } from './key-type.ts'
import { limits } from './limits.ts'
import { changedVersion, immutable, newVersion, type VersionCode } from './new-version.ts'
import { after, type RotationPolicy } from './rotation-policy.ts'

export type KeyChangeCode =
  | KeyStoreCode
  | VersionCode
  | 'store-unavailable'
  | 'key-deleted'
  | 'key-exists'
  | 'key-not-deleted'
  | 'key-versions-too-many'
  | 'backup-refused'

type Changed<T> = Promise<Result<T, Problem<KeyChangeCode>>>

/** Everything that officers do with keys, and what happens to them by itself. */
export interface KeyChanges {
  /** A new key, or a new version of one that is there. */
  create(actor: AuditActor, name: string, request: CreateRequest): Changed<StoredVersion>
  importKey(actor: AuditActor, name: string, request: ImportRequest): Changed<StoredVersion>
  /** @param id - the current version, unless one is named. */
  update(
    actor: AuditActor,
    name: string,
    id: string | undefined,
    properties: VersionProperties,
  ): Changed<StoredVersion>
  rotate(actor: AuditActor, name: string): Changed<StoredVersion>
  setRotation(actor: AuditActor, name: string, policy: RotationPolicy): Changed<KeyRecord>
  remove(actor: AuditActor, name: string): Changed<StoredVersion>
  recover(actor: AuditActor, name: string): Changed<StoredVersion>
  purge(actor: AuditActor, name: string): Changed<true>
  /** @returns sealed bytes, which only a broker with the same root key opens. */
  backup(actor: AuditActor, name: string): Changed<Uint8Array>
  restore(actor: AuditActor, backup: Uint8Array): Changed<StoredVersion>
  /**
   * Rotates, purges, and tells of what expires soon, as far as it is due: each key in a transaction of its own.
   *
   * @returns what was done with how many keys.
   */
  sweep(): Promise<Result<Readonly<Record<Due, number>>, Problem>>
}

/** What a change did: its value, the version that it was about, and what explains it. */
interface Done<T> {
  readonly value: T
  readonly version?: string
  readonly details?: AuditDetails
}

export function createKeyChanges(broker: Broker): KeyChanges {
  const { audit, clock, database, random, sealer } = broker
  const store = createKeyStore(sealer)

  /** Runs `work` while nobody else changes the key, and writes down what it did. */
  const changing = <T>(
    actor: AuditActor,
    action: string,
    name: string,
    work: (
      transaction: DatabaseTransaction,
      at: UnixSeconds,
    ) => Promise<Result<Done<T>, Problem<KeyChangeCode>>>,
  ): Changed<T> =>
    inTransaction(database, async (transaction): Promise<Result<T, Problem<KeyChangeCode>>> => {
      await lockKey(transaction, name)
      const at = clock.now()
      const done = await work(transaction, at)
      if (!done.ok) return done
      const { value, version, details } = done.value
      const target = `keys/${rowName(name)}${version === undefined ? '' : `/${version}`}`
      await audit.append(transaction, {
        at,
        actor,
        action,
        target,
        outcome: 'done',
        ...(details === undefined ? {} : { details }),
      })
      return ok(value)
    })

  /** A key that is there and not deleted. */
  const readLive = async (
    transaction: DatabaseTransaction,
    name: string,
  ): Promise<Result<StoredKey, Problem<KeyChangeCode>>> => {
    const stored = await store.read(transaction, name)
    return stored.ok && stored.value.key.deleted !== undefined
      ? refuse('key-unknown', 'path', 'There is no key of this name.')
      : stored
  }

  const append = async (
    transaction: DatabaseTransaction,
    name: string,
    before: StoredKey | undefined,
    version: VersionRecord,
  ): Promise<Result<Done<StoredVersion>, Problem<KeyChangeCode>>> => {
    const earlier = before?.key.versions ?? []
    if (earlier.length >= limits.versionsMax) {
      return refuse(
        'key-versions-too-many',
        'path',
        `A key has at most ${limits.versionsMax} versions.`,
      )
    }
    const entry = { id: hexOf(random.bytes(16)), revision: 1 }
    const policy = policyOf(version)
    const key: KeyRecord = {
      ...(before?.key ?? { name }),
      versions: [...earlier, entry] as unknown as KeyRecord['versions'],
      ...(policy?.immutable === true ? { immutablePolicy: policy.text } : {}),
    }
    await store.write(transaction, before, key, new Map([[entry.id, version]]))
    return ok({
      value: { revision: (before?.revision ?? 0) + 1, key, entry, version },
      version: entry.id,
      details: await detailsOf(version),
    })
  }

  const add = (
    actor: AuditActor,
    action: string,
    name: string,
    secret: { readonly type: KeyType; readonly material: KeyMaterial },
    properties: VersionProperties,
  ): Changed<StoredVersion> =>
    changing(actor, action, name, async (transaction, at) => {
      const found = await store.read(transaction, name)
      if (!found.ok && found.problem.code !== 'key-unknown') return found
      const before = found.ok ? found.value : undefined
      if (before?.key.deleted !== undefined) {
        return refuse(
          'key-deleted',
          'path',
          'A key of this name was deleted and can be recovered: recover it, or purge it first.',
        )
      }
      const pinned = await store.pinnedPolicy(transaction, name)
      if (!pinned.ok) return pinned
      const belongsTo = before?.key ?? { immutablePolicy: pinned.value }
      const version = newVersion(belongsTo, secret, properties, at)
      return version.ok ? append(transaction, name, before, version.value) : version
    })

  const rotated = async (
    transaction: DatabaseTransaction,
    name: string,
    at: UnixSeconds,
  ): Promise<Result<Done<StoredVersion>, Problem<KeyChangeCode>>> => {
    const live = await readLive(transaction, name)
    if (!live.ok) return live
    const current = await store.readVersion(transaction, name)
    if (!current.ok) return current
    const { type, material, operations, tags } = current.value.version
    const policy = policyOf(current.value.version)
    const { expiryTime } = live.value.key.rotation?.policy ?? {}
    const secret = { type, material: await makeMaterial(specOf(material), random) }
    const version = newVersion(
      live.value.key,
      secret,
      {
        operations,
        tags,
        exportable: policy !== undefined,
        policy,
        expiresAt: expiryTime === undefined ? undefined : after(at, expiryTime),
      },
      at,
    )
    return version.ok ? append(transaction, name, live.value, version.value) : version
  }

  const purged = async (
    transaction: DatabaseTransaction,
    name: string,
  ): Promise<Result<Done<true>, Problem<KeyChangeCode>>> => {
    const stored = await store.read(transaction, name)
    if (!stored.ok) return stored
    if (stored.value.key.deleted === undefined) return notDeleted()
    await store.erase(transaction, stored.value.key)
    return ok({ value: true, details: { count: stored.value.key.versions.length } })
  }

  /** Writes a key whose versions stay. */
  const rewrite = async (
    transaction: DatabaseTransaction,
    before: StoredKey,
    key: KeyRecord,
  ): Promise<Result<StoredVersion, Problem<KeyChangeCode>>> => {
    const current = await store.readVersion(transaction, key.name)
    if (!current.ok) return current
    await store.write(transaction, before, key, new Map())
    return ok({ ...current.value, revision: before.revision + 1, key })
  }

  const notify = async (
    transaction: DatabaseTransaction,
    name: string,
    at: UnixSeconds,
  ): Promise<Result<Done<true>, Problem<KeyChangeCode>>> => {
    const current = await store.readVersion(transaction, name)
    if (!current.ok) return current
    const { entry, version } = current.value
    const { key } = replaced(current.value)
    const changed = new Map([[entry.id, { ...version, notifiedAt: at }]])
    await store.write(transaction, current.value, key, changed)
    return ok({ value: true, version: entry.id, details: await detailsOf(version) })
  }

  /** Does what is due with one key, if it still is. */
  const sweepKey = async (name: string): Promise<Result<Due | undefined, Problem>> => {
    const current = await store.readVersion(database, name)
    if (!current.ok) return current.problem.code === 'key-unknown' ? ok(undefined) : current
    const due = nextDue(current.value.key, current.value.version)
    if (due === undefined || due.at > clock.now()) return ok(undefined)
    /** Another replica may have done it while this one waited for its turn. */
    const still = async (transaction: DatabaseTransaction): Promise<boolean> => {
      const now = await store.readVersion(transaction, name)
      return now.ok && now.value.revision === current.value.revision
    }
    const unlessDone = <T>(
      what: string,
      work: (
        transaction: DatabaseTransaction,
        at: UnixSeconds,
      ) => Promise<Result<Done<T>, Problem<KeyChangeCode>>>,
    ) =>
      changing<T>({ kind: 'broker' }, what, name, async (transaction, at) =>
        (await still(transaction))
          ? work(transaction, at)
          : refuse('key-unknown', 'path', 'Another replica was faster.'),
      )
    const done = await {
      rotate: () => unlessDone('key-rotate', (transaction, at) => rotated(transaction, name, at)),
      purge: () => unlessDone('key-purge', (transaction) => purged(transaction, name)),
      notify: () =>
        unlessDone('key-expires-soon', (transaction, at) => notify(transaction, name, at)),
    }[due.what]()
    if (done.ok) return ok(due.what)
    return done.problem.code === 'key-unknown' ? ok(undefined) : done
  }

  return {
    async create(actor, name, { type, spec, ...properties }) {
      // Primes take time: nobody waits for them in a transaction.
      const material = await makeMaterial(spec, random)
      return add(actor, 'key-create', name, { type, material }, properties)
    },
    importKey: (actor, name, { type, material, ...properties }) =>
      add(actor, 'key-import', name, { type, material }, properties),
    update: (actor, name, id, properties) =>
      changing(actor, 'key-update', name, async (transaction, at) => {
        const live = await readLive(transaction, name)
        if (!live.ok) return live
        const stored = await store.readVersion(transaction, name, id)
        if (!stored.ok) return stored
        const version = changedVersion(stored.value.version, properties, at)
        if (!version.ok) return version
        const { key, entry } = replaced(stored.value)
        const policy = policyOf(version.value)
        const isPinned = policy?.immutable === true && key.immutablePolicy === undefined
        const changedKey = isPinned ? { ...key, immutablePolicy: policy.text } : key
        await store.write(transaction, live.value, changedKey, new Map([[entry.id, version.value]]))
        const changed = { revision: live.value.revision + 1, key: changedKey, entry }
        return ok({
          value: { ...changed, version: version.value },
          version: entry.id,
          details: await detailsOf(version.value),
        })
      }),
    rotate: (actor, name) =>
      changing(actor, 'key-rotate', name, (transaction, at) => rotated(transaction, name, at)),
    setRotation: (actor, name, policy) =>
      changing(actor, 'key-rotation-policy', name, async (transaction, at) => {
        const live = await readLive(transaction, name)
        if (!live.ok) return live
        const createdAt = live.value.key.rotation?.createdAt ?? at
        const key = { ...live.value.key, rotation: { policy, createdAt, updatedAt: at } }
        const written = await rewrite(transaction, live.value, key)
        return written.ok ? ok({ value: key, details: { changed: changedBy(policy) } }) : written
      }),
    remove: (actor, name) =>
      changing(actor, 'key-delete', name, async (transaction, at) => {
        const live = await readLive(transaction, name)
        if (!live.ok) return live
        const purgeAt = at + broker.recoverableDays * 86_400
        const key = { ...live.value.key, deleted: { at, purgeAt } }
        const written = await rewrite(transaction, live.value, key)
        return written.ok ? ok({ value: written.value, details: { expiresAt: purgeAt } }) : written
      }),
    recover: (actor, name) =>
      changing(actor, 'key-recover', name, async (transaction) => {
        const stored = await store.read(transaction, name)
        if (!stored.ok) return stored
        const { deleted, ...key } = stored.value.key
        if (deleted === undefined) return notDeleted()
        const written = await rewrite(transaction, stored.value, key)
        return written.ok ? ok({ value: written.value }) : written
      }),
    purge: (actor, name) =>
      changing(actor, 'key-purge', name, (transaction) => purged(transaction, name)),
    backup: (actor, name) =>
      changing(actor, 'key-backup', name, async (transaction) => {
        const live = await readLive(transaction, name)
        if (!live.ok) return live
        const versions = await store.readVersions(transaction, name)
        if (!versions.ok) return versions
        const bytes = backupFormat.encode({
          key: live.value.key,
          versions: versions.value.map(({ version }) => version),
        })
        const value = sealer.seal(backupAddress, bytes)
        return ok({ value, details: { count: versions.value.length } })
      }),
    async restore(actor, sealed) {
      const opened = sealer.open(backupAddress, sealed)
      const backup = opened.ok ? backupFormat.decode(opened.value) : undefined
      if (backup === undefined || backup.versions.length !== backup.key.versions.length) {
        return refuse('backup-refused', 'value', 'This is no backup of a key of this broker.')
      }
      const { key, versions } = backup
      return changing(actor, 'key-restore', key.name, async (transaction) => {
        const found = await store.read(transaction, key.name)
        if (found.ok) return refuse('key-exists', 'path', 'There is a key of this name.')
        if (found.problem.code !== 'key-unknown') return found
        // A backup from before its policy was immutable would have the old one back.
        const pinned = await store.pinnedPolicy(transaction, key.name)
        if (!pinned.ok) return pinned
        if (pinned.value !== undefined && pinned.value !== key.immutablePolicy) return immutable()
        const records = new Map(
          key.versions.map(({ id }, index) => [id, versions[index] as VersionRecord]),
        )
        await store.write(transaction, undefined, key, records)
        const current = await store.readVersion(transaction, key.name)
        return current.ok
          ? ok({ value: current.value, details: { count: versions.length } })
          : current
      })
    },
    async sweep() {
      const counts = { rotate: 0, purge: 0, notify: 0 }
      const due = await inTransaction(database, async (transaction) =>
        ok(await store.due(transaction, clock.now(), limits.sweepMax)),
      )
      if (!due.ok) return due
      for (const name of due.value) {
        const done = await sweepKey(name)
        if (done.ok) {
          if (done.value !== undefined) counts[done.value] += 1
        } else if (done.problem.code === 'store-unavailable') {
          return done
        } else {
          broker.log.error('key-not-swept', { code: done.problem.code })
        }
      }
      return ok(counts)
    },
  }
}

const backupAddress = { type: 'key backup', id: '', version: 1 }

/** The key, whose version has another revision. */
function replaced({ key, entry }: StoredVersion): Pick<StoredVersion, 'key' | 'entry'> {
  const next = { ...entry, revision: entry.revision + 1 }
  const versions = key.versions.map((one) => (one.id === entry.id ? next : one))
  return { key: { ...key, versions: versions as unknown as KeyRecord['versions'] }, entry: next }
}

/** What a rotation policy says, for the audit log. */
function changedBy({ actions, expiryTime }: RotationPolicy): readonly string[] {
  const said = actions.map(({ does, trigger, duration }) => `${does} ${trigger} ${duration}`)
  return expiryTime === undefined ? said : [...said, `expiryTime ${expiryTime}`]
}

function notDeleted(): Result<never, Problem<KeyChangeCode>> {
  return refuse('key-not-deleted', 'path', 'There is no deleted key of this name.')
}

/** What the audit log says of a version. */
async function detailsOf(version: VersionRecord): Promise<AuditDetails> {
  const { type, operations, enabled, expiresAt } = version
  const policy = policyOf(version)
  return {
    keyType: type,
    keyOperations: operations,
    enabled,
    exportable: policy !== undefined,
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(policy === undefined ? {} : await policyDetailsOf(policy)),
  }
}
