import type { Problem, Result, UnixSeconds } from '@sealward/attestation/bytes'

/** `replay-memory-full` and `store-unavailable` are no fault of who asks, and let nobody in. */
export type AssertionMemoryCode = 'assertion-replayed' | 'replay-memory-full' | 'store-unavailable'

/** Remembers which client assertions were used, until they have expired. */
export interface AssertionMemory {
  /**
   * Takes an assertion, once.
   *
   * @param id - of its key and itself.
   */
  admit(
    id: string,
    expiresAt: UnixSeconds,
    at: UnixSeconds,
  ): Promise<Result<true, Problem<AssertionMemoryCode>>>
}
