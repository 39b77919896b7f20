/**
 * Policies in force, as replicas share them through the database.
 *
 * @see docs/spec/policy-management.md, "What replicas see"
 * @module
 */

import { ok, type Result, type UnixSeconds } from '@sealward/attestation/bytes'
import { policyHashOf } from '@sealward/attestation/policy'
import { reaching, type StoreUnavailable } from '@sealward/enclave/database'
import type { Clock } from '@sealward/enclave/server'
import { readPolicy } from '../administration/records.ts'
import { policyIn } from '../administration/stored-policy.ts'
import type { AttestationType } from '../attestation-type.ts'
import type { Database } from '../store/open-store.ts'
import { limits } from './limits.ts'
import type { PolicyInForce, PolicyReader } from './policy-reader.ts'

/**
 * What the database says is in force, and the default where it says that nothing is set.
 *
 * A change is seen after at most {@link limits.freshSeconds}. While the database is away, what was read last stays in
 * force for {@link limits.staleSecondsMax}; then nothing is appraised. A default never takes the place of a policy that
 * cannot be read.
 */
export function createStoredPolicies(options: {
  readonly database: Database
  readonly instance: string
  readonly defaults: PolicyReader
  readonly clock: Clock
}): PolicyReader {
  const { clock, database, defaults, instance } = options
  const known = new Map<AttestationType, Known>()
  const running = new Map<AttestationType, Promise<Result<Known, StoreUnavailable>>>()

  const read = async (type: AttestationType): Promise<Result<Known, StoreUnavailable>> => {
    const at = clock.now()
    const stored = await reaching<Stored, StoreUnavailable>(async () =>
      ok(await readPolicy(database, instance, type)),
    )
    if (!stored.ok) return stored
    const { version = 0, jws = null } = stored.value ?? {}
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
      return held !== undefined && isYounger(held, limits.staleSecondsMax, clock.now())
        ? ok(held.inForce)
        : fresh
    },
  }
}

type Stored = Awaited<ReturnType<typeof readPolicy>>

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
): Promise<Result<PolicyInForce, StoreUnavailable>> {
  if (jws === null) return defaults.inForce(type)
  const policy = policyIn(jws)
  return ok({ policy, hash: await policyHashOf(policy.text) })
}

/** A clock that was set back makes nothing young. */
function isYounger({ at }: Known, seconds: number, now: UnixSeconds): boolean {
  return at <= now && now < at + seconds
}
