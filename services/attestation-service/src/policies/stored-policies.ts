/**
 * Policies in force, as replicas share them through the database.
 *
 * @see docs/spec/policy-management.md, "What replicas see"
 * @module
 */

import { ok, type Result, type UnixSeconds } from '@sealward/attestation/bytes'
import type { AttestationType } from '@sealward/attestation/policy'
import { policyHashOf } from '@sealward/attestation/policy'
import { reaching } from '@sealward/enclave/database'
import type { Clock } from '@sealward/enclave/server'
import type { PolicyStateStore } from '../administration/policy-state.ts'
import { policyIn } from '../administration/stored-policy.ts'
import { limits } from './limits.ts'
import type { PolicyInForce, PolicyReader, PolicyReaderProblem } from './policy-reader.ts'

/**
 * What the database says is in force, and the default where it says that nothing is set.
 *
 * A change is seen after at most {@link limits.freshSeconds}. While the database is away, what was read last stays in
 * force for {@link limits.staleSecondsMax}; then nothing is appraised. A default never takes the place of a policy that
 * cannot be read.
 */
export function createStoredPolicies(options: {
  readonly store: PolicyStateStore
  readonly defaults: PolicyReader
  readonly clock: Clock
}): PolicyReader {
  const { clock, defaults, store } = options
  const known = new Map<AttestationType, Known>()
  const running = new Map<AttestationType, Promise<Result<Known, PolicyReaderProblem>>>()

  const read = async (type: AttestationType): Promise<Result<Known, PolicyReaderProblem>> => {
    const at = clock.now()
    const state = await reaching(() => store.read())
    if (!state.ok) return state
    const { version = 0, jws = null } = state.value.policies[type] ?? {}
    const before = known.get(type)
    const inForce =
      before?.version === version
        ? ok<PolicyInForce>(before.inForce)
        : await inForceOf(type, jws, defaults)
    if (!inForce.ok) return inForce
    const now: Known = { version, inForce: inForce.value, at }
    known.set(type, now)
    return ok(now)
  }

  return {
    async inForce(type) {
      const held = known.get(type)
      if (held !== undefined && isYounger(held, limits.freshSeconds, clock.now())) {
        return ok(held.inForce)
      }
      const reader = running.get(type) ?? read(type).finally(() => running.delete(type))
      running.set(type, reader)
      const fresh = await reader
      if (fresh.ok) return ok(fresh.value.inForce)
      // What was tampered with is no outage: it is not waited out.
      return fresh.problem.code === 'store-unavailable' &&
        held !== undefined &&
        isYounger(held, limits.staleSecondsMax, clock.now())
        ? ok(held.inForce)
        : fresh
    },
  }
}

interface Known {
  readonly version: number
  readonly inForce: PolicyInForce
  /** When the database was asked. */
  readonly at: UnixSeconds
}

async function inForceOf(
  type: AttestationType,
  jws: string | null,
  defaults: PolicyReader,
): Promise<Result<PolicyInForce, PolicyReaderProblem>> {
  if (jws === null) return defaults.inForce(type)
  const policy = policyIn(jws)
  return ok({ policy, hash: await policyHashOf(policy.text) })
}

/** A clock that was set back makes nothing young. */
function isYounger({ at }: Known, seconds: number, now: UnixSeconds): boolean {
  return at <= now && now < at + seconds
}
