export {
  type AmdCertificateKind,
  type AmdCertificateTable,
  type AmdCertificateTableCode,
  parseAmdCertificateTable,
} from './amd-certificate-table.ts'
export { type AzureVtpmEvidence, parseAzureVtpmEvidence } from './azure-vtpm-evidence.ts'
export { type CoseSign1, type CoseSign1Code, parseCoseSign1 } from './cose-sign1.ts'
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
  type EncryptionKeyJwk,
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
export { evidenceOfCertificate } from './evidence-of-certificate.ts'
export {
  type HclConfiguration,
  type HclHardwareReport,
  type HclReport,
  type HclReportCode,
  parseHclReport,
} from './hcl-report.ts'
export {
  dcapQuoteBytesMax,
  endorsementCrlMax,
  endorsementJsonMax,
  endorsementPemMax,
  evidenceDocumentBytesMax,
  evidenceDocumentDepthMax,
  initTimeDataBytesMax,
  runtimeDataBytesMax,
  uvmPayloadBytesMax,
} from './limits.ts'
export { type MaaSnpReport, parseMaaSnpReport } from './maa-snp-report.ts'
export {
  encodeOpenEnclaveReport,
  type OpenEnclaveReportCode,
  parseOpenEnclaveReport,
} from './open-enclave-report.ts'
export {
  encodeRaTlsClaims,
  encodeRaTlsEvidence,
  parseRaTlsCertificate,
  parseRaTlsClaims,
  type RaTlsCertificate,
  type RaTlsClaims,
  type RaTlsCode,
  type RaTlsEvidence,
  type RaTlsWorkload,
  raTlsOids,
} from './ra-tls.ts'
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
export { parseThimCertificates, type ThimCertificates } from './thim-certificates.ts'
export {
  parseTpmQuote,
  parseTpmSignature,
  rawTpmSignatureOf,
  type TpmPcrSelection,
  type TpmQuote,
  type TpmQuoteCode,
} from './tpm-quote.ts'
export { parseTsmReport, type TsmReport } from './tsm-report.ts'
export type { WrappedJsonCode } from './wrapped-json.ts'
