/**
 * The attestation service's tokens: the claims of an attestation token, and verification of both kinds.
 *
 * @module
 */

export { tokenLimits } from './limits.ts'
export { claimNames, claimSetVersion, collateralNames } from './names.ts'
export {
  type BoundData,
  isSimulated,
  policyClaimsOf,
  type SgxClaims,
  type SgxClaimsCode,
  sgxClaimsOf,
  withIssuedClaims,
} from './sgx-claims.ts'
export { signerOf } from './signing-key.ts'
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
  type TokenTrust,
  verifyAccessToken,
  verifyAttestationToken,
} from './verify-token.ts'
