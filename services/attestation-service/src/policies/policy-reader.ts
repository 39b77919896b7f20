import type { Problem, Result } from '@sealward/attestation/bytes'
import type { AttestationType, Policy } from '@sealward/attestation/policy'

/** A policy and the hash that tokens name it by. */
export interface PolicyInForce {
  readonly policy: Policy
  /** The value of `x-ms-policy-hash`. */
  readonly hash: string
}

/** `policy-state-refused`: what is stored was changed by somebody else than this service. Both are ours, not the caller's. */
export type PolicyReaderProblem = Problem<'store-unavailable' | 'policy-state-refused'>

export interface PolicyReader {
  /** The policy that evidence of this type is appraised under now. */
  inForce(type: AttestationType): Promise<Result<PolicyInForce, PolicyReaderProblem>>
}
