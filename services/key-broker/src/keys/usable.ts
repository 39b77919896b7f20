import {
  ok,
  type Problem,
  type Result,
  refuse,
  type UnixSeconds,
} from '@sealward/attestation/bytes'
import type { StoredVersion } from './key-store.ts'
import type { KeyOperation } from './key-type.ts'

export type UsableCode =
  | 'key-unknown'
  | 'key-disabled'
  | 'key-not-yet-valid'
  | 'key-expired'
  | 'key-operation-refused'

/** What a key does when its time has not come, or is over: so that nothing that it sealed is lost. */
const atAnyTime: ReadonlySet<KeyOperation> = new Set(['decrypt', 'verify', 'unwrapKey'])

/**
 * Whether a key may be used for something now.
 *
 * @param operation - `export` is a release, which needs no `key_ops`: the key's release policy says who may.
 */
export function usable(
  { key, version }: StoredVersion,
  operation: KeyOperation,
  at: UnixSeconds,
): Result<true, Problem<UsableCode>> {
  if (key.deleted !== undefined) {
    return refuse('key-unknown', 'path', 'There is no key of this name.')
  }
  if (!version.enabled) return refuse('key-disabled', 'path', 'The key is disabled.')
  if (!atAnyTime.has(operation)) {
    if (version.notBefore !== undefined && at < version.notBefore) {
      return refuse('key-not-yet-valid', 'path', 'The time of the key has not come.')
    }
    if (version.expiresAt !== undefined && at >= version.expiresAt) {
      return refuse('key-expired', 'path', 'The time of the key is over.')
    }
  }
  return operation === 'export' || version.operations.includes(operation)
    ? ok(true)
    : refuse('key-operation-refused', 'path', `The key may not be used for ${operation}.`)
}
