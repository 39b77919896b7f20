/**
 * Policies as they are stored, and as they are shown.
 *
 * @module
 */

import { attestationTypes, type Policy, policyHashOf } from '@sealward/attestation/policy'
import type { PolicyReader } from '../policies/policy-reader.ts'
import type { PolicyType } from '../policies/policy-type.ts'
import { readPolicyDocument, unsecuredPolicyJws, unsetPolicyJws } from './policy-document.ts'
import { readPolicyJws } from './policy-jws.ts'
import type { StoredPolicy } from './policy-state.ts'

/**
 * The policy in a JWS that was accepted.
 *
 * @throws when it is none: it was one when it came.
 */
export function policyIn(jws: string): Policy {
  const read = readPolicyJws(jws)
  const document = read.ok ? readPolicyDocument(read.value) : read
  if (!document.ok) throw new Error(`a stored policy is refused: ${document.problem.code}`)
  return document.value.policy
}

/** A policy as it is shown. */
export interface ShownPolicy {
  /** What came, byte for byte; a default in the form in which clients would have sent it. */
  readonly jws: string
  /** As tokens name the policy; of the empty text where there is none. */
  readonly hash: string
}

/** What is in force for a type, by what is stored for it. */
export async function shownPolicy(
  stored: StoredPolicy | undefined,
  type: PolicyType,
  defaults: PolicyReader,
): Promise<ShownPolicy> {
  if (stored?.jws != null) {
    return { jws: stored.jws, hash: await policyHashOf(policyIn(stored.jws).text) }
  }
  const attested = attestationTypes.find((one) => one === type)
  if (attested === undefined) return { jws: unsetPolicyJws, hash: await policyHashOf('') }
  const inForce = await defaults.inForce(attested)
  if (!inForce.ok) throw new Error(`a default is not there: ${inForce.problem.code}`)
  return { jws: unsecuredPolicyJws(inForce.value.policy.text), hash: inForce.value.hash }
}
