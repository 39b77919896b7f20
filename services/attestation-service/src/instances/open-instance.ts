import type { Problem, Result } from '@sealward/attestation/bytes'
import { ok } from '@sealward/attestation/bytes'
import type { Tee } from '@sealward/enclave/evidence'
import type { Sealer } from '@sealward/enclave/sealing'
import type { Clock, Random } from '@sealward/enclave/server'
import { openAdministration } from '../administration/open-administration.ts'
import { createPolicyStateStore } from '../administration/policy-state.ts'
import { type InstanceConfig, rootsOf } from '../config.ts'
import { createStoredAssertions } from '../exchange/stored-assertions.ts'
import type { Instance } from '../instance.ts'
import { openStoredKeyRing, type StoredKeyRing } from '../keys/stored-key-ring.ts'
import { limits } from '../limits.ts'
import { builtInPolicies } from '../policies/built-in-policies.ts'
import { createStoredPolicies } from '../policies/stored-policies.ts'
import { createStoredDenials, type StoredDenials } from '../revocation/stored-denials.ts'
import type { Database } from '../store/open-store.ts'
import { holdInstance } from './hold-instance.ts'

export interface InstanceDeps {
  readonly database: Database
  readonly sealer: Sealer
  readonly clock: Clock
  readonly random: Random
  /** Where the service runs in one: each signing key is certified with its evidence. */
  readonly tee?: Pick<Tee, 'quote'> | undefined
}

/** An instance that serves, and what has to be looked at again from time to time. */
export interface OpenedInstance {
  readonly instance: Instance
  readonly keys: StoredKeyRing
  readonly denials: StoredDenials
}

/** Opens what the database holds for an instance, or makes it. */
export async function openInstance(
  config: InstanceConfig,
  { database, clock, random, tee, ...deps }: InstanceDeps,
): Promise<Result<OpenedInstance, Problem>> {
  const { name, issuer, development, attestationLifetimeSeconds } = config
  const sealer = deps.sealer.forTenant(name)
  const held = await holdInstance(database, { name, issuer })
  if (!held.ok) return held
  const { signsForSeconds, publishedAheadSeconds, ...kind } = config.keys
  const keys = await openStoredKeyRing({
    database,
    sealer,
    instance: { name, issuer },
    kind,
    rotation: {
      signsForSeconds: signsForSeconds === 'never' ? undefined : signsForSeconds,
      publishedAheadSeconds,
      tokenLifetimeSeconds: attestationLifetimeSeconds,
    },
    clock,
    random,
    evidenceOf: tee === undefined ? undefined : (reportData) => tee.quote(reportData),
  })
  if (!keys.ok) return keys
  const defaults = await builtInPolicies({ development })
  const store = createPolicyStateStore({ database, sealer, instance: name })
  const administration = await openAdministration(config, { store, clock, defaults })
  if (!administration.ok) return administration
  const denials = createStoredDenials({
    database,
    sealer,
    instance: name,
    clock,
  })
  const known = await denials.current()
  if (!known.ok) return known
  const instance: Instance = {
    name,
    issuer,
    host: config.host,
    development,
    roots: rootsOf(config),
    attestationLifetimeSeconds,
    limits: config.limits,
    keys: keys.value,
    policies:
      config.mode === 'shared' ? defaults : createStoredPolicies({ store, defaults, clock }),
    administration: administration.value,
    denials,
    assertions: createStoredAssertions({
      database,
      instance: name,
      idsMax: limits.assertionsMax,
      sweepSeconds: limits.assertionSweepSeconds,
    }),
  }
  return ok({ instance, keys: keys.value, denials })
}
