import type { Problem, Result, UnixSeconds } from '../bytes/index.ts'
import type { Endorsements, TcbStatus } from '../endorsements/index.ts'
import type {
  InitTimeData,
  ParsedEvidenceDocument,
  RuntimeData,
  SgxQuote,
} from '../evidence/index.ts'
import type { VerificationCode } from './problem-codes.ts'
import type { Verified } from './verified.ts'

export type VerificationProblem = Problem<VerificationCode>

/** What a verified quote and its endorsements say. */
export interface SgxEvidence {
  readonly quote: SgxQuote
  /** Hex. */
  readonly mrEnclave: string
  /** Hex. */
  readonly mrSigner: string
  readonly isvProdId: number
  readonly isvSvn: number
  /** Hex, 128 digits; all zero without KSS. */
  readonly configId: string
  /** Hex, 128 digits. */
  readonly reportData: string
  /** Reported, not judged: appraisal decides. */
  readonly debug: boolean
  /** Platform's and quoting enclave's status, merged. Never `Revoked`: that is refused. */
  readonly tcbStatus: TcbStatus
  /** When the matched level of the platform was set. */
  readonly tcbDate: UnixSeconds
  /** Platform's and quoting enclave's, each once. */
  readonly advisoryIds: readonly string[]
  /** Hex, lower case. */
  readonly fmspc: string
  /** The smaller of TCB info's and QE identity's. */
  readonly tcbEvaluationDataNumber: number
  /** Hex SHA-256 of the SPKI of the root that all chains end in. */
  readonly rootSpkiSha256: string
  /** When the first of certificates, CRLs, TCB info and QE identity runs out. */
  readonly earliestExpiry: UnixSeconds
  readonly hashes: SgxEvidenceHashes
}

/** Hex SHA-256 of what was verified, as it was received; PEM and JSON as UTF-8, CRLs as DER. */
export interface SgxEvidenceHashes {
  readonly quote: string
  readonly tcbInfo: string
  readonly qeIdentity: string
  readonly pckCrl: string
  readonly rootCaCrl: string
  readonly tcbInfoIssuerChain: string
  readonly qeIdentityIssuerChain: string
}

export interface SgxVerificationInput {
  readonly quote: Uint8Array
  readonly endorsements: Endorsements
  /** Hex SHA-256 of the SPKI of each root that is trusted. */
  readonly roots: readonly string[]
  readonly at: UnixSeconds
}

/** Verifies an SGX quote by Intel's procedure. */
export async function verifySgxEvidence(
  _input: SgxVerificationInput,
): Promise<Result<Verified<SgxEvidence>, VerificationProblem>> {
  throw new Error('under construction')
}

export type BindingCode =
  | 'quote-mismatch'
  | 'runtime-data-binding'
  | 'init-time-data-binding'
  | 'runtime-init-time-mismatch'
  | 'identity-key-id'

/** Evidence together with the data that it was found to bind. */
export interface BoundEvidence {
  readonly evidence: Verified<SgxEvidence>
  readonly runtimeData: RuntimeData
  readonly initTimeData: InitTimeData
}

/**
 * Verifies that the quote binds the runtime data and the init-time data that came with it.
 *
 * @returns the data, now believed, or one of {@link BindingCode}.
 */
export async function verifyBindings(
  _evidence: Verified<SgxEvidence>,
  _document: ParsedEvidenceDocument,
): Promise<Result<Verified<BoundEvidence>, Problem<BindingCode>>> {
  throw new Error('under construction')
}

/** Verifies that REPORTDATA is SHA-256 of `runtimeData` and zeros. */
export async function verifyRuntimeDataBinding(
  _evidence: Verified<SgxEvidence>,
  _runtimeData: Uint8Array,
): Promise<Result<true, Problem<'runtime-data-binding'>>> {
  throw new Error('under construction')
}

/** Verifies that CONFIGID is SHA-256 of `initTimeData` and zeros, and that it is measured (KSS). */
export async function verifyInitTimeDataBinding(
  _evidence: Verified<SgxEvidence>,
  _initTimeData: Uint8Array,
): Promise<Result<true, Problem<'init-time-data-binding'>>> {
  throw new Error('under construction')
}
