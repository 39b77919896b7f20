export {
  type CertificationData,
  type DcapQuote,
  type DcapQuoteCode,
  intelQeVendorIdHex,
  parseDcapQuote,
  parsePckChain,
  parseQeReport,
  type QuoteEnvelope,
  type SgxQuote,
  type TdxQuote,
} from './dcap-quote.ts'
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
  dcapQuoteBytesMax,
  endorsementCrlMax,
  endorsementJsonMax,
  endorsementPemMax,
  evidenceDocumentBytesMax,
  evidenceDocumentDepthMax,
  initTimeDataBytesMax,
  runtimeDataBytesMax,
} from './limits.ts'
export { parseSgxQuote, type SgxQuoteCode } from './sgx-quote.ts'
export { type SgxReportBody, sgxAttributeFlags } from './sgx-report-body.ts'
export {
  guestPolicyOf,
  parseSnpReport,
  type SnpCpuid,
  type SnpFirmwareVersion,
  type SnpGuestPolicy,
  type SnpReport,
  type SnpReportCode,
  type SnpSigningKey,
  snpReportBytes,
} from './snp-report.ts'
export { type TdReport, type Tdx15Fields, tdReportBytes } from './td-report.ts'
export { type TeeRole, teeRoles } from './tee-role.ts'
