import { limits } from '../limits.ts'
import type { EvidenceType } from './evidence-type.ts'
import { verifyQuote } from './verify-quote.ts'

/** A quote of an enclave, as Intel's library makes it. */
export const sgxEnclave: EvidenceType = {
  field: 'quote',
  charactersMax: limits.quoteCharactersMax,
  apiVersions: ['2020-10-01', '2022-08-01', '2025-06-01'],
  verify: (received, terms, deps) => verifyQuote('sgx', received, terms, deps),
}
