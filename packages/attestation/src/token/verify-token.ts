import type { Result, UnixSeconds } from '../bytes/index.ts'
import type { PeerExpectation } from '../evidence/index.ts'
import type { Verified } from '../verification/index.ts'
import type { AccessToken, AttestationToken, SigningKeys, TokenProblem } from './token.ts'

export interface TokenTrust {
  /** The issuer, compared character by character. */
  readonly issuer: string
  readonly jwks: SigningKeys
  /** Base64url SHA-256 of the SPKI of each key whose signature is believed. */
  readonly signers: readonly string[]
  readonly at: UnixSeconds
  /** Seconds by which the two clocks may differ, in both directions. */
  readonly clockSkewSeconds: number
}

export interface AccessTokenTrust extends TokenTrust {
  readonly audience: string
  /** Base64url SHA-256 of the DER of the certificate that the peer proved to hold on this connection. */
  readonly peerCertificateSha256: string
  readonly expectation: PeerExpectation
  readonly deployment: string
  /** Whether simulated evidence is let in: true only for a development deployment. */
  readonly development: boolean
  /** Remembers a `jti`; answers whether this use of it is admitted. Asked last, and only once. */
  readonly admitJti: (jti: string, expiresAt: UnixSeconds) => boolean | Promise<boolean>
}

export async function verifyAttestationToken(
  _token: string,
  _trust: TokenTrust,
): Promise<Result<Verified<AttestationToken>, TokenProblem>> {
  throw new Error('in progress')
}

export async function verifyAccessToken(
  _token: string,
  _trust: AccessTokenTrust,
): Promise<Result<Verified<AccessToken>, TokenProblem>> {
  throw new Error('in progress')
}

export async function signerOf(_jwk: unknown): Promise<string | undefined> {
  throw new Error('in progress')
}
