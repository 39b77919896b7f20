import { bytesOfHex, type UnixSeconds, utf8Of } from '../bytes/index.ts'
import type { QeIdentity, TcbInfo } from '../endorsements/index.ts'
import type { Certificate, Cryptography } from '../x509/index.ts'
import { isP256Signature } from './quote-signatures.ts'
import { refused } from './refusal.ts'

/** The two documents that Intel signs as JSON text. */
export type SignedDocumentName = 'tcb-info' | 'qe-identity'

/** A document's signed text and its signature, `r ‖ s` as hex. */
export interface SignedDocument {
  readonly text: string
  readonly signature: string
}

/** The signer signed exactly this text, or `tcb-info-signature`, `qe-identity-signature`. */
export async function verifyDocumentSignature(
  name: SignedDocumentName,
  { text, signature }: SignedDocument,
  signer: Certificate,
  cryptography: Cryptography,
): Promise<void> {
  if (!(await isP256Signature(signer, bytesOfHex(signature), utf8Of(text), cryptography))) {
    refused(`${name}-signature`, fieldOf[name], 'the signature does not verify')
  }
}

/** The document is in force at the instant, or `…-not-yet-valid`, `…-expired`. */
export function refuseOutsideDates(
  name: SignedDocumentName,
  { issueDate, nextUpdate }: TcbInfo | QeIdentity,
  instant: UnixSeconds,
): void {
  const at = fieldOf[name]
  if (instant < issueDate) refused(`${name}-not-yet-valid`, `${at}.issueDate`, 'begins later')
  if (instant > nextUpdate) refused(`${name}-expired`, `${at}.nextUpdate`, 'ended before')
}

const fieldOf = { 'tcb-info': 'tcb_info', 'qe-identity': 'qe_identity' } as const
