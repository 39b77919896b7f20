import type { EvidenceDocument } from '../evidence/index.ts'
import type { Receipt, ReceiptAttachments, ReceiptPayload } from './receipt.ts'

export async function issueReceipt(_input: {
  readonly payload: ReceiptPayload
  readonly attachments: ReceiptAttachments
  /** Identifier of the platform's identity key: its RFC 7638 thumbprint. */
  readonly kid: string
  /** ES256 over the given bytes by the platform's identity key: r ‖ s, 64 bytes. */
  readonly sign: (bytes: Uint8Array) => Promise<Uint8Array>
}): Promise<Receipt> {
  throw new Error('in progress')
}

/** Base64url SHA-256 of quote ‖ runtime data, as a receipt names a piece of evidence. */
export async function evidenceDigestOf(_document: EvidenceDocument): Promise<string> {
  throw new Error('in progress')
}

/** Base64url SHA-256(salt ‖ bytes). */
export async function saltedDigestOf(_salt: Uint8Array, _bytes: Uint8Array): Promise<string> {
  throw new Error('in progress')
}
