import { hexOf } from '../bytes/index.ts'
import type { SgxEvidence, SnpEvidence, TdxEvidence } from '../verification/index.ts'
import type { Claim } from './verdict.ts'

/** A claim's value: measurements and identifiers in lower-case hex. */
export type ClaimValue = string | number | boolean | readonly string[]

/** Claims by their names. */
export type ClaimSet = Readonly<Record<string, ClaimValue>>

/**
 * What evidence says, by the names of its vendor's documents.
 *
 * What of it may be believed depends on where the evidence comes from: `verification` gives none that is not verified.
 */
export function claimsOf(evidence: SgxEvidence | TdxEvidence | SnpEvidence): ClaimSet {
  switch (evidence.kind) {
    case 'sgx':
      return { ...sgxClaimsOf(evidence), ...platformClaimsOf(evidence) }
    case 'tdx':
      return { ...tdxClaimsOf(evidence), ...platformClaimsOf(evidence) }
    case 'snp':
      return snpClaimsOf(evidence)
  }
}

/** The same as a list; what has several values is several claims. */
export function claimListOf(evidence: SgxEvidence | TdxEvidence | SnpEvidence): readonly Claim[] {
  const claims = Object.entries(claimsOf(evidence)).flatMap(([type, value]) =>
    typeof value === 'object' ? value.map((one) => ({ type, value: one })) : [{ type, value }],
  )
  return evidence.kind === 'snp'
    ? claims
    : [
        ...claims,
        { type: 'tcbStatus', value: evidence.tcbStatus },
        ...evidence.advisoryIds.map((value) => ({ type: 'advisoryId', value })),
      ]
}

function sgxClaimsOf(evidence: SgxEvidence): ClaimSet {
  return {
    mrEnclave: evidence.mrEnclave,
    mrSigner: evidence.mrSigner,
    isvProdId: evidence.isvProdId,
    isvSvn: evidence.isvSvn,
    attributes: evidence.attributes,
    miscSelect: evidence.miscSelect,
    configId: evidence.configId,
    configSvn: evidence.configSvn,
    reportData: evidence.reportData,
    debug: evidence.debug,
  }
}

function tdxClaimsOf(evidence: TdxEvidence): ClaimSet {
  const { teeTcbSvn2, mrServiceTd } = evidence
  return {
    mrTd: evidence.mrTd,
    rtmr: evidence.rtmr,
    mrConfigId: evidence.mrConfigId,
    mrOwner: evidence.mrOwner,
    mrOwnerConfig: evidence.mrOwnerConfig,
    mrSeam: evidence.mrSeam,
    mrSignerSeam: evidence.mrSignerSeam,
    seamAttributes: evidence.seamAttributes,
    tdAttributes: evidence.tdAttributes,
    xfam: evidence.xfam,
    teeTcbSvn: evidence.teeTcbSvn,
    ...(teeTcbSvn2 === undefined ? {} : { teeTcbSvn2 }),
    ...(mrServiceTd === undefined ? {} : { mrServiceTd }),
    reportData: evidence.reportData,
    debug: evidence.debug,
  }
}

function platformClaimsOf(evidence: SgxEvidence | TdxEvidence): ClaimSet {
  const { platformInstanceId } = evidence
  return {
    fmspc: evidence.fmspc,
    ppid: evidence.ppid,
    ...(platformInstanceId === undefined ? {} : { platformInstanceId }),
    tcbDate: new Date(1000 * evidence.tcbDate).toISOString().replace('.000Z', 'Z'),
    tcbEvaluationDataNumber: evidence.tcbEvaluationDataNumber,
  }
}

function snpClaimsOf(evidence: SnpEvidence): ClaimSet {
  const { report, cspId } = evidence
  return {
    version: report.version,
    product: evidence.product,
    signingKey: evidence.signingKey,
    ...(cspId === undefined ? {} : { cspId }),
    measurement: evidence.measurement,
    hostData: evidence.hostData,
    reportData: evidence.reportData,
    vmpl: evidence.vmpl,
    guestSvn: evidence.guestSvn,
    guestPolicy: `0x${evidence.guestPolicy.toString(16)}`,
    familyId: evidence.familyId,
    imageId: evidence.imageId,
    idKeyDigest: evidence.idKeyDigest,
    authorKeyDigest: evidence.authorKeyDigest,
    reportId: hexOf(report.reportId),
    chipId: evidence.chipId,
    currentTcb: hexOf(report.currentTcb),
    committedTcb: hexOf(report.committedTcb),
    launchTcb: hexOf(report.launchTcb),
    reportedTcb: hexOf(report.reportedTcb),
    revocation: evidence.revocation,
    debug: evidence.debug,
  }
}
