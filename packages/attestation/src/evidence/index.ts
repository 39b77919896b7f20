export {
  type EndorsementsJson,
  type EvidenceDocument,
  encodeInitTimeData,
  encodeRuntimeData,
  type IdentityKeyJwk,
  type InitTimeData,
  type ParsedEvidenceDocument,
  type PeerExpectation,
  parseEvidenceDocument,
  parseInitTimeData,
  parseRuntimeData,
  type RuntimeData,
} from './evidence-document.ts'
export {
  type CertificationData,
  parseSgxQuote,
  type SgxQuote,
  type SgxQuoteCode,
  type SgxReportBody,
} from './sgx-quote.ts'
export { type TeeRole, teeRoles } from './tee-role.ts'
