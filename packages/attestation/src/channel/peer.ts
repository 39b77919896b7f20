import type { Problem, UnixSeconds } from '../bytes/index.ts'
import type { Verdict } from '../claims/index.ts'
import type { EvidenceDocument, InitTimeData, RuntimeData, TeeRole } from '../evidence/index.ts'
import type { AttestationToken, TokenCode } from '../token/index.ts'
import type {
  BindingCode,
  RaTlsBindingCode,
  SgxEvidence,
  VerificationCode,
  Verified,
} from '../verification/index.ts'
import type { KeyConfig } from './key-config.ts'

/** What was looked at, in the order in which it is. Stable: the portal has words for each. */
export type CheckId =
  | 'document'
  | 'certificate-chain'
  | 'revocation'
  | 'tcb-info'
  | 'qe-identity'
  | 'quote-signature'
  | 'tcb'
  | 'nonce'
  | 'key-binding'
  | 'deployment'
  | 'role'
  | 'configuration'
  | 'measurement'
  | 'signer'
  | 'product'
  | 'debug'
  | 'simulated'
  | 'model'
  | 'token-signature'
  | 'token-issuer'
  | 'token-time'
  | 'token-policy'
  | 'not-denied'
  | 'token-agrees'

/** One thing that was looked at and found right. */
export interface Check {
  readonly id: CheckId
  readonly passed: true
  /** One sentence for a person, with values. Free to change. */
  readonly detail: string
}

/** Why a peer was refused, beyond what verification of its evidence and of its token have codes for. */
export type PeerCode =
  | 'ra-tls-no-evidence'
  | 'document-malformed'
  | 'nonce-mismatch'
  | 'certificate-mismatch'
  | 'key-config'
  | 'wrong-deployment'
  | 'wrong-role'
  | 'configuration'
  | 'measurement'
  | 'signer'
  | 'product'
  | 'svn-too-low'
  | 'debug'
  | 'simulated'
  | 'tcb-status'
  | 'model'
  | 'token-missing'
  | 'token-policy'
  | 'token-disagrees'

/** Why a peer was refused: which check, with what code, and what had passed before. */
export interface PeerProblem
  extends Problem<PeerCode | VerificationCode | BindingCode | RaTlsBindingCode | TokenCode> {
  readonly check: CheckId
  readonly passed: readonly Check[]
}

/** A peer that was verified twice: from its evidence, and from its token. */
export interface PeerFacts {
  readonly role: TeeRole
  readonly deployment: string
  readonly verifiedAt: UnixSeconds
  readonly document: EvidenceDocument
  readonly evidence: Verified<SgxEvidence>
  readonly runtimeData: RuntimeData
  readonly initTimeData: InitTimeData
  readonly token: Verified<AttestationToken>
  /** The token as it came. */
  readonly tokenText: string
  readonly verdict: Verdict
  readonly simulated: boolean
  readonly checks: readonly Check[]
  /** What can be sealed to, in the peer's order; empty where it offers no sealed channel. */
  readonly keyConfigs: readonly KeyConfig[]
}

/** Only {@link verifyPeer} makes one; what looks like one and is not is refused at run time as well. */
export type VerifiedPeer = Verified<PeerFacts>
