/**
 * The attestation service's tokens: the claims of an attestation token, and verification of both kinds.
 *
 * @module
 */

export { tokenLimits } from './limits.ts'
export { claimNames, claimSetVersion, collateralNames } from './names.ts'
export {
  type BoundData,
  policyClaimsOf,
  type SgxClaims,
  type SgxClaimsCode,
  sgxClaimsOf,
} from './sgx-claims.ts'
export type {
  AccessToken,
  AttestationToken,
  SigningJwk,
  SigningKeys,
  TokenCode,
  TokenProblem,
} from './token.ts'
export {
  type AccessTokenTrust,
  signerOf,
  type TokenTrust,
  verifyAccessToken,
  verifyAttestationToken,
} from './verify-token.ts'
