export { intelSgxRootSpki } from './intel-root.ts'
export type { BindingCode, VerificationCode } from './problem-codes.ts'
export type { VerificationProblem } from './refusal.ts'
export type { SgxEvidence, SgxEvidenceHashes } from './sgx-evidence.ts'
export type { Verified } from './verified.ts'
export {
  type BoundEvidence,
  verifyBindings,
  verifyInitTimeDataBinding,
  verifyRuntimeDataBinding,
} from './verify-bindings.ts'
export { type SgxVerificationInput, verifySgxEvidence } from './verify-sgx-evidence.ts'
