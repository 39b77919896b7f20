/**
 * Receipts: issued by the platform, verified offline by anybody who has the roots.
 *
 * @module
 */

export { evidenceDigestOf, issueReceipt, saltedDigestOf } from './issue.ts'
export {
  type Receipt,
  type ReceiptAttachments,
  type ReceiptModel,
  type ReceiptParty,
  type ReceiptPayload,
  type ReceiptProblem,
  type ReceiptReport,
  type ReceiptStep,
  receiptMediaType,
} from './receipt.ts'
export { type ReceiptTrust, verifyReceipt } from './verify.ts'
