/**
 * Quotes as Intel's quoting enclaves wrote them: of enclaves (SGX) and of trust domains (TDX).
 *
 * @see Intel SGX ECDSA QuoteLibReference DCAP API, appendix A.4 (version 3)
 * @see Intel TDX DCAP Quoting Library API, appendices A.3 (version 4) and A.4 (version 5)
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
import { dcapQuoteBytesMax } from './limits.ts'
import { readSgxReportBody, type SgxReportBody, sgxReportBodyBytes } from './sgx-report-body.ts'
import { readTdReport, type TdReport, tdReportBytes } from './td-report.ts'

/** What says which platform certified the attestation key. */
export type CertificationData =
  /** The PCK certificate chain, PEM as found: see {@link parsePckChain}. */
  | { readonly type: 5; readonly pem: Uint8Array }
  /** A platform named in other ways (1 to 4); the chain has to come from elsewhere. */
  | { readonly type: 1 | 2 | 3 | 4; readonly data: Uint8Array }

/** What all quotes have, whatever was quoted. */
export interface QuoteEnvelope {
  readonly version: 3 | 4 | 5
  /** ECDSA with P-256. */
  readonly attestationKeyType: 2
  /** Zero from version 4 on. */
  readonly qeSvn: number
  /** Zero from version 4 on. */
  readonly pceSvn: number
  readonly qeVendorId: Bytes<16>
  readonly userData: Bytes<20>
  /** Header and body, which the attestation key signed. */
  readonly signedBytes: Uint8Array
  /** `r ‖ s`, over {@link signedBytes}. */
  readonly signature: Bytes<64>
  /** From the attestation key to the end: all that does not change from one quote of a platform to the next. */
  readonly platformBytes: Uint8Array
  /** `x ‖ y`. */
  readonly attestationKey: Bytes<64>
  /** The quoting enclave's report, which the PCK signed: see {@link parseQeReport}. */
  readonly qeReportBytes: Bytes<384>
  /** `r ‖ s`, over {@link qeReportBytes}. */
  readonly qeReportSignature: Bytes<64>
  readonly qeAuthData: Uint8Array
  readonly certificationData: CertificationData
  /** How many bytes follow the length that the quote states. Nothing in them is read. */
  readonly trailingBytes: number
}

/** A quote of an enclave. Believed by nobody yet. */
export interface SgxQuote extends QuoteEnvelope {
  readonly kind: 'sgx'
  readonly reportBody: SgxReportBody
}

/** A quote of a trust domain. Believed by nobody yet. */
export interface TdxQuote extends QuoteEnvelope {
  readonly kind: 'tdx'
  readonly version: 4 | 5
  readonly tdReport: TdReport
}

export type DcapQuote = SgxQuote | TdxQuote

/** Why a quote was refused. */
export type DcapQuoteCode =
  | ParseCode
  | 'quote-too-large'
  | 'unsupported-attestation-key-type'
  | 'unsupported-qe-vendor'
  | 'unsupported-tee-type'
  | 'unsupported-body-type'
  | 'unsupported-certification-data'
  | 'length-mismatch'

/**
 * Parses a quote of version 3, 4 or 5.
 *
 * @param input - the quote. What follows the length that it states is counted and not read: Intel's libraries hand
 *   out buffers that are longer.
 * @returns the fields, or one of {@link DcapQuoteCode}.
 */
export function parseDcapQuote(input: Uint8Array): Result<DcapQuote, Problem<DcapQuoteCode>> {
  if (input.length > dcapQuoteBytesMax) {
    return refuse('quote-too-large', '@0x0', `more than ${dcapQuoteBytesMax} bytes`)
  }
  // One copy of the whole: what is read from it does not change with the caller's bytes.
  const bytes = new Uint8Array(input)
  return parsing<DcapQuote, DcapQuoteCode>(bytes, (cursor) => {
    const { teeType, ...header } = readHeader(cursor)
    const body = readBody(cursor, header.version, teeType)
    const signedBytes = bytes.subarray(0, cursor.offset())
    const signatureData = readSignatureData(cursor, bytes, header.version)
    const trailingBytes = bytes.length - cursor.offset()
    cursor.skip(trailingBytes)
    return { ...header, signedBytes, ...signatureData, ...body, trailingBytes } as DcapQuote
  })
}

/**
 * Parses the quoting enclave's report.
 *
 * @returns the fields, or `reserved-not-zero`.
 */
export function parseQeReport({
  qeReportBytes,
}: Pick<QuoteEnvelope, 'qeReportBytes'>): Result<SgxReportBody, Problem<ParseCode>> {
  return parsing(qeReportBytes, readSgxReportBody)
}

/**
 * Parses the PCK certificate chain that a quote carries, in the order found.
 *
 * @param read - certificates that were read before: see `parseCertificateChain`.
 * @returns the certificates, believed by nobody yet; `undefined` when the quote names its platform otherwise.
 */
export function parsePckChain(
  { certificationData }: QuoteEnvelope,
  read?: Map<string, Certificate>,
): Result<readonly Certificate[], Problem<X509Code>> | undefined {
  if (certificationData.type !== 5) return undefined
  const pem = textOf(certificationData.pem)
  return pem === undefined
    ? refuse('pem-malformed', 'certificationData', 'not text')
    : parseCertificateChain(pem, read)
}

type QuoteCursor = Cursor<DcapQuoteCode>

type TeeType = 'sgx' | 'tdx'

type Header = Pick<
  QuoteEnvelope,
  'version' | 'attestationKeyType' | 'qeSvn' | 'pceSvn' | 'qeVendorId' | 'userData'
> & { readonly teeType: TeeType }

/** 48 bytes. */
function readHeader(cursor: QuoteCursor): Header {
  const version = cursor.u16()
  if (version !== 3 && version !== 4 && version !== 5) {
    return cursor.fail('unsupported-version', 'known: 3, 4 and 5')
  }
  const attestationKeyType = cursor.u16()
  if (attestationKeyType !== 2) {
    cursor.fail('unsupported-attestation-key-type', 'known: 2, ECDSA with P-256')
  }
  // Version 3, which knows no other TEE, calls the field reserved.
  const teeType = teeTypes.get(cursor.u32())
  if (teeType === undefined || (version === 3 && teeType !== 'sgx')) {
    return cursor.fail('unsupported-tee-type', 'known: SGX (0), and from version 4 on TDX (0x81)')
  }
  const qeSvn = cursor.u16()
  const pceSvn = cursor.u16()
  const qeVendorId = cursor.bytes(16)
  if (hexOf(qeVendorId) !== intelQeVendorIdHex) {
    cursor.fail('unsupported-qe-vendor', "known: Intel's quoting enclaves")
  }
  const userData = cursor.bytes(20)
  return { version, teeType, attestationKeyType: 2, qeSvn, pceSvn, qeVendorId, userData }
}

const teeTypes: ReadonlyMap<number, TeeType> = new Map([
  [0x00, 'sgx'],
  [0x81, 'tdx'],
])

/** QE vendor id of Intel's quoting enclaves. */
export const intelQeVendorIdHex = '939a7233f79c4ca9940a0db3957f0607'

type Body = Pick<SgxQuote, 'kind' | 'reportBody'> | Pick<TdxQuote, 'kind' | 'tdReport'>

/** The body follows from the TEE type; in version 5 a descriptor names its kind and length. */
function readBody(cursor: QuoteCursor, version: 3 | 4 | 5, teeType: TeeType): Body {
  const described = version === 5 ? readBodyDescriptor(cursor) : teeType
  if ((described === 'sgx') !== (teeType === 'sgx')) {
    return cursor.fail('unsupported-body-type', 'not the body of this TEE')
  }
  switch (described) {
    case 'sgx':
      return { kind: 'sgx', reportBody: readSgxReportBody(cursor) }
    case 'tdx':
    case 'tdx10':
      return { kind: 'tdx', tdReport: readTdReport(cursor, 'tdx10') }
    case 'tdx15':
      return { kind: 'tdx', tdReport: readTdReport(cursor, 'tdx15') }
  }
}

/** A.4.2: 6 bytes. */
function readBodyDescriptor(cursor: QuoteCursor): 'sgx' | 'tdx10' | 'tdx15' {
  const [body, length] =
    bodies.get(cursor.u16()) ??
    cursor.fail('unsupported-body-type', 'known: 1 (SGX), 2 (TDX 1.0), 3 (TDX 1.5)')
  if (cursor.u32() !== length) cursor.fail('length-mismatch', `${length} bytes expected`)
  return body
}

const bodies: ReadonlyMap<number, readonly ['sgx' | 'tdx10' | 'tdx15', number]> = new Map([
  [1, ['sgx', sgxReportBodyBytes]],
  [2, ['tdx10', tdReportBytes.tdx10]],
  [3, ['tdx15', tdReportBytes.tdx15]],
])

type SignatureData = Omit<QuoteEnvelope, keyof Header | 'signedBytes' | 'trailingBytes'>

/** Its length comes first; it and all lengths inside must agree. */
function readSignatureData(
  cursor: QuoteCursor,
  input: Uint8Array,
  version: 3 | 4 | 5,
): SignatureData {
  const length = cursor.u32()
  const start = cursor.offset()
  if (length > input.length - start) cursor.fail('truncated', 'the signature data ends early')
  const end = start + length
  const signature = cursor.bytes(64)
  const platformBytes = input.subarray(cursor.offset(), end)
  const attestationKey = cursor.bytes(64)
  const certification = version === 3 ? readQeCertification(cursor) : readNested(cursor)
  if (cursor.offset() !== end) {
    cursor.fail('length-mismatch', 'the signature data is of another length than it states')
  }
  return { signature, platformBytes, attestationKey, ...certification }
}

type QeCertification = Pick<
  QuoteEnvelope,
  'qeReportBytes' | 'qeReportSignature' | 'qeAuthData' | 'certificationData'
>

/** From version 4 on, what certifies the key is itself certification data, of type 6, with other such data inside. */
function readNested(cursor: QuoteCursor): QeCertification {
  if (cursor.u16() !== 6) cursor.fail('unsupported-certification-data', 'known: 6')
  const length = cursor.u32()
  const start = cursor.offset()
  const certification = readQeCertification(cursor)
  if (cursor.offset() !== start + length) {
    cursor.fail('length-mismatch', 'certification data is of another length than it states')
  }
  return certification
}

function readQeCertification(cursor: QuoteCursor): QeCertification {
  const qeReportBytes = cursor.bytes(sgxReportBodyBytes)
  const qeReportSignature = cursor.bytes(64)
  const qeAuthData = cursor.bytes(cursor.u16())
  const certificationData = readCertificationData(cursor)
  return { qeReportBytes, qeReportSignature, qeAuthData, certificationData }
}

/** A.4, table 9 of the document of version 3. */
function readCertificationData(cursor: QuoteCursor): CertificationData {
  const type = cursor.u16()
  const data = cursor.bytes(cursor.u32())
  switch (type) {
    case 1:
    case 2:
    case 3:
    case 4:
      return { type, data }
    case 5:
      return { type, pem: data }
    default:
      return cursor.fail('unsupported-certification-data', 'known: 1 to 5')
  }
}
