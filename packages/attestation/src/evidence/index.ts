export {
  type EndorsementsJson,
  type EvidenceDocument,
  type EvidenceDocumentCode,
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
  readEndorsements,
} from './evidence-document.ts'
export {
  endorsementCrlMax,
  endorsementJsonMax,
  endorsementPemMax,
  evidenceDocumentBytesMax,
  evidenceDocumentDepthMax,
  initTimeDataBytesMax,
  runtimeDataBytesMax,
  sgxQuoteBytesMax,
} from './limits.ts'
export {
  type CertificationData,
  intelQeVendorIdHex,
  parseSgxQuote,
  type SgxQuote,
  type SgxQuoteCode,
  type SgxReportBody,
  sgxAttributeFlags,
} from './sgx-quote.ts'
export { type TeeRole, teeRoles } from './tee-role.ts'
