/**
 * Which endorsements a piece of evidence asks for.
 *
 * @module
 */

import { hexOf, ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import {
  type DcapQuoteCode,
  parseDcapQuote,
  parsePckChain,
  parseSnpReport,
  type SnpReportCode,
  snpReportBytes,
} from '@sealward/attestation/evidence'
import { productOfCpuid, type SnpProduct, tcbOf } from '@sealward/attestation/verification'
import type { X509Code } from '@sealward/attestation/x509'
import type { AmdKey, EndorsementItem, IntelTee, PckCa } from './item.ts'

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
  readonly products: readonly [SnpProduct, ...SnpProduct[]]
  /** Lower-case hex of the 64 bytes; `undefined` where the host hides it. */
  readonly chipId: string | undefined
  /** REPORTED_TCB. */
  readonly reportedTcb: Uint8Array
}

/** Why evidence names no platform. */
export type PlatformCode = DcapQuoteCode | SnpReportCode | X509Code | 'platform-unknown'

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
  product: SnpProduct,
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
            tcb: tcbOf(reportedTcb, product),
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

/** Of a report that a table of certificates may follow. */
function snpPlatformOf(evidence: Uint8Array): Result<AmdPlatform, Problem<PlatformCode>> {
  const parsed = parseSnpReport(evidence.subarray(0, snpReportBytes))
  if (!parsed.ok) return parsed
  const { signingKey, cpuid, chipId, reportedTcb } = parsed.value
  if (signingKey === 'none') {
    return refuse('platform-unknown', 'signingKey', 'no key of AMD’s signed it')
  }
  const product = cpuid && productOfCpuid(cpuid)
  if (cpuid !== undefined && product === undefined) {
    return refuse('platform-unknown', 'cpuid', 'another processor')
  }
  return ok({
    tee: 'snp',
    key: signingKey,
    products: product === undefined ? beforeCpuid : [product],
    chipId: chipId.some((byte) => byte !== 0) ? hexOf(chipId) : undefined,
    reportedTcb,
  })
}

/** Reports of version 2 do not name the processor; the firmware that writes them is of these two. */
const beforeCpuid = ['milan', 'genoa'] as const
