/**
 * Receipts: issued by the platform, verified offline by anybody who has the roots.
 *
 * @module
 */

export { evidenceDigestOf, opens, saltedDigestOf, statementDigestOf } from './digests.ts'
export { issueReceipt } from './issue.ts'
export { receiptLimits } from './limits.ts'
export {
  type Receipt,
  type ReceiptAttachments,
  type ReceiptCode,
  type ReceiptModel,
  type ReceiptParty,
  type ReceiptPayload,
  type ReceiptProblem,
  type ReceiptReport,
  type ReceiptStep,
  receiptJwsType,
  receiptMediaType,
} from './receipt.ts'
export { type Statement, type StatementCode, verifyStatement } from './statement.ts'
export { type ReceiptTrust, verifyReceipt } from './verify.ts'
