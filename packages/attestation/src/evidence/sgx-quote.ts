import { ok, type Problem, type Result, refuse } from '../bytes/index.ts'
import { type DcapQuoteCode, parseDcapQuote, type SgxQuote } from './dcap-quote.ts'

/** Why a quote was refused: it cannot be read, or is of a trust domain. */
export type SgxQuoteCode = DcapQuoteCode

/**
 * Parses a quote of an enclave, of version 3, 4 or 5.
 *
 * @returns the fields, or one of {@link SgxQuoteCode}.
 */
export function parseSgxQuote(input: Uint8Array): Result<SgxQuote, Problem<SgxQuoteCode>> {
  const quote = parseDcapQuote(input)
  if (!quote.ok) return quote
  return quote.value.kind === 'sgx'
    ? ok(quote.value)
    : refuse('unsupported-tee-type', '@0x4', 'a quote of an enclave expected')
}
