import type { UnixSeconds } from '../bytes/index.ts'
import type { TcbStatus } from '../endorsements/index.ts'
import type { SgxQuote } from '../evidence/index.ts'

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
  /** When Intel set the level that the platform has reached. */
  readonly tcbDate: UnixSeconds
  /** Platform's and quoting enclave's, each once. */
  readonly advisoryIds: readonly string[]
  /** Hex, lower case. */
  readonly fmspc: string
  /** The smaller of TCB info's and QE identity's. */
  readonly tcbEvaluationDataNumber: number
  /** Hex SHA-256 of the SPKI of the root that all chains end in. */
  readonly rootSpkiSha256: string
  /** When the first of certificates, revocation lists, TCB info and QE identity runs out. */
  readonly earliestExpiry: UnixSeconds
  readonly hashes: SgxEvidenceHashes
}

/** Hex SHA-256 of what was verified, as it was received; PEM and JSON as UTF-8, revocation lists as DER. */
export interface SgxEvidenceHashes {
  readonly quote: string
  readonly tcbInfo: string
  readonly qeIdentity: string
  readonly pckCrl: string
  readonly rootCaCrl: string
  readonly tcbInfoIssuerChain: string
  readonly qeIdentityIssuerChain: string
}
