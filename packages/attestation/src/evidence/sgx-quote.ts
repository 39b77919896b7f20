/**
 * SGX quotes as the quoting enclave wrote them.
 *
 * @see Intel SGX ECDSA QuoteLibReference DCAP API, appendix A.4 (quote format, version 3)
 * @module
 */

import type { Bytes, ParseCode, Problem, Result } from '../bytes/index.ts'
import type { Certificate, X509Code } from '../x509/index.ts'

/** What the CPU says about one enclave. 384 bytes. */
export interface SgxReportBody {
  readonly cpuSvn: Bytes<16>
  readonly miscSelect: Bytes<4>
  /** Only meaningful with KSS. */
  readonly isvExtProdId: Bytes<16>
  /** Flags (8 bytes, little-endian), then XFRM (8 bytes). */
  readonly attributes: Bytes<16>
  readonly mrEnclave: Bytes<32>
  readonly mrSigner: Bytes<32>
  /** Only meaningful with KSS. */
  readonly configId: Bytes<64>
  readonly isvProdId: number
  readonly isvSvn: number
  /** Only meaningful with KSS. */
  readonly configSvn: number
  /** Only meaningful with KSS. */
  readonly isvFamilyId: Bytes<16>
  readonly reportData: Bytes<64>
  /** ATTRIBUTES.DEBUG: the enclave's memory can be read from outside. */
  readonly debug: boolean
  /** ATTRIBUTES.KSS: key separation and sharing, without which the configuration is not measured. */
  readonly kss: boolean
}

/** What says which platform certified the attestation key. */
export type CertificationData =
  /** The PCK certificate chain, as found; the order is not yet believed. */
  | { readonly type: 5; readonly chain: readonly Certificate[] }
  /** A platform named in other ways (1 to 4); the chain has to come from elsewhere. */
  | { readonly type: 1 | 2 | 3 | 4; readonly data: Uint8Array }

/** A parsed quote. Believed by nobody yet. */
export interface SgxQuote {
  readonly version: 3
  /** ECDSA with P-256. */
  readonly attestationKeyType: 2
  readonly qeSvn: number
  readonly pceSvn: number
  readonly qeVendorId: Bytes<16>
  readonly userData: Bytes<20>
  readonly reportBody: SgxReportBody
  /** Header and report body, which the attestation key signed. */
  readonly signedBytes: Bytes<432>
  /** `r ‖ s`, over {@link signedBytes}. */
  readonly signature: Bytes<64>
  /** `x ‖ y`. */
  readonly attestationKey: Bytes<64>
  readonly qeReport: SgxReportBody
  /** What {@link qeReport} was read from, which the PCK signed. */
  readonly qeReportBytes: Bytes<384>
  /** `r ‖ s`, over {@link qeReportBytes}. */
  readonly qeReportSignature: Bytes<64>
  readonly qeAuthData: Uint8Array
  readonly certificationData: CertificationData
  /** How many bytes follow the length that the quote states. Nothing in them is read. */
  readonly trailingBytes: number
}

/** Why a quote was refused. */
export type SgxQuoteCode =
  | ParseCode
  | X509Code
  | 'quote-too-large'
  | 'unsupported-attestation-key-type'
  | 'unsupported-qe-vendor'
  | 'unsupported-certification-data'
  | 'length-mismatch'

/** Parses an SGX quote of version 3. */
export function parseSgxQuote(_input: Uint8Array): Result<SgxQuote, Problem<SgxQuoteCode>> {
  throw new Error('under construction')
}
