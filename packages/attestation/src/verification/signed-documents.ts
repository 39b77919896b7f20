import { bytesOfHex } from '../bytes/index.ts'
import type { Certificate, Cryptography } from '../x509/index.ts'
import { isP256Signature } from './quote-signatures.ts'
import { refused } from './refusal.ts'

/** The two documents that Intel signs as JSON text. */
export type SignedDocumentName = 'tcb-info' | 'qe-identity'

/** A document's signed text and its signature, `r ‖ s` as hex. */
export interface SignedDocument {
  /** UTF-8 of the signed text. */
  readonly bytes: Uint8Array
  readonly signature: string
}

/** The signer signed exactly this text, or `tcb-info-signature`, `qe-identity-signature`. */
export async function verifyDocumentSignature(
  name: SignedDocumentName,
  { bytes, signature }: SignedDocument,
  signer: Certificate,
  cryptography: Cryptography,
): Promise<void> {
  if (!(await isP256Signature(signer, bytesOfHex(signature), bytes, cryptography))) {
    refused(`${name}-signature`, fieldOf[name], 'the signature does not verify')
  }
}

const fieldOf = { 'tcb-info': 'tcb_info', 'qe-identity': 'qe_identity' } as const
