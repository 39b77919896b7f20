/**
 * The three links from the platform's key to the report of the enclave.
 *
 * @see Intel SGX ECDSA QuoteLibReference DCAP API, appendix A.4, table 4
 * @module
 */

import { bytesOf, concat, equalBytes, sha256 } from '../bytes/index.ts'
import type { SgxQuote } from '../evidence/index.ts'
import { type Certificate, uncompressedPointOf, type VerifyP256 } from '../x509/index.ts'
import { refused } from './refusal.ts'

/** The PCK signed the quoting enclave's report, or `qe-report-signature`. */
export async function verifyQeReportSignature(
  { qeReportBytes, qeReportSignature }: SgxQuote,
  pck: Certificate,
  verifyP256: VerifyP256,
): Promise<void> {
  if (!(await isP256Signature(pck, qeReportSignature, qeReportBytes, verifyP256))) {
    refused('qe-report-signature', 'quote', 'the signature does not verify')
  }
}

/**
 * REPORTDATA of the quoting enclave is SHA-256 of attestation key and authentication data, and zeros; or
 * `attestation-key-binding`.
 */
export async function verifyAttestationKeyBinding({
  attestationKey,
  qeAuthData,
  qeReport,
}: SgxQuote): Promise<void> {
  const bound = await sha256(concat(attestationKey, qeAuthData))
  if (!equalBytes(qeReport.reportData, concat(bound, new Uint8Array(32)))) {
    refused('attestation-key-binding', 'quote', 'the attestation key is not the one certified')
  }
}

/** The attestation key signed header and report, or `quote-signature`. */
export async function verifyQuoteSignature(
  { attestationKey, signature, signedBytes }: SgxQuote,
  verifyP256: VerifyP256,
): Promise<void> {
  const publicKey = uncompressedPointOf(attestationKey)
  if (!(await verifyP256({ publicKey, signature, message: signedBytes }))) {
    refused('quote-signature', 'quote', 'the signature does not verify')
  }
}

/** Whether the certificate's key signed `message`. */
export async function isP256Signature(
  { p256 }: Certificate,
  rawSignature: Uint8Array | undefined,
  message: Uint8Array,
  verifyP256: VerifyP256,
): Promise<boolean> {
  const signature = rawSignature && bytesOf(64, rawSignature)
  if (p256 === undefined || signature === undefined) return false
  return verifyP256({ publicKey: p256, signature, message })
}
