/**
 * Policies and claims for tests.
 *
 * @module
 */

import type { Claim } from '../claims/index.ts'
import {
  type EvaluationLimits,
  evaluatePolicy,
  type Policy,
  type PolicyClaim,
  parsePolicy,
  policyLimits,
} from './index.ts'

export const limits: EvaluationLimits = { stepsMax: policyLimits.stepsMax }

export function parsed(text: string): Policy {
  const policy = parsePolicy(text)
  if (!policy.ok) {
    const { code, at, detail } = policy.problem
    throw new Error(`${code} at ${at}: ${detail}`)
  }
  return policy.value
}

/** What is issued, or the code of what refuses. */
export function outcome(
  text: string,
  claims: readonly PolicyClaim[] = [],
): readonly Claim[] | string {
  const result = evaluatePolicy(parsed(text), claims, limits)
  return result.ok ? result.value : result.problem.code
}

export function permitting(issuance: string, version: string = '1.0'): string {
  return `version=${version}; authorizationrules{=> permit();}; issuancerules{${issuance}};`
}

export function authorizing(rules: string, version: string = '1.0'): string {
  return `version=${version}; authorizationrules{${rules}};`
}

/** Claims of an SGX enclave, with changes. */
export function sgx(
  changes: Readonly<Record<string, string | number | boolean>> = {},
): readonly PolicyClaim[] {
  return Object.entries({
    'x-ms-attestation-type': 'sgx',
    'x-ms-sgx-is-debuggable': false,
    'x-ms-sgx-mrenclave': 'aa',
    'x-ms-sgx-mrsigner': 'bb',
    'x-ms-sgx-product-id': 1,
    'x-ms-sgx-svn': 2,
    'x-sealward-simulated': false,
    ...changes,
  }).map(([type, value]) => ({ type, value }))
}
