import { hexOf } from '../bytes/index.ts'
import { type DcapQuote, guestPolicyOf, type SnpReport } from '../evidence/index.ts'
import type { SgxEvidence, SnpEvidence, TdxEvidence } from '../verification/index.ts'
import type { Claim } from './verdict.ts'

/** A claim's value: measurements and identifiers in lower-case hex. */
export type ClaimValue = string | number | boolean | readonly string[]

/** Claims by their names. */
export type ClaimSet = Readonly<Record<string, ClaimValue>>

/** What verified evidence says, by the names of its vendor's documents. */
export function claimsOf(evidence: SgxEvidence | TdxEvidence | SnpEvidence): ClaimSet {
  switch (evidence.kind) {
    case 'sgx':
    case 'tdx':
      return { ...quoteClaimsOf(evidence.quote), ...platformClaimsOf(evidence) }
    case 'snp':
      return {
        product: evidence.product,
        ...(evidence.cspId === undefined ? {} : { cspId: evidence.cspId }),
        ...reportClaimsOf(evidence.report),
        revocation: evidence.revocation,
      }
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

/** What a quote says of itself; who has not verified it believes none of it. */
export function quoteClaimsOf(quote: DcapQuote): ClaimSet {
  if (quote.kind === 'sgx') {
    const body = quote.reportBody
    return {
      mrEnclave: hexOf(body.mrEnclave),
      mrSigner: hexOf(body.mrSigner),
      isvProdId: body.isvProdId,
      isvSvn: body.isvSvn,
      attributes: hexOf(body.attributes),
      miscSelect: hexOf(body.miscSelect),
      configId: hexOf(body.configId),
      configSvn: body.configSvn,
      reportData: hexOf(body.reportData),
      debug: body.debug,
    }
  }
  const report = quote.tdReport
  const { tdx15 } = report
  return {
    mrTd: hexOf(report.mrTd),
    rtmr: report.rtmr.map(hexOf),
    mrConfigId: hexOf(report.mrConfigId),
    mrOwner: hexOf(report.mrOwner),
    mrOwnerConfig: hexOf(report.mrOwnerConfig),
    mrSeam: hexOf(report.mrSeam),
    mrSignerSeam: hexOf(report.mrSignerSeam),
    seamAttributes: hexOf(report.seamAttributes),
    tdAttributes: hexOf(report.tdAttributes),
    xfam: hexOf(report.xfam),
    teeTcbSvn: hexOf(report.teeTcbSvn),
    ...(tdx15 && {
      teeTcbSvn2: hexOf(tdx15.teeTcbSvn2),
      mrServiceTd: hexOf(tdx15.mrServiceTd),
    }),
    reportData: hexOf(report.reportData),
    debug: report.debug,
  }
}

/** What an SNP report says of itself; who has not verified it believes none of it. */
export function reportClaimsOf(report: SnpReport): ClaimSet {
  return {
    version: report.version,
    signingKey: report.signingKey,
    measurement: hexOf(report.measurement),
    hostData: hexOf(report.hostData),
    reportData: hexOf(report.reportData),
    vmpl: report.vmpl,
    guestSvn: report.guestSvn,
    guestPolicy: `0x${report.guestPolicy.toString(16)}`,
    familyId: hexOf(report.familyId),
    imageId: hexOf(report.imageId),
    idKeyDigest: hexOf(report.idKeyDigest),
    authorKeyDigest: hexOf(report.authorKeyDigest),
    reportId: hexOf(report.reportId),
    chipId: hexOf(report.chipId),
    currentTcb: hexOf(report.currentTcb),
    committedTcb: hexOf(report.committedTcb),
    launchTcb: hexOf(report.launchTcb),
    reportedTcb: hexOf(report.reportedTcb),
    debug: guestPolicyOf(report).debug,
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
