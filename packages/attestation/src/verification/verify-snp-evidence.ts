/**
 * AMD's procedure for SEV-SNP reports, from the root's key to the chip.
 *
 * 1. The report can be read, and a key signed it.
 * 2. The endorsement key's certificate (VCEK or VLEK) is issued by ASK or ASVK, and that by a trusted root (ARK).
 * 3. The root's revocation list names none of them.
 * 4. Certificates and list are in force at the instant.
 * 5. The endorsement key signed the report.
 * 6. It is of the kind that the report names.
 * 7. Every component of REPORTED_TCB is the certificate's.
 * 8. The chip is the certificate's.
 * 9. The product is that of root, certificate and processor.
 *
 * @see AMD 56860, SEV Secure Nested Paging Firmware ABI Specification; AMD 57230, VCEK Certificate and KDS Interface
 * @module
 */

import { hexOf, type Result, type UnixSeconds } from '../bytes/index.ts'
import { guestPolicyOf, parseSnpReport, type SnpReport } from '../evidence/index.ts'
import { type AmdTcb, type Cryptography, webCryptography } from '../x509/index.ts'
import { accepted, refused, settling, type VerificationProblem } from './refusal.ts'
import {
  refuseTooMany,
  type VerifiedEndorsementKey,
  verifyEndorsementKey,
} from './snp-endorsement-key.ts'
import type { SnpEvidence } from './snp-evidence.ts'
import type { SnpMemory } from './snp-memory.ts'
import {
  differenceOf,
  hasUnknownComponent,
  isChip,
  productOfCpuid,
  productOfExtension,
  tcbOf,
} from './snp-platform.ts'
import { refuseOutside } from './validity.ts'
import type { Verified } from './verified.ts'

/** What {@link verifySnpEvidence} looks at, all of it required. */
export interface SnpVerificationInput {
  /** 1184 bytes. */
  readonly report: Uint8Array
  /** DER, in any order; more than are needed, up to `snpCertificatesMax`, is no harm. */
  readonly certificates: readonly Uint8Array[]
  /** DER, up to `snpCrlsMax`. All of the root's have to be in force, and to revoke nothing of the chain. */
  readonly crls: readonly Uint8Array[]
  /** Whether a revocation list of the root's must be among them. */
  readonly revocation: 'required' | { readonly unchecked: string }
  /** Hex SHA-256 of the SPKI of each root that is trusted. */
  readonly roots: readonly string[]
  /** The instant at which everything has to be valid. */
  readonly at: UnixSeconds
}

export interface SnpTools {
  readonly cryptography: Cryptography
  /** What was verified before; without it, nothing is remembered. */
  readonly memory?: SnpMemory
}

/**
 * Verifies a report by AMD's procedure.
 *
 * @returns what report and certificates say, or the first problem: one of `VerificationCode`.
 */
export async function verifySnpEvidence(
  input: SnpVerificationInput,
  { cryptography, memory }: SnpTools = { cryptography: webCryptography },
): Promise<Result<Verified<SnpEvidence>, VerificationProblem>> {
  const { at: instant } = input
  // Every comparison with NaN is false, so that nothing would ever have expired.
  if (!Number.isFinite(instant)) throw new RangeError('at: whole Unix seconds expected')
  return settling(async () => {
    // 1. The report can be read, and a key signed it.
    const report = accepted(parseSnpReport(input.report), 'report-malformed', 'report')
    if (report.signingKey === 'none' || report.isChipKeyMasked) {
      refused('report-signature', 'report', 'no key signed it')
    }

    // 2. and 3. The endorsement key, and revocation.
    refuseTooMany(input)
    const verifyThis = (): Promise<VerifiedEndorsementKey> =>
      verifyEndorsementKey(input, report, cryptography)
    const key =
      memory === undefined
        ? await verifyThis()
        : await memory.endorsementKey(input, report, cryptography, verifyThis)

    // 4. All of it is in force.
    const { from, until } = key.window
    if (instant < from || instant > until) refuseOutside(key.validities, instant)

    // 5. The endorsement key signed the report.
    const signature = { algorithm: 'ecdsa-p384-sha384', bytes: report.signature } as const
    const question = { publicKey: key.publicKey, signature, message: report.signedBytes }
    if (!(await cryptography.verify(question))) {
      refused('report-signature', 'report', 'the signature does not verify')
    }

    // 6. It is of the kind that the report names.
    if (key.kind !== report.signingKey) {
      refused('signing-key-mismatch', 'report.signingKey', 'signed by a key of another kind')
    }

    // 7. Every component of REPORTED_TCB is the certificate's.
    if (hasUnknownComponent(report.reportedTcb, key.product)) {
      refused('tcb-mismatch', 'report.reportedTcb', 'a component that is not known here')
    }
    const reportedTcb = tcbOf(report.reportedTcb, key.product)
    refuseOtherTcb(reportedTcb, key.extensions.tcb)

    // 8. The chip is the certificate's.
    refuseOtherChip(report, key)

    // 9. The product is that of root, certificate and processor.
    refuseOtherProduct(report, key)

    return {
      kind: 'snp',
      report,
      product: key.product,
      signingKey: key.kind,
      cspId: key.extensions.cspId,
      measurement: hexOf(report.measurement),
      hostData: hexOf(report.hostData),
      reportData: hexOf(report.reportData),
      vmpl: report.vmpl,
      guestSvn: report.guestSvn,
      guestPolicy: report.guestPolicy,
      familyId: hexOf(report.familyId),
      imageId: hexOf(report.imageId),
      idKeyDigest: hexOf(report.idKeyDigest),
      authorKeyDigest: hexOf(report.authorKeyDigest),
      chipId: hexOf(report.chipId),
      currentTcb: tcbOf(report.currentTcb, key.product),
      committedTcb: tcbOf(report.committedTcb, key.product),
      launchTcb: tcbOf(report.launchTcb, key.product),
      reportedTcb,
      debug: guestPolicyOf(report).debug,
      revocation: key.revocation,
      rootSpkiSha256: key.rootSpkiSha256,
      earliestExpiry: until,
      hashes: { report: hexOf(await cryptography.digest('SHA-256', input.report)) },
    } satisfies SnpEvidence as Verified<SnpEvidence>
  })
}

function refuseOtherTcb(reported: AmdTcb, certified: AmdTcb): void {
  const component = differenceOf(reported, certified)
  if (component !== undefined) {
    refused('tcb-mismatch', `report.reportedTcb.${component}`, 'not what the certificate is of')
  }
}

/** A VLEK is no chip's. */
function refuseOtherChip(
  { chipId }: SnpReport,
  { kind, extensions }: VerifiedEndorsementKey,
): void {
  if (kind === 'vlek') return
  if (extensions.hwId === undefined || !isChip(extensions.hwId, chipId)) {
    refused('chip-id-mismatch', 'report.chipId', 'not the chip that the certificate is of')
  }
}

function refuseOtherProduct(
  { cpuid }: SnpReport,
  { product, extensions }: VerifiedEndorsementKey,
): void {
  if (productOfExtension(extensions.productName) !== product) {
    refused('product-mismatch', 'certificates.leaf', 'of another product than its authorities')
  }
  if (cpuid !== undefined && productOfCpuid(cpuid) !== product) {
    refused('product-mismatch', 'report.cpuid', 'a processor of another product')
  }
}
