import type { UnixSeconds } from '@sealward/attestation/bytes'

/** Remembers identifiers until they have expired. */
export interface ReplayMemory {
  /** Whether this is the identifier's first use; `full` when no more can be remembered, which lets nobody in. */
  admit(id: string, expiresAt: UnixSeconds, at: UnixSeconds): 'first' | 'again' | 'full'
}

/** A memory of at most `idsMax` identifiers. It belongs to one process: replicas each have their own. */
export function createReplayMemory(idsMax: number): ReplayMemory {
  const known = new Map<string, UnixSeconds>()
  return {
    admit(id, expiresAt, at) {
      const until = known.get(id)
      if (until !== undefined && until >= at) return 'again'
      if (known.size >= idsMax) {
        for (const [old, end] of known) if (end < at) known.delete(old)
        if (known.size >= idsMax) return 'full'
      }
      known.set(id, expiresAt)
      return 'first'
    },
  }
}
