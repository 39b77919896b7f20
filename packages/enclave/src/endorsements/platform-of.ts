/**
 * Which endorsements a piece of evidence asks for.
 *
 * @module
 */

import { hexOf, ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import {
  type DcapQuote,
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
import { endorsementsLimits } from './limits.ts'

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
 * @param memory - of what was read before.
 * @returns the platform, or one of {@link PlatformCode}: `platform-unknown` when it does not say.
 */
export function platformOf(
  evidence: Uint8Array,
  memory?: PlatformMemory,
): Result<Platform, Problem<PlatformCode>> {
  return isSnpReport(evidence) ? snpPlatformOf(evidence) : intelPlatformOf(evidence, memory)
}

/** What certificates were found to say: nothing in it was believed, so nothing in it can go stale. */
export interface PlatformMemory {
  /** The platform of a PCK certificate chain as a quote carries it, or what `read` says. */
  intel(
    pem: Uint8Array,
    read: () => Result<PckPlatform, Problem<PlatformCode>>,
  ): Result<PckPlatform, Problem<PlatformCode>>
}

/** A memory that forgets what was read first. */
export function createPlatformMemory(): PlatformMemory {
  const known = new Map<string, Result<PckPlatform, Problem<PlatformCode>>>()
  return {
    intel(pem, read) {
      const name = Buffer.from(pem.buffer, pem.byteOffset, pem.length).toString('latin1')
      const found = known.get(name)
      if (found !== undefined) return found
      const platform = read()
      if (platform.ok) known.set(name, platform)
      const [oldest] = known.keys()
      if (known.size > endorsementsLimits.platformsMax && oldest !== undefined) known.delete(oldest)
      return platform
    },
  }
}

type PckPlatform = Omit<IntelPlatform, 'tee'>

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

function intelPlatformOf(
  bytes: Uint8Array,
  memory: PlatformMemory | undefined,
): Result<IntelPlatform, Problem<PlatformCode>> {
  const quote = parseDcapQuote(bytes)
  if (!quote.ok) return quote
  const { kind, certificationData } = quote.value
  const read = (): Result<PckPlatform, Problem<PlatformCode>> => pckPlatformOf(quote.value)
  const platform =
    memory === undefined || certificationData.type !== 5
      ? read()
      : memory.intel(certificationData.pem, read)
  return platform.ok ? ok({ tee: kind, ...platform.value }) : platform
}

function pckPlatformOf(quote: DcapQuote): Result<PckPlatform, Problem<PlatformCode>> {
  const chain = parsePckChain(quote)
  if (chain !== undefined && !chain.ok) return chain
  const pck = chain?.value.find((certificate) => certificate.sgx !== undefined)
  if (pck?.sgx === undefined) {
    return refuse('platform-unknown', 'certificationData', 'the quote carries no PCK certificate')
  }
  // Intel's two issuers differ in this one word of their name.
  const ca = /\bProcessor\b/i.test(pck.issuerCommonName ?? '') ? 'processor' : 'platform'
  return ok({ fmspc: hexOf(pck.sgx.fmspc), ca })
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
