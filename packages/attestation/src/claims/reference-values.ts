/**
 * What a relying party accepts of evidence: every field is asked about, and none is passed over in silence.
 *
 * @see RFC 9334, "Reference Values"; docs/spec/reference-values.md
 * @module
 */

import type { UnixSeconds } from '../bytes/index.ts'
import type { TcbStatus } from '../endorsements/index.ts'
import { tcbStatuses } from '../endorsements/index.ts'
import type { PeerExpectation } from '../evidence/index.ts'
import type { SnpEvidence } from '../verification/index.ts'
import type { Expectation } from './expectation.ts'

/** An advisory that is known, and borne until a day. */
export interface ToleratedAdvisory {
  readonly id: string
  readonly reason: string
  /** The last second of it. */
  readonly until: UnixSeconds
}

/** Left open, with a reason. */
export type Unchecked = Extract<Expectation<never>, { readonly kind: 'unchecked' }>

/** The oldest components that are accepted of an SNP platform. */
export interface SnpTcbFloor {
  /** 0 of products that have none: those before Turin. */
  readonly fmc: number
  readonly bootloader: number
  readonly tee: number
  readonly snp: number
  readonly microcode: number
}

/** Each component of a TCB is the floor's, or newer. */
export type SnpTcbExpectation =
  | { readonly kind: 'at-least'; readonly value: SnpTcbFloor }
  | Unchecked

/** What is asked of any TEE. */
export interface CommonReferenceValues {
  /** Hex, 128 digits. */
  readonly reportData: Expectation<string>
  /** `urn:uuid:…` of the deployment that the caller found bound to the evidence. */
  readonly deployment: Expectation<string>
  readonly debug: 'refused' | 'dangerously-allowed'
}

/** What is asked of Intel's platforms. */
export interface DcapReferenceValues extends CommonReferenceValues {
  readonly tcbStatus: Expectation<TcbStatus>
  /** A level that Intel set at or after this instant counts as `UpToDate`; inclusive. */
  readonly tcbBaselineDate: { readonly kind: 'at-least'; readonly value: UnixSeconds } | Unchecked
  readonly tcbEvaluationDataNumber: Expectation<number>
  readonly advisories:
    | { readonly kind: 'tolerated'; readonly tolerated: readonly ToleratedAdvisory[] }
    | Unchecked
  /** Hex; which platforms of their owner's. */
  readonly ppid: Expectation<string>
  /** Hex; empty where the platform has none. */
  readonly platformInstanceId: Expectation<string>
  /** Hex. */
  readonly fmspc: Expectation<string>
}

/** Reference Values for an SGX enclave. Hex where a field is bytes. */
export interface SgxReferenceValues extends DcapReferenceValues {
  readonly kind: 'sgx'
  readonly mrEnclave: Expectation<string>
  readonly mrSigner: Expectation<string>
  readonly isvProdId: Expectation<number>
  readonly isvSvn: Expectation<number>
  readonly attributes: Expectation<string>
  readonly miscSelect: Expectation<string>
  /** 128 digits. */
  readonly configId: Expectation<string>
  readonly configSvn: Expectation<number>
}

/** Reference Values for a TDX trust domain. Hex. */
export interface TdxReferenceValues extends DcapReferenceValues {
  readonly kind: 'tdx'
  readonly mrTd: Expectation<string>
  readonly rtmr0: Expectation<string>
  readonly rtmr1: Expectation<string>
  readonly rtmr2: Expectation<string>
  readonly rtmr3: Expectation<string>
  readonly mrConfigId: Expectation<string>
  readonly mrOwner: Expectation<string>
  readonly mrOwnerConfig: Expectation<string>
  readonly mrSeam: Expectation<string>
  readonly tdAttributes: Expectation<string>
  readonly xfam: Expectation<string>
  /** All zero, or empty in reports of TDX 1.0: no service domain is bound. */
  readonly mrServiceTd: Expectation<string>
}

/** Reference Values for an SEV-SNP guest. Hex where a field is bytes. */
export interface SnpReferenceValues extends CommonReferenceValues {
  readonly kind: 'snp'
  readonly measurement: Expectation<string>
  readonly hostData: Expectation<string>
  readonly idKeyDigest: Expectation<string>
  readonly authorKeyDigest: Expectation<string>
  readonly familyId: Expectation<string>
  readonly imageId: Expectation<string>
  readonly guestSvn: Expectation<number>
  /** 16 digits, most significant first. */
  readonly guestPolicy: Expectation<string>
  readonly vmpl: Expectation<number>
  readonly product: Expectation<SnpEvidence['product']>
  readonly signingKey: Expectation<SnpEvidence['signingKey']>
  readonly chipId: Expectation<string>
  /** What the endorsement key is of. */
  readonly reportedTcb: SnpTcbExpectation
  /** What the platform can no longer go back behind. */
  readonly committedTcb: SnpTcbExpectation
  /** What the guest was launched on. */
  readonly launchTcb: SnpTcbExpectation
  /** `good`: somebody looked, and no certificate is revoked. */
  readonly revocation: { readonly kind: 'equals'; readonly value: 'good' } | Unchecked
}

export type ReferenceValues = SgxReferenceValues | TdxReferenceValues | SnpReferenceValues

/**
 * The Reference Values that `peer` has to meet.
 *
 * @param deployment - `urn:uuid:…`. The quote does not name it; runtime and init-time data do, and are compared there.
 */
export function referenceValuesOf(peer: PeerExpectation, deployment: string): SgxReferenceValues {
  const statuses = tcbStatuses.filter((status) => peer.tcbStatuses.includes(status))
  const unchecked = (reason: string): Unchecked => ({ kind: 'unchecked', reason })
  const measured = unchecked('part of what MRENCLAVE is reproduced with')
  const anyPlatform = unchecked('the expectation names no platforms')
  return {
    kind: 'sgx',
    mrEnclave: oneOf(peer.mrEnclave),
    mrSigner: oneOf(peer.mrSigner),
    isvProdId: { kind: 'equals', value: peer.isvProdId },
    isvSvn: { kind: 'at-least', value: peer.isvSvnMin },
    attributes: measured,
    miscSelect: measured,
    configId:
      peer.configId === undefined
        ? unchecked(`any init-time data that names ${deployment} and the role`)
        : oneOf(peer.configId.map((sha256) => sha256 + '0'.repeat(64))),
    configSvn: unchecked('no configuration of ours has versions'),
    reportData: unchecked('compared with the runtime data that it binds'),
    deployment: unchecked('compared with runtime and init-time data'),
    tcbStatus: oneOf(statuses),
    tcbBaselineDate: unchecked('the expectation names statuses'),
    tcbEvaluationDataNumber: unchecked('the dates of TCB info bound its age'),
    advisories: unchecked('the expectation names statuses, which stand for them'),
    ppid: anyPlatform,
    platformInstanceId: anyPlatform,
    fmspc: anyPlatform,
    debug: peer.debug,
  }
}

/** An empty list asks for what nothing is: it must not come to mean "anything". */
function oneOf<T extends string>(values: readonly T[]): Expectation<T> {
  const [first, ...others] = values
  return first === undefined
    ? { kind: 'equals', value: 'nothing is accepted' as T }
    : { kind: 'one-of', values: [first, ...others] }
}
