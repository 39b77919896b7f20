import {
  concat,
  type ParseCode,
  type Problem,
  parsing,
  type Result,
  refuse,
} from '../bytes/index.ts'
import { dcapQuoteBytesMax } from './limits.ts'

/** Why an Open Enclave report was refused. */
export type OpenEnclaveReportCode = ParseCode | 'quote-too-large' | 'oe-unsupported-report-type'

/**
 * Takes a quote out of an Open Enclave report: version, kind and length before it, 16 bytes.
 *
 * @returns the quote (see `parseDcapQuote`), or one of {@link OpenEnclaveReportCode}. A local report is none.
 * @see Open Enclave SDK, oe_report_header_t
 */
export function parseOpenEnclaveReport(
  input: Uint8Array,
): Result<Uint8Array, Problem<OpenEnclaveReportCode>> {
  if (input.length > openEnclaveHeaderBytes + dcapQuoteBytesMax) {
    return refuse('quote-too-large', '@0x0', `more than ${dcapQuoteBytesMax} bytes`)
  }
  return parsing<Uint8Array, OpenEnclaveReportCode>(input, (cursor) => {
    if (cursor.u32() !== 1) cursor.fail('unsupported-version', 'known: 1')
    if (cursor.u32() !== 2) cursor.fail('oe-unsupported-report-type', 'known: 2, remote of SGX')
    const length = cursor.u64()
    if (length > BigInt(dcapQuoteBytesMax)) cursor.fail('truncated', `${length} bytes needed`)
    return cursor.bytes(Number(length))
  })
}

const openEnclaveHeaderBytes = 16

/** The header that {@link parseOpenEnclaveReport} takes away, put before a quote. */
export function encodeOpenEnclaveReport(quote: Uint8Array): Uint8Array {
  const header = new DataView(new ArrayBuffer(openEnclaveHeaderBytes))
  header.setUint32(0, 1, true)
  header.setUint32(4, 2, true)
  header.setBigUint64(8, BigInt(quote.length), true)
  return concat(new Uint8Array(header.buffer), quote)
}
