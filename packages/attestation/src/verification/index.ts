export { intelSgxRootSpki } from './intel-root.ts'
export type { VerificationCode } from './problem-codes.ts'
export {
  type BindingCode,
  type BoundEvidence,
  type SgxEvidence,
  type SgxEvidenceHashes,
  type SgxVerificationInput,
  type VerificationProblem,
  verifyBindings,
  verifyInitTimeDataBinding,
  verifyRuntimeDataBinding,
  verifySgxEvidence,
} from './sgx-evidence.ts'
export type { Verified } from './verified.ts'
