/**
 * The three links from the platform's key to the report of the enclave.
 *
 * @see Intel SGX ECDSA QuoteLibReference DCAP API, appendix A.4, table 4
 * @module
 */

import { concat, equalBytes } from '../bytes/index.ts'
import type { QuoteEnvelope, SgxReportBody } from '../evidence/index.ts'
import type { Certificate, Cryptography, PublicKey } from '../x509/index.ts'
import { refused } from './refusal.ts'

/** The PCK signed the quoting enclave's report, or `qe-report-signature`. */
export async function verifyQeReportSignature(
  { qeReportBytes, qeReportSignature }: QuoteEnvelope,
  pck: Certificate,
  cryptography: Cryptography,
): Promise<void> {
  if (!(await isP256Signature(pck, qeReportSignature, qeReportBytes, cryptography))) {
    refused('qe-report-signature', 'quote', 'the signature does not verify')
  }
}

/**
 * REPORTDATA of the quoting enclave is SHA-256 of attestation key and authentication data, and zeros; or
 * `attestation-key-binding`.
 */
export async function verifyAttestationKeyBinding(
  { attestationKey, qeAuthData }: Pick<QuoteEnvelope, 'attestationKey' | 'qeAuthData'>,
  qeReport: Pick<SgxReportBody, 'reportData'>,
  cryptography: Cryptography,
): Promise<void> {
  const bound = await cryptography.digest('SHA-256', concat(attestationKey, qeAuthData))
  if (!equalBytes(qeReport.reportData, concat(bound, new Uint8Array(32)))) {
    refused('attestation-key-binding', 'quote', 'the attestation key is not the one certified')
  }
}

/** The attestation key signed header and report, or `quote-signature`. */
export async function verifyQuoteSignature(
  { signature, signedBytes }: Pick<QuoteEnvelope, 'signature' | 'signedBytes'>,
  publicKey: PublicKey,
  cryptography: Cryptography,
): Promise<void> {
  if (!(await isP256Signature({ publicKey }, signature, signedBytes, cryptography))) {
    refused('quote-signature', 'quote', 'the signature does not verify')
  }
}

/** Whether the key, which must be one of P-256, signed `message` with SHA-256. */
export async function isP256Signature(
  { publicKey }: { readonly publicKey: PublicKey | undefined },
  bytes: Uint8Array | undefined,
  message: Uint8Array,
  cryptography: Cryptography,
): Promise<boolean> {
  if (publicKey?.kind !== 'p256' || bytes?.length !== 64) return false
  const signature = { algorithm: 'ecdsa-p256-sha256', bytes } as const
  return cryptography.verify({ publicKey, signature, message })
}
