import { ok, type Problem, refuse, type UnixSeconds } from '@sealward/attestation/bytes'
import type { AssertionMemory } from './assertion-memory.ts'

/** A memory of at most `idsMax` identifiers. It belongs to one process: for a service without a database. */
export function createReplayMemory(idsMax: number): AssertionMemory {
  const known = new Map<string, UnixSeconds>()
  return {
    async admit(id, expiresAt, at) {
      const until = known.get(id)
      if (until !== undefined && until >= at) return replayed
      if (known.size >= idsMax) {
        for (const [old, end] of known) if (end < at) known.delete(old)
        if (known.size >= idsMax) return full
      }
      known.set(id, expiresAt)
      return ok(true)
    },
  }
}

type AssertionRefusal<Code extends string> = { readonly ok: false; readonly problem: Problem<Code> }

export const replayed: AssertionRefusal<'assertion-replayed'> = refuse(
  'assertion-replayed',
  'client_assertion.jti',
  'the assertion was used before',
)

export const full: AssertionRefusal<'replay-memory-full'> = refuse(
  'replay-memory-full',
  'client_assertion.jti',
  'too many requests; try again',
)
