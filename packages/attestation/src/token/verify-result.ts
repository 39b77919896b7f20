import { ok, type Result, reading, refuse, type UnixSeconds } from '../bytes/index.ts'
import type { Verified } from '../verification/index.ts'
import { claimNames } from './names.ts'
import type { TokenProblem } from './token.ts'
import { issuerAndTimeProblem, type TokenTrust, verifySignature } from './verify-token.ts'

/** A result about evidence of any type, in Azure's form or in EAT's, whose signature, issuer and time were verified. */
export interface AttestationResult {
  readonly issuer: string
  readonly issuedAt: UnixSeconds
  readonly notBefore: UnixSeconds
  readonly expiresAt: UnixSeconds
  /** Base64url SHA-256 of the SPKI of the key that signed it. */
  readonly signer: string
  /** Every claim as it came. What they say is not judged. */
  readonly claims: Readonly<Record<string, unknown>>
}

/**
 * Verifies an attestation token of any type, or an EAT Attestation Result: for showing what it says.
 *
 * Whoever lets a workload in by it asks more: see `verifyAttestationToken`.
 *
 * @returns the result, or `token-malformed`, `token-too-large`, `unsecured`, `wrong-algorithm`, `wrong-type`,
 *   `unknown-signer`, `bad-signature`, `wrong-issuer`, `expired`, `not-yet-valid`, `claim-missing`.
 */
export async function verifyAttestationResult(
  token: string,
  trust: TokenTrust,
): Promise<Result<Verified<AttestationResult>, TokenProblem>> {
  const signed = await verifySignature(token, ['JWT', 'eat+jwt'], trust)
  if (!signed.ok) return signed
  const { payload, signer } = signed.value
  const read = reading(payload, '', (shape) =>
    shape.object('ignored', ({ required }) => ({
      issuer: required(claimNames.issuer).string(1024),
      issuedAt: required(claimNames.issuedAt).integer(0, instantMax),
      notBefore: required(claimNames.notBefore).integer(0, instantMax),
      expiresAt: required(claimNames.expiresAt).integer(0, instantMax),
    })),
  )
  if (!read.ok) {
    const { code, at, detail } = read.problem
    return refuse(code === 'field-missing' ? 'claim-missing' : 'token-malformed', at, detail)
  }
  const result: AttestationResult = { ...read.value, signer, claims: payload }
  return issuerAndTimeProblem(result, trust) ?? ok(result as Verified<AttestationResult>)
}

const instantMax = 253_402_300_799
