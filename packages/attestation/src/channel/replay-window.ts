import type { Problem, Result } from '../bytes/index.ts'

export type ReplayCode = 'replayed' | 'replay-window-full'

/** Remembers which sealed requests were opened, for as long as their key lives. */
export interface ReplayWindow {
  /** Admits an encapsulated key once. */
  admit(keyId: number, enc: Uint8Array): Result<true, Problem<ReplayCode>>
  /** How many were admitted under a key. */
  size(keyId: number): number
  /** Forgets a key that is no longer opened with; its identifier may then be used again. */
  forget(keyId: number): void
}

export function createReplayWindow(_options?: { readonly entriesMax?: number }): ReplayWindow {
  throw new Error('in progress')
}
