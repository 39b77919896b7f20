/**
 * Which field of evidence each Reference Value is compared with, and the code of a difference.
 *
 * @module
 */

import type { SgxEvidence, SnpEvidence, TdxEvidence } from '../verification/index.ts'
import type {
  CommonReferenceValues,
  DcapReferenceValues,
  SgxReferenceValues,
  SnpReferenceValues,
  TdxReferenceValues,
} from './reference-values.ts'

/** Why verified evidence was not what was asked for. */
export type AppraisalCode =
  | 'wrong-kind'
  | 'wrong-mr-enclave'
  | 'wrong-mr-signer'
  | 'wrong-isv-prod-id'
  | 'wrong-isv-svn'
  | 'wrong-attributes'
  | 'wrong-misc-select'
  | 'wrong-config-id'
  | 'wrong-config-svn'
  | 'wrong-report-data'
  | 'wrong-mr-td'
  | 'wrong-rtmr'
  | 'wrong-mr-config-id'
  | 'wrong-mr-owner'
  | 'wrong-mr-seam'
  | 'wrong-td-attributes'
  | 'wrong-xfam'
  | 'wrong-mr-service-td'
  | 'wrong-measurement'
  | 'wrong-host-data'
  | 'wrong-id-key'
  | 'wrong-image-id'
  | 'wrong-guest-svn'
  | 'wrong-guest-policy'
  | 'wrong-vmpl'
  | 'wrong-product'
  | 'wrong-signing-key'
  | 'wrong-tcb'
  | 'wrong-revocation'
  | 'wrong-platform'
  | 'wrong-deployment'
  | 'wrong-tcb-status'
  | 'wrong-tcb-evaluation-data-number'
  | 'advisory-not-tolerated'
  | 'debug'

/** One row: the code, and what the evidence says. */
export type AppraisalField<E> = readonly [AppraisalCode, (evidence: E) => string | number]

/** A row for each Reference Value of the TEE's own, and for report data: one without a row does not compile. */
type AppraisalTable<R, Shared, E> = Readonly<
  Record<Exclude<keyof R, keyof Shared | 'kind'> | 'reportData', AppraisalField<E>>
>

export const sgxFields: AppraisalTable<SgxReferenceValues, DcapReferenceValues, SgxEvidence> = {
  mrEnclave: ['wrong-mr-enclave', (evidence) => evidence.mrEnclave],
  mrSigner: ['wrong-mr-signer', (evidence) => evidence.mrSigner],
  isvProdId: ['wrong-isv-prod-id', (evidence) => evidence.isvProdId],
  isvSvn: ['wrong-isv-svn', (evidence) => evidence.isvSvn],
  attributes: ['wrong-attributes', (evidence) => evidence.attributes],
  miscSelect: ['wrong-misc-select', (evidence) => evidence.miscSelect],
  configId: ['wrong-config-id', (evidence) => evidence.configId],
  configSvn: ['wrong-config-svn', (evidence) => evidence.configSvn],
  reportData: ['wrong-report-data', (evidence) => evidence.reportData],
}

export const tdxFields: AppraisalTable<TdxReferenceValues, DcapReferenceValues, TdxEvidence> = {
  mrTd: ['wrong-mr-td', (evidence) => evidence.mrTd],
  rtmr0: ['wrong-rtmr', (evidence) => evidence.rtmr[0]],
  rtmr1: ['wrong-rtmr', (evidence) => evidence.rtmr[1]],
  rtmr2: ['wrong-rtmr', (evidence) => evidence.rtmr[2]],
  rtmr3: ['wrong-rtmr', (evidence) => evidence.rtmr[3]],
  mrConfigId: ['wrong-mr-config-id', (evidence) => evidence.mrConfigId],
  mrOwner: ['wrong-mr-owner', (evidence) => evidence.mrOwner],
  mrOwnerConfig: ['wrong-mr-owner', (evidence) => evidence.mrOwnerConfig],
  mrSeam: ['wrong-mr-seam', (evidence) => evidence.mrSeam],
  tdAttributes: ['wrong-td-attributes', (evidence) => evidence.tdAttributes],
  xfam: ['wrong-xfam', (evidence) => evidence.xfam],
  mrServiceTd: ['wrong-mr-service-td', (evidence) => evidence.mrServiceTd ?? ''],
  reportData: ['wrong-report-data', (evidence) => evidence.reportData],
}

/** Of Intel's platforms, whichever TEE. */
export const dcapFields: Readonly<
  Record<
    'tcbEvaluationDataNumber' | 'ppid' | 'platformInstanceId' | 'fmspc',
    AppraisalField<SgxEvidence | TdxEvidence>
  >
> = {
  tcbEvaluationDataNumber: [
    'wrong-tcb-evaluation-data-number',
    (evidence) => evidence.tcbEvaluationDataNumber,
  ],
  ppid: ['wrong-platform', (evidence) => evidence.ppid],
  platformInstanceId: ['wrong-platform', (evidence) => evidence.platformInstanceId ?? ''],
  fmspc: ['wrong-platform', (evidence) => evidence.fmspc],
}

export const snpFields: AppraisalTable<
  Omit<SnpReferenceValues, SnpTcbName>,
  CommonReferenceValues,
  SnpEvidence
> = {
  measurement: ['wrong-measurement', (evidence) => evidence.measurement],
  hostData: ['wrong-host-data', (evidence) => evidence.hostData],
  idKeyDigest: ['wrong-id-key', (evidence) => evidence.idKeyDigest],
  authorKeyDigest: ['wrong-id-key', (evidence) => evidence.authorKeyDigest],
  familyId: ['wrong-image-id', (evidence) => evidence.familyId],
  imageId: ['wrong-image-id', (evidence) => evidence.imageId],
  guestSvn: ['wrong-guest-svn', (evidence) => evidence.guestSvn],
  guestPolicy: ['wrong-guest-policy', (evidence) => guestPolicyHexOf(evidence)],
  vmpl: ['wrong-vmpl', (evidence) => evidence.vmpl],
  product: ['wrong-product', (evidence) => evidence.product],
  signingKey: ['wrong-signing-key', (evidence) => evidence.signingKey],
  chipId: ['wrong-platform', (evidence) => evidence.chipId],
  revocation: ['wrong-revocation', (evidence) => evidence.revocation],
  reportData: ['wrong-report-data', (evidence) => evidence.reportData],
}

/** Of an SNP report: what is asked of each by component. */
export const snpTcbNames = ['reportedTcb', 'committedTcb', 'launchTcb'] as const
export type SnpTcbName = (typeof snpTcbNames)[number]
export const snpTcbComponents = ['fmc', 'bootloader', 'tee', 'snp', 'microcode'] as const

/** 16 digits, most significant first. */
export function guestPolicyHexOf({ guestPolicy }: Pick<SnpEvidence, 'guestPolicy'>): string {
  return guestPolicy.toString(16).padStart(16, '0')
}
