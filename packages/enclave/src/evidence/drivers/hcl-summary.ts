import { createHash } from 'node:crypto'
import { bytesOfHex, equalBytes, jsonOf } from '@sealward/attestation/bytes'
import { driverLimits } from './limits.ts'

/** What the driver has to know of an HCL report before it may hand it out. */
export interface HclSummary {
  readonly kind: 'snp' | 'tdx'
  /** The hardware report: an SNP report, or a TD report that is no quote yet. */
  readonly hardwareReport: Uint8Array
  /** REPORTDATA of the hardware report. */
  readonly reportData: Uint8Array
  /** What was written for the guest; `undefined` in a report from before anything was. */
  readonly userData: Uint8Array | undefined
}

/**
 * Looks into an HCL report just so far. Whether it is to be believed is not asked here.
 *
 * @returns `undefined` when it is none, or when its hardware report is not over its runtime data: then it
 *   was exchanged while it was read.
 */
export function hclSummaryOf(report: Uint8Array): HclSummary | undefined {
  if (report.length < driverLimits.hclReportBytesMin) return undefined
  const view = new DataView(report.buffer, report.byteOffset, report.length)
  const field = (at: number): number => view.getUint32(at, true)
  const layout = layouts[field(runtimeAt + 8)]
  const hash = hashes[field(runtimeAt + 12)]
  const size = field(runtimeAt + 16)
  if (field(0) !== signature || layout === undefined || hash === undefined) return undefined
  const claims = report.subarray(runtimeAt + 20, runtimeAt + 20 + size)
  if (claims.length !== size) return undefined

  const hardwareReport = report.slice(headerBytes, headerBytes + layout.bytes)
  const reportData = hardwareReport.subarray(layout.reportDataAt, layout.reportDataAt + 64)
  const digest = createHash(hash).update(claims).digest()
  if (!equalBytes(reportData.subarray(0, digest.length), digest)) return undefined
  return { kind: layout.kind, hardwareReport, reportData, userData: userDataOf(claims) }
}

/** "HCLA" */
const signature = 0x414c_4348

const headerBytes = 32

/** The hardware report takes 1184 bytes, whatever it is. */
const runtimeAt = headerBytes + 1184

const layouts: Readonly<
  Record<number, { kind: 'snp' | 'tdx'; bytes: number; reportDataAt: number }>
> = {
  2: { kind: 'snp', bytes: 1184, reportDataAt: 0x50 },
  4: { kind: 'tdx', bytes: 1024, reportDataAt: 128 },
}

const hashes: Readonly<Record<number, string>> = { 1: 'sha256', 2: 'sha384', 3: 'sha512' }

function userDataOf(claims: Uint8Array): Uint8Array | undefined {
  const json = jsonOf(claims, { bytesMax: driverLimits.hclReportBytesMax, depthMax: 8 })
  if (!json.ok || typeof json.value !== 'object' || json.value === null) return undefined
  const value: unknown = Reflect.get(json.value, 'user-data')
  return typeof value === 'string' ? bytesOfHex(value) : undefined
}
