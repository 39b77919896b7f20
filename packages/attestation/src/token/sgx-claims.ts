import type { Problem, Result } from '../bytes/index.ts'
import type { PolicyClaim } from '../policy/index.ts'
import type { SgxEvidence, Verified } from '../verification/index.ts'

/** Data that the evidence commits to, as an attest request carries it. */
export interface BoundData {
  readonly data: Uint8Array
  readonly dataType: 'JSON' | 'Binary'
}

export type SgxClaimsCode =
  | 'runtime-data-mismatch'
  | 'init-time-data-mismatch'
  | 'runtime-data-malformed'
  | 'init-time-data-malformed'

/** The claims of an attestation token, but for those of the token itself (`iss`, `iat`, `nbf`, `exp`, `jti`). */
export type SgxClaims = Readonly<Record<string, unknown>>

export async function sgxClaimsOf(_input: {
  readonly evidence: Verified<SgxEvidence>
  readonly runtimeData?: BoundData
  readonly initTimeData?: BoundData
  /** Echoed, and proof of nothing. */
  readonly nonce?: string
}): Promise<Result<SgxClaims, Problem<SgxClaimsCode>>> {
  throw new Error('in progress')
}

/** The claims that a policy sees: those of `claims` whose value is text, a whole number or a boolean. */
export function policyClaimsOf(_claims: SgxClaims): readonly PolicyClaim[] {
  throw new Error('in progress')
}
