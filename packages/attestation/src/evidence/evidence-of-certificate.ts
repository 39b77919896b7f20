import { base64UrlOf, ok, type Problem, type Result, refuse } from '../bytes/index.ts'
import type { EndorsementsJson, EvidenceDocument } from './evidence-document.ts'
import { parseRaTlsCertificate, type RaTlsCode, raTlsOids } from './ra-tls.ts'

/**
 * The evidence in a certificate of a workload of ours, as the document that whoever asks for evidence is given.
 *
 * @param certificate - DER.
 * @param endorsements - for the quote in it, which certificates have no room for.
 * @returns the document, believed by nobody yet, or one of {@link RaTlsCode}.
 */
export function evidenceOfCertificate(
  certificate: Uint8Array,
  endorsements: EndorsementsJson,
): Result<EvidenceDocument, Problem<RaTlsCode>> {
  const parsed = parseRaTlsCertificate(certificate)
  if (!parsed.ok) return parsed
  const { value } = parsed
  if (value.form !== 'dice' || value.claims.workload === undefined) {
    return refuse('ra-tls-claims-malformed', raTlsOids.evidence, 'claims of a workload expected')
  }
  const { runtimeData, initTimeData } = value.claims.workload
  return ok({
    kind: 'sgx',
    quote: base64UrlOf(value.quote),
    runtimeData: base64UrlOf(runtimeData),
    claims: base64UrlOf(value.claimsBytes),
    initTimeData: base64UrlOf(initTimeData),
    endorsements,
  })
}
