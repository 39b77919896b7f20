/**
 * Evidence of an Azure confidential VM: its virtual TPM, and the instance metadata service.
 *
 * The guest has no access to the hardware's interface. The paravisor below it holds the hardware report in
 * the vTPM, made over runtime data: the vTPM's attestation key, the configuration of the VM, and what the
 * guest wrote into an index of its own.
 *
 * @see docs/spec/evidence-drivers.md
 * @module
 */

import { setTimeout as pause } from 'node:timers/promises'
import { type Bytes, equalBytes, ok, refuse } from '@sealward/attestation/bytes'
import type { AzureEvidence, Driven, EvidenceSource } from './evidence-source.ts'
import { type HclSummary, hclSummaryOf } from './hcl-summary.ts'
import { createImds, type Imds } from './imds.ts'
import { driverLimits } from './limits.ts'
import { oneAtATime } from './one-at-a-time.ts'
import { reportDataOf } from './report-data.ts'
import { createTpm, type Tpm } from './tpm/tpm.ts'
import type { Transmit } from './tpm/transact.ts'
import { deviceTransmit } from './tpm/transports.ts'

export interface AzureVtpmSourceOptions {
  /** How the TPM is reached: by `/dev/tpmrm0` unless said. */
  readonly transmit?: Transmit
  /** `http://169.254.169.254` unless said. */
  readonly imdsUrl?: string
  /** How long the paravisor may take; {@link driverLimits}`.hclReportSecondsMax` unless said. */
  readonly reportSecondsMax?: number
}

export interface AzureVtpmSource extends EvidenceSource<AzureEvidence> {
  readonly driver: 'azure-vtpm'
  close(): Promise<void>
}

/** Evidence of the Azure confidential VM that this process runs in, SEV-SNP or TDX. */
export function createAzureVtpmSource(options: AzureVtpmSourceOptions = {}): AzureVtpmSource {
  const tpm = createTpm(options.transmit ?? deviceTransmit('/dev/tpmrm0'))
  const imds = createImds(options.imdsUrl ?? 'http://169.254.169.254')
  const inTurn = oneAtATime()
  const seconds = options.reportSecondsMax ?? driverLimits.hclReportSecondsMax
  return {
    driver: 'azure-vtpm',
    evidence: (reportData) =>
      inTurn(async () => {
        const written = await writeUserData(tpm, reportData)
        if (!written.ok) return written
        const report = await reportOver(tpm, reportData, seconds)
        if (!report.ok) return report
        const tpmQuote = await tpm.quote(attestationKey, reportData)
        if (!tpmQuote.ok) return tpmQuote
        const { hclReport, summary } = report.value
        const rest = await hostsPart(imds, summary)
        return rest.ok ? ok({ ...rest.value, hclReport, tpmQuote: tpmQuote.value }) : rest
      }),
    close: () => imds.close(),
  }
}

const reportIndex = 0x0140_0001
const userDataIndex = 0x0140_0002
const attestationKey = 0x8100_0003

async function writeUserData(tpm: Tpm, reportData: Bytes<64>): Promise<Driven<void>> {
  const size = await tpm.nvSize(userDataIndex)
  if (!size.ok && size.problem.code !== 'device-missing') return size
  if (size.ok && size.value !== reportData.length) {
    return refuse('device-failed', 'TPM2_NV_ReadPublic', 'the index for user data has another size')
  }
  if (!size.ok) {
    // A new VM has none; the guest makes it.
    const defined = await tpm.nvDefine(userDataIndex, reportData.length)
    if (!defined.ok) return defined
  }
  return tpm.nvWrite(userDataIndex, reportData)
}

/** Reads the report until it speaks of `reportData`: the paravisor exchanges it some time after the write. */
async function reportOver(
  tpm: Tpm,
  reportData: Bytes<64>,
  secondsMax: number,
): Promise<Driven<{ readonly hclReport: Uint8Array; readonly summary: HclSummary }>> {
  const deadline = performance.now() + secondsMax * 1000
  for (;;) {
    const read = await tpm.nvRead(reportIndex, driverLimits.hclReportBytesMax)
    if (!read.ok) return read
    if (read.value.length < driverLimits.hclReportBytesMin) {
      return refuse('read-short', 'TPM2_NV_Read', `${read.value.length} bytes`)
    }
    const summary = hclSummaryOf(read.value)
    if (summary?.userData !== undefined && equalBytes(summary.userData, reportData)) {
      return ok({ hclReport: read.value, summary })
    }
    if (performance.now() >= deadline) {
      return summary === undefined
        ? refuse('evidence-malformed', 'TPM2_NV_Read', 'not an HCL report over its runtime data')
        : refuse('evidence-stale', 'TPM2_NV_Read', 'the report is over other user data')
    }
    await pause(driverLimits.hclReportPollMilliseconds)
  }
}

/** What the vTPM does not have: the quote of a TD report, the certificates of an SNP report. */
async function hostsPart(
  imds: Imds,
  summary: HclSummary,
): Promise<
  Driven<
    | { readonly kind: 'azure-snp'; readonly certificates: string }
    | { readonly kind: 'azure-tdx'; readonly quote: Uint8Array }
  >
> {
  if (summary.kind === 'snp') {
    const certificates = await imds.amdCertificates()
    return certificates.ok
      ? ok({ kind: 'azure-snp', certificates: certificates.value })
      : certificates
  }
  const quote = await imds.tdQuote(summary.hardwareReport)
  if (!quote.ok) return quote
  const over = reportDataOf('tdx', quote.value)
  if (over === undefined) return refuse('evidence-malformed', 'tdquote', 'not a known format')
  return equalBytes(over, summary.reportData)
    ? ok({ kind: 'azure-tdx', quote: quote.value })
    : refuse('evidence-stale', 'tdquote', 'the quote is over another TD report')
}
