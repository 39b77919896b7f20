import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import { configurationOf, type Policy, policyLimits } from '@sealward/attestation/policy'
import type { TcbBaseline } from '@sealward/enclave/endorsements'

/** The baseline that a policy's configuration rules ask for; the one in force, where they ask for none. */
export function baselineOf(policy: Policy): Result<TcbBaseline, Problem> {
  const properties = configurationOf(policy, policyLimits)
  if (!properties.ok) return properties
  const { value } = properties.value.findLast(({ type }) => type === property) ?? {}
  if (value === undefined || value === 'azuredefault') return ok('standard')
  return /^[0-9]{1,9}$/.test(String(value))
    ? ok(Number(value))
    : refuse('policy-tcb-identifier', property, '"azuredefault" or a number expected')
}

const property = 'x-ms-sgx-tcbidentifier'
