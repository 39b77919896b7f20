/**
 * Keys that a key broker releases to this workload, because of what was measured.
 *
 * @see docs/spec/key-release.md
 * @module
 */

export { boundSecret } from './bound-secret.ts'
export { type Following, followKey } from './follow-key.ts'
export {
  createKeyBroker,
  type KeyBroker,
  type KeyBrokerOptions,
  type KeyReleaseFailure,
} from './key-broker.ts'
export { type KnownVersions, openKnownVersions } from './known-versions.ts'
export { keyReleaseLimits } from './limits.ts'
export {
  type OpenReleaseCode,
  openRelease,
  type ReleasedKey,
  type ReleaseQuestion,
  type WantedKey,
} from './open-release.ts'
export { type ReleaseEncryption, releaseEncryptions, unwrapKey } from './unwrap-key.ts'
export {
  openVersionedKey,
  type VersionedKey,
  type VersionedKeyOptions,
} from './versioned-key.ts'
export { type Waiting, waitForKey } from './wait-for-key.ts'
