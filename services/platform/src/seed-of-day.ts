import type { ReleasedKey } from '@sealward/enclave/key-release'

/** For so long all replicas have had time to learn of a version before any of them uses it. Seconds. */
export const knownBeforeSeconds = 3600

/**
 * Which version of a key all replicas make the channel keys of one day of: the newest that was there an hour before the
 * day began; the oldest, where none was.
 *
 * @param day - since 1970, in UTC.
 */
export function seedOfDay<Key extends Pick<ReleasedKey, 'createdAt'>>(
  versions: readonly Key[],
  day: number,
): Key {
  const byAge = [...versions].sort((one, other) => other.createdAt - one.createdAt)
  const latest = day * 24 * 3600 - knownBeforeSeconds
  const key = byAge.find(({ createdAt }) => createdAt <= latest) ?? byAge.at(-1)
  if (key === undefined) throw new RangeError('a key has a version')
  return key
}

/** Versions that no day from `day` on needs. */
export function versionsBefore(
  versions: readonly Pick<ReleasedKey, 'createdAt' | 'version'>[],
  day: number,
): readonly string[] {
  const first = seedOfDay(versions, day)
  return versions.flatMap(({ createdAt, version }) => (createdAt < first.createdAt ? version : []))
}
