export { amdRootSpkis, type SnpProduct } from './amd-roots.ts'
export type { DcapEvidence, DcapEvidenceHashes } from './dcap-evidence.ts'
export { createDcapMemory, type DcapMemory, type DcapMemoryLimits } from './dcap-memory.ts'
export { intelSgxRootSpki } from './intel-root.ts'
export { snpCertificatesMax, snpCrlsMax } from './limits.ts'
export type { BindingCode, VerificationCode } from './problem-codes.ts'
export type { VerificationProblem } from './refusal.ts'
export type { SgxEvidence } from './sgx-evidence.ts'
export type { SnpEvidence } from './snp-evidence.ts'
export { createSnpMemory, type SnpMemory } from './snp-memory.ts'
export { productOfCpuid, productOfExtension, tcbOf } from './snp-platform.ts'
export type { TdxEvidence } from './tdx-evidence.ts'
export type { Verified } from './verified.ts'
export {
  type BindingHash,
  type BoundEvidence,
  bindingHashes,
  type Digest,
  verifyBindings,
  verifyInitTimeDataBinding,
  verifyRuntimeDataBinding,
} from './verify-bindings.ts'
export {
  type DcapTools,
  type DcapVerificationInput,
  verifyDcapEvidence,
} from './verify-dcap-evidence.ts'
export {
  type HclBinding,
  type HclBindingCode,
  type HclBindingInput,
  type HclHardwareEvidence,
  type TpmPcrValues,
  verifyHclBinding,
} from './verify-hcl-binding.ts'
export { type QuoteSignaturesInput, verifyQuoteSignatures } from './verify-quote-signatures.ts'
export {
  type RaTlsBinding,
  type RaTlsBindingCode,
  type RaTlsHardwareEvidence,
  verifyRaTlsBinding,
} from './verify-ra-tls-binding.ts'
export { verifySgxEvidence } from './verify-sgx-evidence.ts'
export {
  type SnpTools,
  type SnpVerificationInput,
  verifySnpEvidence,
} from './verify-snp-evidence.ts'
export { verifyTdxEvidence } from './verify-tdx-evidence.ts'
export {
  microsoftUvmFeed,
  microsoftUvmIssuer,
  type UvmBindingCode,
  type UvmEndorsement,
  type UvmEndorsementCode,
  type UvmEndorsementInput,
  verifyEndorsedMeasurement,
  verifySecurityPolicyBinding,
  verifyUvmEndorsement,
} from './verify-uvm-endorsement.ts'
