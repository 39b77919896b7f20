import type { Result, UnixSeconds } from '../bytes/index.ts'
import type { ReceiptProblem, ReceiptReport } from './receipt.ts'

export interface ReceiptTrust {
  /** Hex SHA-256 of the SPKI of each evidence root that is accepted. */
  readonly roots: readonly string[]
  /** Base64url SHA-256 of the SPKI of the attestation service's keys. */
  readonly signers?: readonly string[]
  /** The instant of the audit: a receipt from after it is refused. */
  readonly at?: UnixSeconds
}

export async function verifyReceipt(
  _json: unknown,
  _trust: ReceiptTrust,
): Promise<Result<ReceiptReport, ReceiptProblem>> {
  throw new Error('in progress')
}
