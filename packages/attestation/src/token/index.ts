/**
 * The attestation service's tokens: what they say, who is denied, and what a relying party verifies.
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
export {
  type Challenge,
  challengeNonceOf,
  challengeType,
  isChallenge,
  verifyChallenge,
} from './challenge.ts'
export {
  type Deniable,
  type DenyKind,
  deniableOf,
  deniableOfEar,
  denyKinds,
  denyValueForms,
} from './deniable.ts'
export {
  type DenialCode,
  type Denied,
  type DenyList,
  type DenyListCode,
  type DenyListTrust,
  denialOf,
  deniedOf,
  denyListType,
  encodeDenyList,
  verifyDenyList,
} from './deny-list.ts'
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
export {
  type AccessTokenTrust,
  deniablesOf,
  deniedProblem,
  digestOf,
  type TokenTrust,
  verifyAccessToken,
  verifyAttestationToken,
  verifyIssuedAccessToken,
} from './relying-party.ts'
export { signerOf } from './signing-key.ts'
export { isSimulated } from './simulated.ts'
export type {
  AccessToken,
  Appraised,
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
export {
  type AdministrationResult,
  verifyAdministrationResult,
} from './verify-administration-result.ts'
export { type AttestationResult, verifyAttestationResult } from './verify-result.ts'
export type { SignatureTrust } from './verify-token.ts'
