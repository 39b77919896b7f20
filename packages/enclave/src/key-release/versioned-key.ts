import { ok, type Result } from '@sealward/attestation/bytes'
import { type Following, followKey } from './follow-key.ts'
import type { KeyBroker, KeyReleaseFailure } from './key-broker.ts'
import type { KnownVersions } from './known-versions.ts'
import type { ReleasedKey, WantedKey } from './open-release.ts'
import { type Waiting, waitForKey } from './wait-for-key.ts'

/** A key in all versions that are in use. */
export interface VersionedKey {
  /** The current one first, then the others by when they were made, newest first. */
  versions(): readonly ReleasedKey[]
  /**
   * Asks for the current version, and for those that other replicas have begun to use.
   *
   * @throws when the broker cannot be asked; the versions that are here stay.
   */
  renew(): Promise<void>
  /** Lets go of a version that nothing needs any more; not of the current one. */
  forget(version: string): void
  close(): Promise<void>
}

export interface VersionedKeyOptions {
  readonly broker: Pick<KeyBroker, 'release'>
  readonly wanted: Omit<WantedKey, 'version'>
  readonly known: Pick<KnownVersions, 'add' | 'of'>
  readonly waiting: Waiting
  /** How often the broker is asked for a newer one; see `followKey`. */
  readonly everySeconds?: number
  /** Told when there is a newer version. */
  readonly onVersion?: () => Promise<void> | void
}

/**
 * Gets a key in its current version and in those that were in use before, waiting for a broker that is not there yet, and
 * follows it from then on.
 *
 * @returns the key, or why the current version was not released. An older version that the broker does not release any
 *   more is left out: what needs it says so.
 */
export async function openVersionedKey(
  options: VersionedKeyOptions,
): Promise<Result<VersionedKey, KeyReleaseFailure>> {
  const { broker, known, wanted } = options
  const { log } = options.waiting
  const held = new Map<string, ReleasedKey>()
  let current = ''

  const hold = async (key: ReleasedKey): Promise<void> => {
    // Before it is used: whoever meets what it sealed can ask for it.
    await known.add(wanted.name, key.version)
    held.set(key.version, key)
    // A broker whose database is of yesterday has an older one as its current one: that opens, and seals nothing new.
    const isOlder = key.createdAt < (held.get(current)?.createdAt ?? 0)
    if (isOlder) log.warn('key-version-older', { version: key.version })
    else current = key.version
  }
  const loadKnown = async (
    release: (version: string) => ReturnType<KeyBroker['release']>,
  ): Promise<Result<true, KeyReleaseFailure>> => {
    for (const version of await known.of(wanted.name)) {
      if (held.has(version)) continue
      const key = await release(version)
      if (key.ok) held.set(version, key.value)
      else if (key.problem.kind === 'unavailable') return key
      else log.warn('key-version-not-released', { code: key.problem.code, version })
    }
    return ok(true)
  }

  const first = await waitForKey(broker, wanted, options.waiting)
  if (!first.ok) return first
  await hold(first.value)
  const loaded = await loadKnown((version) =>
    waitForKey(broker, { ...wanted, version }, options.waiting),
  )
  if (!loaded.ok) return loaded

  const following: Following = followKey({
    broker,
    wanted,
    log,
    version: first.value.version,
    onVersion: async (key) => {
      await hold(key)
      await options.onVersion?.()
    },
    ...(options.everySeconds === undefined ? {} : { everySeconds: options.everySeconds }),
  })
  return ok({
    versions() {
      const [one, others] = [held.get(current), [...held.values()]]
      const byAge = others.filter((key) => key !== one).sort((a, b) => b.createdAt - a.createdAt)
      return one === undefined ? byAge : [one, ...byAge]
    },
    async renew() {
      const newest = await broker.release(wanted)
      if (!newest.ok) throw new Error(newest.problem.code)
      await hold(newest.value)
      const others = await loadKnown((version) => broker.release({ ...wanted, version }))
      if (!others.ok) throw new Error(others.problem.code)
    },
    forget(version) {
      if (version !== current) held.delete(version)
    },
    close: () => following.close(),
  })
}
