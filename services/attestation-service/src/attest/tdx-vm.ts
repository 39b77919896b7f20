import { limits } from '../limits.ts'
import type { EvidenceType } from './evidence-type.ts'
import { verifyQuote } from './verify-quote.ts'

/** A quote of a trust domain. */
export const tdxVm: EvidenceType = {
  field: 'quote',
  charactersMax: limits.quoteCharactersMax,
  apiVersions: ['2025-06-01'],
  verify: (received, terms, deps) => verifyQuote('tdx', received, terms, deps),
}
