/**
 * SGX quotes as the quoting enclave wrote them.
 *
 * @see Intel SGX ECDSA QuoteLibReference DCAP API, appendix A.4 (quote format, version 3)
 * @module
 */

import {
  type Bytes,
  type Cursor,
  hexOf,
  type ParseCode,
  type Problem,
  parsing,
  type Result,
  refuse,
  textOf,
} from '../bytes/index.ts'
import { type Certificate, parseCertificateChain, type X509Code } from '../x509/index.ts'
import { sgxQuoteBytesMax } from './limits.ts'

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

/**
 * Parses an SGX quote of version 3.
 *
 * @param input - the quote. What follows the length that it states is counted and not read: Intel's
 *   library hands out buffers that are longer.
 * @returns the fields, or one of {@link SgxQuoteCode}.
 * @see Intel SGX ECDSA QuoteLibReference DCAP API, appendix A.4
 */
export function parseSgxQuote(input: Uint8Array): Result<SgxQuote, Problem<SgxQuoteCode>> {
  if (input.length > sgxQuoteBytesMax) {
    return refuse('quote-too-large', '@0x0', `more than ${sgxQuoteBytesMax} bytes`)
  }
  return parsing<SgxQuote, SgxQuoteCode>(input, (cursor) => {
    const quote = {
      ...readHeader(cursor),
      reportBody: readReportBody(cursor),
      signedBytes: slice(input, 0, signedBytesLength),
      ...readSignatureData(cursor, input),
    }
    return { ...quote, trailingBytes: cursor.rest().length }
  })
}

type QuoteCursor = Cursor<SgxQuoteCode>

type Header = Pick<
  SgxQuote,
  'version' | 'attestationKeyType' | 'qeSvn' | 'pceSvn' | 'qeVendorId' | 'userData'
>

/** A.4, table 2: 48 bytes. */
function readHeader(cursor: QuoteCursor): Header {
  const version = cursor.u16()
  if (version !== 3) cursor.fail('unsupported-version', 'known: 3')
  const attestationKeyType = cursor.u16()
  if (attestationKeyType !== 2) {
    cursor.fail('unsupported-attestation-key-type', 'known: 2, ECDSA with P-256')
  }
  cursor.reserved(4)
  const qeSvn = cursor.u16()
  const pceSvn = cursor.u16()
  const qeVendorId = cursor.bytes(16)
  if (hexOf(qeVendorId) !== intelQeVendorIdHex) {
    cursor.fail('unsupported-qe-vendor', "known: Intel's quoting enclave")
  }
  const userData = cursor.bytes(20)
  return { version: 3, attestationKeyType: 2, qeSvn, pceSvn, qeVendorId, userData }
}

/** QE vendor id of Intel's quoting enclave, which any quote of this format names. */
export const intelQeVendorIdHex = '939a7233f79c4ca9940a0db3957f0607'

/** A.4, table 5: 384 bytes. */
function readReportBody(cursor: QuoteCursor): SgxReportBody {
  const cpuSvn = cursor.bytes(16)
  const miscSelect = cursor.bytes(4)
  cursor.reserved(12)
  const isvExtProdId = cursor.bytes(16)
  const attributes = cursor.bytes(16)
  const mrEnclave = cursor.bytes(32)
  cursor.reserved(32)
  const mrSigner = cursor.bytes(32)
  cursor.reserved(32)
  const configId = cursor.bytes(64)
  const isvProdId = cursor.u16()
  const isvSvn = cursor.u16()
  const configSvn = cursor.u16()
  cursor.reserved(42)
  const isvFamilyId = cursor.bytes(16)
  const reportData = cursor.bytes(64)
  const [flags = 0] = attributes
  return {
    cpuSvn,
    miscSelect,
    isvExtProdId,
    attributes,
    mrEnclave,
    mrSigner,
    configId,
    isvProdId,
    isvSvn,
    configSvn,
    isvFamilyId,
    reportData,
    debug: (flags & sgxAttributeFlags.debug) !== 0,
    kss: (flags & sgxAttributeFlags.kss) !== 0,
  }
}

/** Bits of the first byte of ATTRIBUTES (Intel SDM, volume 3D, table 35-3). */
export const sgxAttributeFlags: {
  readonly init: 0x01
  readonly debug: 0x02
  readonly mode64: 0x04
  readonly kss: 0x80
} = { init: 0x01, debug: 0x02, mode64: 0x04, kss: 0x80 }

type SignatureData = Pick<
  SgxQuote,
  | 'signature'
  | 'attestationKey'
  | 'qeReport'
  | 'qeReportBytes'
  | 'qeReportSignature'
  | 'qeAuthData'
  | 'certificationData'
>

/** A.4, table 4. Its length comes first; it and all lengths inside must agree. */
function readSignatureData(cursor: QuoteCursor, input: Uint8Array): SignatureData {
  const length = cursor.u32()
  const start = cursor.offset()
  if (length > input.length - start) cursor.fail('truncated', 'the signature data ends early')
  const signature = cursor.bytes(64)
  const attestationKey = cursor.bytes(64)
  const qeReportStart = cursor.offset()
  const qeReport = readReportBody(cursor)
  const qeReportBytes = slice(input, qeReportStart, 384)
  const qeReportSignature = cursor.bytes(64)
  const qeAuthData = cursor.bytes(cursor.u16())
  const certificationData = readCertificationData(cursor)
  if (cursor.offset() - start !== length) {
    cursor.fail('length-mismatch', 'the signature data is of another length than it states')
  }
  return {
    signature,
    attestationKey,
    qeReport,
    qeReportBytes,
    qeReportSignature,
    qeAuthData,
    certificationData,
  }
}

/** A.4, table 9. */
function readCertificationData(cursor: QuoteCursor): CertificationData {
  const type = cursor.u16()
  const data = cursor.bytes(cursor.u32())
  switch (type) {
    case 1:
    case 2:
    case 3:
    case 4:
      return { type, data }
    case 5: {
      const pem = textOf(data) ?? cursor.fail('pem-malformed', 'not text')
      return { type, chain: cursor.accept(parseCertificateChain(pem)) }
    }
    default:
      return cursor.fail('unsupported-certification-data', 'known: 1 to 5')
  }
}

/** Length of header and report body. */
const signedBytesLength = 432

/** Bytes that the cursor has already been over. */
function slice<const N extends number>(input: Uint8Array, start: number, length: N): Bytes<N> {
  return new Uint8Array(input.subarray(start, start + length)) as Bytes<N>
}
