import { base64UrlOf, bytesOfBase64Url, concat, sha256, utf8Of } from '../bytes/index.ts'
import type { EvidenceDocument } from '../evidence/index.ts'
import { receiptLimits } from './limits.ts'
import type { ReceiptPayload } from './receipt.ts'

/** Base64url SHA-256 of quote ‖ runtime data, as a receipt names a piece of evidence. Throws on other text than base64url. */
export async function evidenceDigestOf(
  document: Pick<EvidenceDocument, 'quote' | 'runtimeData'>,
): Promise<string> {
  const [quote, runtimeData] = [document.quote, document.runtimeData].map(bytesOfBase64Url)
  if (quote === undefined || runtimeData === undefined) throw new TypeError('base64url expected')
  return base64UrlOf(await sha256(concat(quote, runtimeData)))
}

/** Base64url SHA-256 of a statement, as a receipt names it. */
export async function statementDigestOf(statement: string): Promise<string> {
  return base64UrlOf(await sha256(utf8Of(statement)))
}

/** Base64url SHA-256(salt ‖ bytes). The salt is 32 random bytes, drawn for this digest alone. */
export async function saltedDigestOf(salt: Uint8Array, bytes: Uint8Array): Promise<string> {
  if (salt.length !== receiptLimits.saltBytes) throw new RangeError('salt: 32 bytes')
  return base64UrlOf(await sha256(concat(salt, bytes)))
}

/** Whether `salt` and `bytes` are what one of a receipt's salted digests stands for. */
export async function opens(
  payload: ReceiptPayload,
  part: 'input' | 'output' | 'report',
  opening: { readonly salt: Uint8Array; readonly bytes: Uint8Array },
): Promise<boolean> {
  if (opening.salt.length !== receiptLimits.saltBytes) return false
  return (await saltedDigestOf(opening.salt, opening.bytes)) === payload[part].digest
}
