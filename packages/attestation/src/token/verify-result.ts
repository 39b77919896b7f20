import { ok, type Result, reading } from '../bytes/index.ts'
import type { Verified } from '../verification/index.ts'
import { deniableOf, deniableOfEar } from './deniable.ts'
import { claimNames } from './names.ts'
import { deniedProblem, digestOf, type TokenTrust } from './relying-party.ts'
import type { TokenProblem } from './token.ts'
import {
  type Dated,
  issuerAndTimeProblem,
  misshapen,
  readDated,
  verifySignature,
} from './verify-token.ts'

/** A result about evidence of any type, in Azure's form or in EAT's, whose signature, issuer and time were verified. */
export interface AttestationResult extends Dated {
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
 *   `unknown-signer`, `bad-signature`, `wrong-issuer`, `expired`, `not-yet-valid`, `claim-missing`, `deny-list-stale`, or
 *   one of {@link DenialCode}.
 */
export async function verifyAttestationResult(
  token: string,
  trust: TokenTrust,
): Promise<Result<Verified<AttestationResult>, TokenProblem>> {
  const signed = await verifySignature(token, ['JWT', earType], trust)
  if (!signed.ok) return signed
  const { payload, signer, type } = signed.value
  const read = reading(payload, '', (shape) =>
    shape.object('ignored', (fields) => {
      // The service signs other things of this type, too: which policy is in force, for one.
      fields.required(type === earType ? 'eat_profile' : claimNames.attestationType)
      return readDated(fields)
    }),
  )
  if (!read.ok) return misshapen(read.problem)
  const result: AttestationResult = { ...read.value, signer, claims: payload }
  const digest = await digestOf(token)
  const deniable = type === earType ? deniableOfEar(payload, digest) : deniableOf(payload, digest)
  return (
    issuerAndTimeProblem(result, trust) ??
    deniedProblem([deniable], trust) ??
    ok(result as Verified<AttestationResult>)
  )
}

const earType = 'eat+jwt'
