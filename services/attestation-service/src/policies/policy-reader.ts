import type { Problem, Result } from '@sealward/attestation/bytes'
import type { Policy } from '@sealward/attestation/policy'
import type { AttestationType } from '../attestation-type.ts'

/** A policy and the hash that tokens name it by. */
export interface PolicyInForce {
  readonly policy: Policy
  /** The value of `x-ms-policy-hash`. */
  readonly hash: string
}

export interface PolicyReader {
  /** The policy that evidence of this type is appraised under now. */
  inForce(type: AttestationType): Promise<Result<PolicyInForce, Problem<'store-unavailable'>>>
}
