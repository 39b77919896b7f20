import type { Problem, Result } from '@sealward/attestation/bytes'
import type { Policy } from '@sealward/attestation/policy'
import type { AttestationType } from '../attestation-type.ts'

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
