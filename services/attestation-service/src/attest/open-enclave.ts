import { hexOf, ok, sha256 } from '@sealward/attestation/bytes'
import { parseOpenEnclaveReport } from '@sealward/attestation/evidence'
import { limits } from '../limits.ts'
import type { EvidenceType } from './evidence-type.ts'
import { verifyQuote } from './verify-quote.ts'

/** A quote of an enclave behind the header that the Open Enclave SDK gives it. */
export const openEnclave: EvidenceType = {
  field: 'report',
  charactersMax: limits.quoteCharactersMax,
  apiVersions: ['2020-10-01', '2022-08-01', '2025-06-01'],
  async verify(received, terms, deps) {
    const quote = parseOpenEnclaveReport(received)
    if (!quote.ok) return quote
    const verified = await verifyQuote('sgx', quote.value, terms, deps)
    if (!verified.ok) return verified
    return ok({ ...verified.value, receivedSha256: hexOf(await sha256(received)) })
  },
}
