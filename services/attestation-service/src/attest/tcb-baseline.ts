import { ok, type Problem, type Result } from '@sealward/attestation/bytes'
import { configurationOf, type Policy, policyLimits } from '@sealward/attestation/policy'
import type { TcbBaseline } from '@sealward/enclave/endorsements'

/** The baseline that a policy's configuration rules ask for; the one in force, where they ask for none. */
export function baselineOf(policy: Policy): Result<TcbBaseline, Problem> {
  const configuration = configurationOf(policy, policyLimits)
  if (!configuration.ok) return configuration
  const { tcbIdentifier } = configuration.value
  return ok(tcbIdentifier === 'azuredefault' ? 'standard' : tcbIdentifier)
}
