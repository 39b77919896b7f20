/**
 * What was opened once is not opened again, by any replica.
 *
 * A message is remembered for as long as its key is opened with, so no date of a client is trusted. Keys belong
 * to epochs. Messages of two epochs are admitted, the newest that began and the one before; what is remembered
 * of older ones is dropped, and they never come back, whatever a clock says.
 *
 * @see RFC 9458, section 6.5; docs/spec/sealed-http.md
 * @module
 */

import { createHash } from 'node:crypto'
import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'

/** The time of a set of keys: a day, or a part of one in which more came than is remembered at once. */
export interface Epoch {
  /** Days since 1970-01-01. */
  readonly day: number
  /** From 0. */
  readonly part: number
}

/** The epochs that are admitted. */
export interface Epochs {
  readonly newest: Epoch
  readonly previous: Epoch | undefined
}

export type MemoryUnavailable = Problem<'replay-memory-unavailable'>

export type Admission = Result<true, Problem<'replayed' | 'stale-key'> | MemoryUnavailable>

export interface ReplayMemory {
  /** Begins an epoch, unless it or a later one has begun. Returns those that are admitted from then on. */
  begin(epoch: Epoch): Promise<Result<Epochs, MemoryUnavailable>>
  /** Admits a message, by its encapsulated key, once. `stale-key` where its epoch is over. */
  admit(epoch: Epoch, enc: Uint8Array): Promise<Admission>
  close(): Promise<void>
}

/** A memory of this process alone, about 60 bytes a message: for one replica, whose keys end with it. */
export function createReplayMemory(): ReplayMemory {
  const opened = new Map<string, Set<string>>()
  let epochs: Epochs | undefined
  return {
    async begin(epoch) {
      epochs = following(epochs, epoch)
      const names = [epochs.newest, epochs.previous].map((one) => one && nameOf(one))
      for (const name of opened.keys()) if (!names.includes(name)) opened.delete(name)
      return ok(epochs)
    },
    async admit(epoch, enc) {
      if (!isAdmitted(epochs, epoch)) return stale
      const name = nameOf(epoch)
      const entries = opened.get(name) ?? new Set()
      opened.set(name, entries)
      const entry = digestOf(enc).toString('latin1')
      if (entries.has(entry)) return replayed
      entries.add(entry)
      return ok(true)
    },
    close: async () => {},
  }
}

interface Refused<Code extends string> {
  readonly ok: false
  readonly problem: Problem<Code>
}

export const replayed: Refused<'replayed'> = refuse(
  'replayed',
  'enc',
  'this request was opened before',
)
export const stale: Refused<'stale-key'> = refuse(
  'stale-key',
  'enc',
  'sealed to a key that is not in use',
)

/** Enough of a digest that nobody finds a second message for one. */
export function digestOf(enc: Uint8Array): Buffer {
  return createHash('sha256').update(enc).digest().subarray(0, 16)
}

export function nameOf({ day, part }: Epoch): string {
  return `${day}.${part}`
}

export function isAfter(one: Epoch, other: Epoch): boolean {
  return one.day > other.day || (one.day === other.day && one.part > other.part)
}

export function isAdmitted(epochs: Epochs | undefined, epoch: Epoch): boolean {
  return [epochs?.newest, epochs?.previous].some(
    (one) => one !== undefined && nameOf(one) === nameOf(epoch),
  )
}

function following(epochs: Epochs | undefined, epoch: Epoch): Epochs {
  if (epochs === undefined) return { newest: epoch, previous: undefined }
  return isAfter(epoch, epochs.newest) ? { newest: epoch, previous: epochs.newest } : epochs
}
