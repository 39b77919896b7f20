import { ok, type Result, reading } from '../bytes/index.ts'
import { tokenLimits } from './limits.ts'
import type { TokenProblem } from './token.ts'
import {
  type Dated,
  issuerAndTimeProblem,
  misshapen,
  readDated,
  type SignatureTrust,
  verifySignature,
} from './verify-token.ts'

/** What a service says about its policies and signers, with signature, issuer and time verified. */
export interface AdministrationResult extends Dated {
  /** Base64url SHA-256 of the SPKI of the key that signed it. */
  readonly signer: string
  /** Every claim as it came. */
  readonly claims: Readonly<Record<string, unknown>>
}

/**
 * Verifies the signed answer to a question about policies, or to a change of one. It lets nobody in.
 *
 * @returns the answer, or `token-malformed`, `token-too-large`, `unsecured`, `wrong-algorithm`, `wrong-type`,
 *   `unknown-signer`, `bad-signature`, `wrong-issuer`, `expired`, `not-yet-valid`, `claim-missing`.
 * @see docs/spec/policy-management.md
 */
export async function verifyAdministrationResult(
  token: string,
  trust: SignatureTrust,
): Promise<Result<AdministrationResult, TokenProblem>> {
  const { administrationCharactersMax: charactersMax } = tokenLimits
  const signed = await verifySignature(token, ['JWT'], trust, { charactersMax })
  if (!signed.ok) return signed
  const { payload, signer } = signed.value
  const read = reading(payload, '', (shape) => shape.object('ignored', readDated))
  if (!read.ok) return misshapen(read.problem)
  return issuerAndTimeProblem(read.value, trust) ?? ok({ ...read.value, signer, claims: payload })
}
