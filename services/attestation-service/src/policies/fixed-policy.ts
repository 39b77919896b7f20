import { ok } from '@sealward/attestation/bytes'
import { type Policy, policyHashOf } from '@sealward/attestation/policy'
import type { PolicyReader } from './policy-reader.ts'

/** One policy for every type, for as long as the process lives. */
export function fixedPolicy(policy: Policy): PolicyReader {
  const inForce = policyHashOf(policy.text).then((hash) => ok({ policy, hash }))
  return { inForce: () => inForce }
}
