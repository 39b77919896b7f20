/**
 * The attestation service's tokens: the claims of an attestation token, and verification of both kinds.
 *
 * @module
 */

export {
  type AttestationClaims,
  type AttestationClaimsInput,
  type AttestedEvidence,
  attestationClaimsOf,
} from './attestation-claims.ts'
export {
  type AttestedSigner,
  type AttestedSignerCode,
  type AttestedSignerTrust,
  quoteOfSigner,
  verifyAttestedSigner,
} from './attested-signer.ts'
export type { BoundData, BoundDataCode } from './bound-data.ts'
export { type EarCode, type EarInput, earClaimsOf, earProfile, earSubmodule } from './ear.ts'
export { deprecatedClaimsOf, withIssuedClaims } from './issued-claims.ts'
export { tokenLimits } from './limits.ts'
export {
  claimNames,
  claimSetVersion,
  collateralNames,
  snpClaimNames,
  tdxClaimNames,
} from './names.ts'
export { signerOf } from './signing-key.ts'
export { isSimulated } from './simulated.ts'
export type {
  AccessToken,
  AttestationToken,
  SigningJwk,
  SigningKeys,
  TokenCode,
  TokenProblem,
} from './token.ts'
export {
  statusOf,
  type TrustAspect,
  type TrustTier,
  type TrustVector,
  tierOf,
  trustAspects,
  trustTiers,
} from './trust-vector.ts'
export { type AttestationResult, verifyAttestationResult } from './verify-result.ts'
export {
  type AccessTokenTrust,
  type TokenTrust,
  verifyAccessToken,
  verifyAttestationToken,
} from './verify-token.ts'
