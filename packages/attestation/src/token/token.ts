/**
 * What the attestation service's tokens say once they have been read.
 *
 * @module
 */

import type { Problem, UnixSeconds } from '../bytes/index.ts'
import type { InitTimeData, RuntimeData, TeeRole } from '../evidence/index.ts'
import type { DenialCode, DenyListCode } from './deny-list.ts'

/** The public half of a signing key, as JWKS carry it. `x5c` is how the attestation service sends it. */
export interface SigningJwk {
  readonly kty: string
  readonly kid?: string
  readonly use?: string
  readonly alg?: string
  readonly crv?: string
  readonly n?: string
  readonly e?: string
  readonly x?: string
  readonly y?: string
  readonly x5c?: readonly string[]
}

/** A JSON Web Key Set: what `/certs` answers. */
export interface SigningKeys {
  readonly keys: readonly SigningJwk[]
}

/** An attestation token whose signature, issuer and time were verified: an Attestation Result. */
export interface AttestationToken {
  readonly issuer: string
  readonly issuedAt: UnixSeconds
  readonly notBefore: UnixSeconds
  readonly expiresAt: UnixSeconds
  readonly id: string
  /** Base64url SHA-256 of the SPKI of the key that signed it. */
  readonly signer: string
  /** Base64url SHA-256 of what was signed: the token's ASCII bytes up to the dot before the signature. */
  readonly digest: string
  readonly policyHash: string
  readonly mrEnclave: string
  readonly mrSigner: string
  readonly isvProdId: number
  readonly isvSvn: number
  readonly debug: boolean
  /** Hex, 64 bytes. */
  readonly reportData: string
  /** Hex, 64 bytes; absent where the evidence has no KSS. */
  readonly configId?: string
  readonly tcbStatus: string
  readonly advisoryIds: readonly string[]
  readonly simulated: boolean
  /** Hex SHA-256 of the SPKI of the root that the evidence ended in. */
  readonly evidenceRoot: string
  readonly evidenceExpiresAt: UnixSeconds
  readonly runtimeData?: RuntimeData
  readonly initTimeData?: InitTimeData
  /** Every claim as it came, the policy's own claims among them. */
  readonly claims: Readonly<Record<string, unknown>>
}

/** What the attestation service found out about a workload, as an access token says it. */
export interface Appraised {
  readonly role: TeeRole
  readonly deployment: string
  readonly mrEnclave: string
  readonly mrSigner: string
  readonly isvProdId: number
  readonly isvSvn: number
  readonly debug: boolean
  readonly tcbStatus: string
  readonly configId: string
  readonly simulated: boolean
  readonly policyHash: string
  /** Base64url SHA-256 of the attestation token that says so, and its `jti`. */
  readonly attestationToken: string
  readonly attestationTokenId: string
  /** By which the machine can be denied: hex SHA-256 of its number, and FMSPC. */
  readonly platforms: readonly string[]
  /** Hex SHA-256 of the model file; diagnostics only. */
  readonly model?: string
}

/** An access token for one audience, bound to one TLS certificate. */
export interface AccessToken extends Appraised {
  readonly issuer: string
  readonly audience: string
  /** For whom it was issued: the same as `role`. */
  readonly subject: TeeRole
  readonly issuedAt: UnixSeconds
  readonly notBefore: UnixSeconds
  readonly expiresAt: UnixSeconds
  readonly id: string
  readonly signer: string
  /** Base64url SHA-256 of what was signed: the token's ASCII bytes up to the dot before the signature. */
  readonly digest: string
  /** Base64url SHA-256 of the DER of the only certificate that may show it: the last actor's, where there is one. */
  readonly certificateSha256: string
  readonly purpose: string
  /** Who acts for the subject; the last first. */
  readonly actors: readonly Appraised[]
  /** The role whose workload may exchange it, to act for the subject. */
  readonly mayAct?: TeeRole
}

/** Why a token was refused. */
export type TokenCode =
  | 'token-malformed'
  | 'token-too-large'
  | 'unsecured'
  | 'wrong-algorithm'
  | 'wrong-type'
  | 'unknown-extension'
  | 'unknown-signer'
  | 'bad-signature'
  | 'wrong-issuer'
  | 'wrong-audience'
  | 'expired'
  | 'not-yet-valid'
  | 'wrong-holder'
  | 'wrong-purpose'
  | 'replayed'
  | 'claim-missing'
  | 'wrong-policy'
  | 'wrong-deployment'
  | 'wrong-role'
  | 'wrong-measurement'
  | 'wrong-signer'
  | 'wrong-product'
  | 'svn-too-low'
  | 'debug'
  | 'tcb-status'
  | 'wrong-model'
  | 'wrong-configuration'
  | 'simulated'
  | 'actor-not-accepted'
  | DenyListCode
  | DenialCode

export type TokenProblem = Problem<TokenCode>
