/**
 * Which endorsements a piece of evidence asks for.
 *
 * @module
 */

import { hexOf, ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import { type DcapQuoteCode, parseDcapQuote, parsePckChain } from '@sealward/attestation/evidence'
import type { X509Code } from '@sealward/attestation/x509'
import type { AmdKey, AmdProduct, AmdTcb, EndorsementItem, IntelTee, PckCa } from './item.ts'

/** What evidence says of where it was made. Nothing of it is believed. */
export type Platform = IntelPlatform | AmdPlatform

export interface IntelPlatform {
  readonly tee: IntelTee
  /** Lower-case hex. */
  readonly fmspc: string
  readonly ca: PckCa
}

export interface AmdPlatform {
  readonly tee: 'snp'
  readonly key: AmdKey
  /** More than one where the report does not say; the likelier first. */
  readonly products: readonly [AmdProduct, ...AmdProduct[]]
  /** Lower-case hex of the 64 bytes; `undefined` where the host hides it. */
  readonly chipId: string | undefined
  /** REPORTED_TCB. */
  readonly reportedTcb: Uint8Array
}

/** Why evidence names no platform. */
export type PlatformCode = DcapQuoteCode | X509Code | 'platform-unknown'

/**
 * Reads which platform made `evidence`: a DCAP quote, or an SEV-SNP report.
 *
 * @returns the platform, or one of {@link PlatformCode}: `platform-unknown` when it does not say.
 */
export function platformOf(evidence: Uint8Array): Result<Platform, Problem<PlatformCode>> {
  return isSnpReport(evidence) ? snpPlatformOf(evidence) : intelPlatformOf(evidence)
}

/** The endorsements of one product line that a platform asks for; all that do not differ by chip where it is hidden. */
export function amdItemsOf(
  { key, chipId, reportedTcb }: AmdPlatform,
  product: AmdProduct,
): {
  readonly vcek: Extract<EndorsementItem, { kind: 'vcek' }> | undefined
  readonly chain: EndorsementItem
  readonly crl: EndorsementItem
} {
  return {
    vcek:
      key === 'vlek' || chipId === undefined
        ? undefined
        : {
            kind: 'vcek',
            product,
            chipId: product === 'turin' ? chipId.slice(0, 16) : chipId,
            tcb: amdTcbOf(reportedTcb, product),
          },
    chain: { kind: 'amd-chain', key, product },
    crl: { kind: 'amd-crl', key, product },
  }
}

function intelPlatformOf(quote: Uint8Array): Result<IntelPlatform, Problem<PlatformCode>> {
  const parsed = parseDcapQuote(quote)
  if (!parsed.ok) return parsed
  const chain = parsePckChain(parsed.value)
  if (chain !== undefined && !chain.ok) return chain
  const pck = chain?.value.find((certificate) => certificate.sgx !== undefined)
  if (pck?.sgx === undefined) {
    return refuse('platform-unknown', 'certificationData', 'the quote carries no PCK certificate')
  }
  // Intel's two issuers differ in this one word of their name.
  const ca = /\bProcessor\b/i.test(pck.issuerCommonName ?? '') ? 'processor' : 'platform'
  return ok({ tee: parsed.value.kind, fmspc: hexOf(pck.sgx.fmspc), ca })
}

/** A quote has its key type, which is never 0, where a report has the upper half of its version. */
function isSnpReport(evidence: Uint8Array): boolean {
  return evidence.length >= snpReportBytes && evidence[2] === 0 && evidence[3] === 0
}

const snpReportBytes = 1184

/** AMD 56860, table 23: ATTESTATION_REPORT. */
function snpPlatformOf(report: Uint8Array): Result<AmdPlatform, Problem<PlatformCode>> {
  const [version = 0] = report
  if (version < 2 || version > 5) {
    return refuse('unsupported-version', '@0x0', 'known: reports of versions 2 to 5')
  }
  const signingKey = ((report[0x48] ?? 0) >> 2) & 0b111
  if (signingKey > 1) return refuse('platform-unknown', '@0x48', 'no key of AMD’s signed it')
  const products = version === 2 ? beforeCpuId : productsOf(report[0x188] ?? 0, report[0x189] ?? 0)
  if (products === undefined) return refuse('platform-unknown', '@0x188', 'another processor')
  const chipId = report.slice(0x1a0, 0x1e0)
  return ok({
    tee: 'snp',
    key: signingKey === 0 ? 'vcek' : 'vlek',
    products,
    chipId: chipId.some((byte) => byte !== 0) ? hexOf(chipId) : undefined,
    reportedTcb: report.slice(0x180, 0x188),
  })
}

/** Reports of version 2 do not name the processor; the firmware that writes them is of these two. */
const beforeCpuId = ['milan', 'genoa'] as const

function productsOf(family: number, model: number): readonly [AmdProduct] | undefined {
  if (family === 0x19 && model <= 0x0f) return ['milan']
  // Bergamo and Siena are certified as Genoa.
  if (family === 0x19 && ((model >= 0x10 && model <= 0x1f) || (model >= 0xa0 && model <= 0xaf))) {
    return ['genoa']
  }
  return family === 0x1a && model <= 0x1f ? ['turin'] : undefined
}

/** AMD 56860, table 3 and 4: TCB_VERSION. */
function amdTcbOf(tcb: Uint8Array, product: AmdProduct): AmdTcb {
  const at = (index: number): number => tcb[index] ?? 0
  return product === 'turin'
    ? { fmc: at(0), bootLoader: at(1), tee: at(2), snp: at(3), microcode: at(7) }
    : { bootLoader: at(0), tee: at(1), snp: at(6), microcode: at(7) }
}
