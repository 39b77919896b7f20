/**
 * Intel's procedure for quotes with ECDSA, from the root's key to the platform's TCB status.
 *
 *  1. Quote and endorsements can be read, and are of one TEE.
 *  2. Every certificate chain ends in one and the same trusted root.
 *  3. Both revocation lists are signed by their issuers, and name no certificate of any chain.
 *  4. TCB info and QE identity are signed by certificates of Intel's for that.
 *  5. The TDX module is one that TCB info describes.
 *  6. The PCK, the key of the platform, signed the quoting enclave's report.
 *  7. The quoting enclave is the one that the QE identity describes.
 *  8. The quoting enclave's report binds the attestation key.
 *  9. TCB info is about this platform.
 * 10. Certificates, lists, TCB info and QE identity are in force at the instant.
 * 11. The attestation key signed the quote.
 * 12. The platform's TCB level is found, and merged with the quoting enclave's and the module's.
 * 13. Nothing was missing: without both revocation lists, nothing is believed.
 *
 * Steps 2 to 4 are `dcap-endorsements.ts`, steps 6 to 9 `dcap-platform.ts`. Whether the enclave or domain is the right
 * one, and whether it may be debugged, is not asked here: see `claims`.
 *
 * @see Intel SGX ECDSA QuoteLibReference DCAP API, appendix A.4; Intel SGX and TDX PCS API, version 4
 * @module
 */

import { hexOf, type Result, type UnixSeconds } from '../bytes/index.ts'
import type {
  Endorsements,
  IsvSvnLevel,
  TcbLevel,
  TcbStatus,
  TdxModuleIdentity,
} from '../endorsements/index.ts'
import { type DcapQuote, parseDcapQuote, type TdReport } from '../evidence/index.ts'
import { type Cryptography, webCryptography } from '../x509/index.ts'
import { type VerifiedEndorsements, verifyEndorsements } from './dcap-endorsements.ts'
import type { DcapEvidence } from './dcap-evidence.ts'
import type { DcapMemory } from './dcap-memory.ts'
import { type VerifiedPlatform, verifyPlatform } from './dcap-platform.ts'
import { verifyQuoteSignature } from './quote-signatures.ts'
import { accepted, refused, settling, type VerificationProblem } from './refusal.ts'
import type { SgxEvidence } from './sgx-evidence.ts'
import { mergedTcbStatus, tdxTcbLevelOf } from './tcb.ts'
import type { TdxEvidence } from './tdx-evidence.ts'
import { identifyTdxModule, tdxModuleLevelOf, withRelaunch } from './tdx-module.ts'
import { refuseOutside } from './validity.ts'
import type { Verified } from './verified.ts'

/** What {@link verifyDcapEvidence} looks at, all of it required. */
export interface DcapVerificationInput {
  /** Quote of version 3, 4 or 5. */
  readonly quote: Uint8Array
  readonly endorsements: Endorsements
  /** Hex SHA-256 of the SPKI of each root that is trusted. The root's certificate comes in the chains. */
  readonly roots: readonly string[]
  /** The instant at which everything has to be valid. */
  readonly at: UnixSeconds
}

/** With what it is verified. */
export interface DcapTools {
  readonly cryptography: Cryptography
  /** What was verified before; without it, nothing is remembered. */
  readonly memory?: DcapMemory
}

/** Web Crypto, and nothing remembered. */
export const webTools: DcapTools = { cryptography: webCryptography }

/**
 * Verifies a quote of an enclave or of a trust domain by Intel's procedure.
 *
 * @returns what quote and endorsements say, or the first problem: one of `VerificationCode`.
 */
export async function verifyDcapEvidence(
  input: DcapVerificationInput,
  tools: DcapTools = webTools,
): Promise<Result<Verified<SgxEvidence | TdxEvidence>, VerificationProblem>> {
  return settling(() => verify(input, tools, undefined))
}

/** The procedure itself, in numbered steps; leaves by {@link refused}. */
export async function verify(
  { quote: quoteBytes, endorsements: texts, roots, at: instant }: DcapVerificationInput,
  { cryptography, memory }: DcapTools,
  kind: DcapQuote['kind'] | undefined,
): Promise<Verified<SgxEvidence | TdxEvidence>> {
  // Every comparison with NaN is false, so that nothing would ever have expired.
  if (!Number.isFinite(instant)) throw new RangeError('at: whole Unix seconds expected')

  // 1. Quote and endorsements can be read, and are of one TEE.
  const quote = accepted(parseDcapQuote(quoteBytes), 'quote-malformed', 'quote')
  if (kind !== undefined && quote.kind !== kind) {
    refused('quote-malformed', 'quote', 'a quote of another TEE')
  }

  // 2. to 4. Chains, revocation lists, TCB info and QE identity.
  const verifyThese = (): Promise<VerifiedEndorsements> =>
    verifyEndorsements(texts, roots, cryptography)
  const endorsements =
    memory === undefined
      ? await verifyThese()
      : await memory.endorsements(texts, roots, cryptography, verifyThese)
  refuseOtherTee(quote, endorsements)

  // 5. The TDX module is one that TCB info describes.
  const tdxModule =
    quote.kind === 'tdx' ? identifyTdxModule(quote.tdReport, endorsements.tcbInfo) : undefined

  // 6. to 9. The platform. What is remembered of it holds at every instant, so dates are asked after it.
  const verifyThis = (): Promise<VerifiedPlatform> =>
    verifyPlatform(quote, endorsements, cryptography)
  const platform =
    memory === undefined
      ? await verifyThis()
      : await memory.platform(
          hexOf(await cryptography.digest('SHA-256', quote.platformBytes)),
          endorsements,
          verifyThis,
        )

  // 10. All of it is in force.
  const { from, until } = platform.window
  if (instant < from || instant > until) {
    refuseOutside([...platform.validities, ...endorsements.validities], instant)
  }

  // 11. The attestation key signed the quote.
  await verifyQuoteSignature(quote, platform.attestationKey, cryptography)

  // 12. The TCB level.
  const tcb =
    quote.kind === 'sgx'
      ? sgxTcbOf(platform)
      : tdxTcbOf(quote.tdReport, tdxModule, platform, endorsements)

  // 13. Nothing was missing. Asked last, so that a forgery is told from a gap.
  const [missing] = endorsements.missing
  if (missing !== undefined) refused('missing-endorsements', missing, 'not there')

  const common = {
    ...tcb,
    tcbEvaluationDataNumber: evaluationDataNumberOf(endorsements),
    tcbInfoIssueDate: endorsements.tcbInfo.issueDate,
    tcbInfoNextUpdate: endorsements.tcbInfo.nextUpdate,
    fmspc: platform.fmspc,
    ppid: platform.ppid,
    platformInstanceId: platform.platformInstanceId,
    rootSpkiSha256: endorsements.rootSpkiSha256,
    earliestExpiry: until,
    hashes: {
      quote: hexOf(await cryptography.digest('SHA-256', quoteBytes)),
      ...endorsements.hashes,
    },
  } satisfies DcapEvidence
  return describe(quote, common) as Verified<SgxEvidence | TdxEvidence>
}

function refuseOtherTee({ kind }: DcapQuote, { tcbInfo, qeIdentity }: VerifiedEndorsements): void {
  if (tcbInfo.id !== (kind === 'sgx' ? 'SGX' : 'TDX')) {
    refused('tee-mismatch', 'tcb_info.id', 'TCB info of another TEE than the quote')
  }
  if (qeIdentity.id !== (kind === 'sgx' ? 'QE' : 'TD_QE')) {
    refused('tee-mismatch', 'qe_identity.id', 'identity of another quoting enclave')
  }
}

type Tcb = Pick<DcapEvidence, 'tcbStatus' | 'tcbDate' | 'advisoryIds'>

function sgxTcbOf(platform: VerifiedPlatform): Tcb {
  const { level, qeLevel } = levelsOf(platform)
  return {
    tcbStatus: notRevoked(mergedTcbStatus(level.tcbStatus, qeLevel.tcbStatus)),
    tcbDate: dateOf(level, qeLevel),
    advisoryIds: advisoriesOf(level, qeLevel),
  }
}

function tdxTcbOf(
  report: TdReport,
  tdxModule: TdxModuleIdentity | undefined,
  platform: VerifiedPlatform,
  endorsements: VerifiedEndorsements,
): Tcb {
  const { tcbInfo } = endorsements
  const moduleLevel = tdxModule && tdxModuleLevelOf(report, tdxModule)
  const { level: sgxLevel, qeLevel } = levelsOf(platform)
  const level =
    tdxTcbLevelOf(platform.extension, report.teeTcbSvn, tcbInfo) ?? refusedWithoutLevel()
  const tdxStatus = notRevoked(
    mergedTcbStatus(level.tcbStatus, moduleLevel?.tcbStatus ?? 'UpToDate'),
  )
  const status = withRelaunch(report, tcbInfo, {
    sgxStatus: sgxLevel.tcbStatus,
    tdxStatus,
    moduleStatus: moduleLevel?.tcbStatus,
    qeStatus: qeLevel.tcbStatus,
  })
  return {
    tcbStatus: notRevoked(mergedTcbStatus(status, qeLevel.tcbStatus)),
    tcbDate: dateOf(level, qeLevel, moduleLevel),
    advisoryIds: advisoriesOf(level, qeLevel, moduleLevel),
  }
}

/** A quoting enclave older than any that Intel lists counts as revoked. */
function levelsOf({ level, qeLevel }: VerifiedPlatform): {
  readonly level: TcbLevel
  readonly qeLevel: IsvSvnLevel
} {
  return {
    level: level ?? refusedWithoutLevel(),
    qeLevel:
      qeLevel ??
      refused('tcb-revoked', 'qe_identity.tcbLevels', 'a quoting enclave older than any listed'),
  }
}

function refusedWithoutLevel(): never {
  return refused('tcb-level-not-found', 'tcb_info.tcbLevels', 'the platform meets no level')
}

/** A part that is up to date has no age; one that is not must not pass for as new as the platform. */
function dateOf(level: TcbLevel, ...parts: readonly (IsvSvnLevel | undefined)[]): UnixSeconds {
  const behind = parts.flatMap((part) => (part && part.tcbStatus !== 'UpToDate' ? [part] : []))
  return Math.min(...[level, ...behind].map(({ tcbDate }) => tcbDate))
}

function advisoriesOf(...levels: readonly (TcbLevel | IsvSvnLevel | undefined)[]): string[] {
  return [...new Set(levels.flatMap((level) => level?.advisoryIds ?? []))]
}

function notRevoked(status: TcbStatus): TcbStatus {
  return status === 'Revoked'
    ? refused('tcb-revoked', 'tcb_info.tcbLevels', 'Intel trusts this level no longer')
    : status
}

function evaluationDataNumberOf({ tcbInfo, qeIdentity }: VerifiedEndorsements): number {
  return Math.min(tcbInfo.tcbEvaluationDataNumber, qeIdentity.tcbEvaluationDataNumber)
}

function describe(quote: DcapQuote, common: DcapEvidence): SgxEvidence | TdxEvidence {
  if (quote.kind === 'sgx') {
    const body = quote.reportBody
    return {
      kind: 'sgx',
      quote,
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
      ...common,
    }
  }
  const report = quote.tdReport
  const [rtmr0, rtmr1, rtmr2, rtmr3] = report.rtmr
  return {
    kind: 'tdx',
    quote,
    mrTd: hexOf(report.mrTd),
    rtmr: [hexOf(rtmr0), hexOf(rtmr1), hexOf(rtmr2), hexOf(rtmr3)],
    mrConfigId: hexOf(report.mrConfigId),
    mrOwner: hexOf(report.mrOwner),
    mrOwnerConfig: hexOf(report.mrOwnerConfig),
    mrSeam: hexOf(report.mrSeam),
    mrSignerSeam: hexOf(report.mrSignerSeam),
    seamAttributes: hexOf(report.seamAttributes),
    tdAttributes: hexOf(report.tdAttributes),
    xfam: hexOf(report.xfam),
    teeTcbSvn: hexOf(report.teeTcbSvn),
    teeTcbSvn2: report.tdx15 && hexOf(report.tdx15.teeTcbSvn2),
    mrServiceTd: report.tdx15 && hexOf(report.tdx15.mrServiceTd),
    reportData: hexOf(report.reportData),
    debug: report.debug,
    ...common,
  }
}
