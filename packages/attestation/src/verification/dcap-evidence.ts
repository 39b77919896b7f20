import type { UnixSeconds } from '../bytes/index.ts'
import type { TcbStatus } from '../endorsements/index.ts'

/** What a verified quote and its endorsements say of the platform, whichever TEE it is. */
export interface DcapEvidence {
  /** Platform's, quoting enclave's and TDX module's status, merged. Never `Revoked`: that is refused. */
  readonly tcbStatus: TcbStatus
  /**
   * When Intel set the level that the platform has reached; or the quoting enclave's or TDX module's, where that one is
   * older and not `UpToDate`.
   */
  readonly tcbDate: UnixSeconds
  readonly tcbInfoIssueDate: UnixSeconds
  readonly tcbInfoNextUpdate: UnixSeconds
  /** Platform's, quoting enclave's and TDX module's, each once. */
  readonly advisoryIds: readonly string[]
  /** Hex, lower case. */
  readonly fmspc: string
  /** Hex: which platform it is, among those of its owner. */
  readonly ppid: string
  /** Hex; of platforms with more than one package. */
  readonly platformInstanceId: string | undefined
  /** The smaller of TCB info's and QE identity's. */
  readonly tcbEvaluationDataNumber: number
  /** Hex SHA-256 of the SPKI of the root that all chains end in. */
  readonly rootSpkiSha256: string
  /** When the first of certificates, revocation lists, TCB info and QE identity runs out. */
  readonly earliestExpiry: UnixSeconds
  readonly hashes: DcapEvidenceHashes
}

/**
 * Hex SHA-256 of what was verified, in the form that Intel's quote provider library hands it to a verifier: PEM of chains
 * and revocation lists, the answer of Intel's service with its signature, each with the NUL that ends a string of C.
 * Azure Attestation hashes the same bytes.
 */
export interface EndorsementHashes {
  readonly tcbInfo: string
  readonly qeIdentity: string
  readonly pckCrl: string
  readonly rootCaCrl: string
  readonly tcbInfoIssuerChain: string
  readonly qeIdentityIssuerChain: string
}

export interface DcapEvidenceHashes extends EndorsementHashes {
  /** Of the quote as it was received. */
  readonly quote: string
}
