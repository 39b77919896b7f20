import type { Problem, Result, UnixSeconds } from '@sealward/attestation/bytes'
import type { AttestationClaimsInput, AttestedEvidence } from '@sealward/attestation/token'
import type { DcapTools, SnpMemory, SnpVerificationInput } from '@sealward/attestation/verification'
import type { EndorsementsClient, TcbBaseline } from '@sealward/enclave/endorsements'
import type { Clock } from '@sealward/enclave/server'
import type { ApiVersion } from '../api-version.ts'

/** One kind of evidence: where a request carries it, and how it is verified. */
export interface EvidenceType {
  /** The field of a request that it is in. */
  readonly field: 'quote' | 'report'
  readonly charactersMax: number
  /** Versions of Azure's contract that know it. */
  readonly apiVersions: readonly ApiVersion[]
  /**
   * Verifies evidence with endorsements from wherever they come.
   *
   * @param received - what the field carried, decoded.
   */
  verify(
    received: Uint8Array,
    terms: VerificationTerms,
    deps: EvidenceDeps,
  ): Promise<Result<HeldEvidence, Problem>>
}

/** What a policy and an instance ask of verification. */
export interface VerificationTerms {
  /** Hex SHA-256 of the SPKI of each root that is trusted. */
  readonly roots: readonly string[]
  readonly baseline: TcbBaseline
}

export interface EvidenceDeps {
  readonly endorsements: Pick<EndorsementsClient, 'endorsementsFor' | 'snpEndorsementsFor'>
  /** With what evidence is verified, and what is remembered of platforms. */
  readonly verification: DcapTools & { readonly snpMemory?: SnpMemory }
  /** Of AMD's keys: a list is required unless somebody says why not. */
  readonly snpRevocation?: SnpVerificationInput['revocation']
  readonly clock: Clock
}

/** Evidence that holds, and the instant at which it was held against its endorsements. */
export interface HeldEvidence
  extends Pick<AttestationClaimsInput, 'receivedSha256' | 'complianceStatus'> {
  readonly evidence: AttestedEvidence
  readonly at: UnixSeconds
}
