/**
 * What was opened already is not opened again.
 *
 * A window remembers every request opened under a key until the key itself is given up; it needs no clock and
 * trusts no date of a client. It is bounded: when it is full, the key has to be replaced.
 *
 * @see RFC 9458, section 6.5
 * @module
 */

import { ok, type Problem, type Result, refuse, sha256 } from '../bytes/index.ts'
import { channelLimits } from './limits.ts'

export type ReplayCode = 'replayed' | 'replay-window-full'

/** Whether a request is opened for the first time. */
export type Admission = Result<true, Problem<ReplayCode>>

/**
 * Remembers which sealed requests were opened, for as long as their key lives. Replicas that open with the same
 * keys share one.
 */
export interface ReplayWindow {
  /** Admits an encapsulated key once: `true`, or `replayed`, `replay-window-full`. Of two at once, one. */
  admit(keyId: number, enc: Uint8Array): Admission | Promise<Admission>
}

/** The window of one process. */
export interface LocalReplayWindow extends ReplayWindow {
  admit(keyId: number, enc: Uint8Array): Promise<Admission>
  /** How many were admitted under a key. */
  size(keyId: number): number
  /** Forgets a key that is not opened with any more. Its identifier may then name another key. */
  forget(keyId: number): void
}

/**
 * Makes an empty window of at most `entriesMax` requests for each key.
 *
 * Of an encapsulated key it keeps 16 bytes of its digest: about 60 bytes of memory an entry, whatever the KEM, and 6 MB
 * for the 100 000 of one key.
 */
export function createReplayWindow(
  options: { readonly entriesMax?: number } = {},
): LocalReplayWindow {
  const { entriesMax = channelLimits.replayEntriesMax } = options
  const admitted = new Map<number, Set<string>>()
  return {
    async admit(keyId, enc) {
      const entries = admitted.get(keyId) ?? new Set()
      admitted.set(keyId, entries)
      const entry = await entryOf(enc)
      if (entries.has(entry)) return refuse('replayed', 'enc', 'this request was opened before')
      if (entries.size >= entriesMax) {
        return refuse('replay-window-full', 'enc', `${entriesMax} requests under one key`)
      }
      entries.add(entry)
      return ok(true)
    },
    size: (keyId) => admitted.get(keyId)?.size ?? 0,
    forget: (keyId) => {
      admitted.delete(keyId)
    },
  }
}

/** Enough of a digest that nobody finds a second request for one, a byte of memory for each byte. */
async function entryOf(enc: Uint8Array): Promise<string> {
  return String.fromCharCode(...(await sha256(enc)).subarray(0, 16))
}
