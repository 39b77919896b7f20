import type { UnixSeconds } from '@sealward/attestation/bytes'
import type { KeyRecord, VersionRecord } from './key-record.ts'
import { defaultRotation, dueAt, type RotationAction } from './rotation-policy.ts'

/** What is to be done with a key by itself. */
export type Due = 'purge' | RotationAction['does']

/** What is due next, and when. */
export function nextDue(
  key: KeyRecord,
  current: VersionRecord,
): { readonly what: Due; readonly at: UnixSeconds } | undefined {
  if (key.deleted !== undefined) return { what: 'purge', at: key.deleted.purgeAt }
  const { actions } = key.rotation?.policy ?? defaultRotation
  return actions
    .filter(({ does }) => does === 'rotate' || current.notifiedAt === undefined)
    .flatMap((action) => {
      const at = dueAt(action, current)
      return at === undefined ? [] : [{ what: action.does, at }]
    })
    .sort((one, other) => one.at - other.at)[0]
}

export function dueOf(key: KeyRecord, current: VersionRecord): UnixSeconds | undefined {
  return nextDue(key, current)?.at
}
