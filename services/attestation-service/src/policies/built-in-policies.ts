import { ok } from '@sealward/attestation/bytes'
import {
  type AttestationType,
  attestationTypes,
  defaultPolicyFor,
  parsePolicy,
  policyHashOf,
} from '@sealward/attestation/policy'
import type { PolicyInForce, PolicyReader } from './policy-reader.ts'

/** The policy that each type is appraised under while nobody has set another. */
export async function builtInPolicies(options: {
  readonly development: boolean
}): Promise<PolicyReader> {
  const policies = new Map<AttestationType, PolicyInForce>()
  for (const type of attestationTypes) {
    const policy = parsePolicy(defaultPolicyFor(type, options))
    if (!policy.ok) throw new Error(`a built-in policy is refused: ${policy.problem.code}`)
    const hash = await policyHashOf(policy.value.text)
    policies.set(type, { policy: policy.value, hash })
  }
  return {
    async inForce(type) {
      const policy = policies.get(type)
      if (policy === undefined) throw new Error('a type has no policy')
      return ok(policy)
    },
  }
}
