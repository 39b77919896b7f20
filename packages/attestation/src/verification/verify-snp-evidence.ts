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

import { equalBytes, hexOf, type Result, type UnixSeconds } from '../bytes/index.ts'
import { guestPolicyOf, parseSnpReport, type SnpReport } from '../evidence/index.ts'
import {
  type AmdExtensions,
  type AmdTcb,
  type Certificate,
  type Crl,
  type Cryptography,
  isSignedBy,
  type PublicKey,
  parseAmdExtensions,
  parseCertificate,
  parseCrl,
  webCryptography,
} from '../x509/index.ts'
import type { SnpProduct } from './amd-roots.ts'
import { accepted, refused, settling, type VerificationProblem } from './refusal.ts'
import { refuseRevoked, verifyCrl } from './revocation.ts'
import type { SnpEvidence } from './snp-evidence.ts'
import type { SnpMemory } from './snp-memory.ts'
import { refuseOutside, type Validity, type Window, windowOf } from './validity.ts'
import type { Verified } from './verified.ts'

/** What {@link verifySnpEvidence} looks at, all of it required. */
export interface SnpVerificationInput {
  /** 1184 bytes. */
  readonly report: Uint8Array
  /** DER, in any order; more than are needed is no harm. */
  readonly certificates: readonly Uint8Array[]
  /** DER. */
  readonly crls: readonly Uint8Array[]
  /** Whether the root's revocation list must be among them. */
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

/** An endorsement key whose chain was verified; what is no date. */
export interface VerifiedEndorsementKey {
  readonly kind: 'vcek' | 'vlek'
  readonly publicKey: PublicKey
  readonly extensions: AmdExtensions
  readonly product: SnpProduct
  readonly revocation: 'good' | 'unchecked'
  readonly rootSpkiSha256: string
  readonly validities: readonly Validity[]
  readonly window: Window
}

async function verifyEndorsementKey(
  input: SnpVerificationInput,
  report: SnpReport,
  cryptography: Cryptography,
): Promise<VerifiedEndorsementKey> {
  const certificates = input.certificates.map((der, index) =>
    accepted(parseCertificate(der), 'endorsements-malformed', `certificates[${index}]`),
  )
  const { leaf, intermediate, root } = pathOf(certificates, report)
  await refuseUnlessIssued(leaf, intermediate, 'certificates.leaf', cryptography)
  await refuseUnlessIssued(intermediate, root, 'certificates.intermediate', cryptography)
  await refuseUnlessIssued(root, root, 'certificates.root', cryptography)
  const rootSpkiSha256 = hexOf(await cryptography.digest('SHA-256', root.spki))
  if (!input.roots.includes(rootSpkiSha256)) {
    refused('root-not-trusted', 'certificates.root', 'a root that is not trusted here')
  }
  const kind = leaf.subjectCommonName === 'SEV-VLEK' ? 'vlek' : 'vcek'
  const product = productOf(root, intermediate, kind)
  const extensions = accepted(
    parseAmdExtensions(leaf),
    'endorsements-malformed',
    'certificates.leaf',
  )

  const crl = await verifiedCrl(input, root, cryptography)
  if (crl !== undefined) {
    refuseRevoked(intermediate, crl, 'certificates.intermediate')
    refuseRevoked(root, crl, 'certificates.root')
  }

  const validities: readonly Validity[] = [
    validity('certificates.leaf', leaf),
    validity('certificates.intermediate', intermediate),
    validity('certificates.root', root),
    ...(crl === undefined
      ? []
      : [{ kind: 'crl', at: 'crls', from: crl.thisUpdate, until: crl.nextUpdate } as const]),
  ]
  return {
    kind,
    publicKey:
      leaf.publicKey?.kind === 'p384'
        ? leaf.publicKey
        : refused('chain', 'certificates.leaf', 'the key is not one of P-384'),
    extensions,
    product,
    revocation: crl === undefined ? 'unchecked' : 'good',
    rootSpkiSha256,
    validities,
    window: windowOf(validities),
  }
}

interface Path {
  readonly leaf: Certificate
  readonly intermediate: Certificate
  readonly root: Certificate
}

/** Leaf, ASK or ASVK, and ARK, by their names. Of several leaves, the one that is of the report's TCB and chip. */
function pathOf(certificates: readonly Certificate[], report: SnpReport): Path {
  const name = report.signingKey === 'vlek' ? 'SEV-VLEK' : 'SEV-VCEK'
  const leaves = certificates.filter(({ subjectCommonName }) => subjectCommonName === name)
  // With none of the kind that the report names, another is taken, and refused for what it is.
  const others = certificates.filter(({ subjectCommonName }) =>
    ['SEV-VCEK', 'SEV-VLEK'].includes(subjectCommonName ?? ''),
  )
  const leaf = leaves.find((one) => fits(one, report)) ?? leaves[0] ?? others[0]
  if (leaf === undefined) {
    return refused('missing-endorsements', 'certificates', 'no VCEK or VLEK certificate')
  }
  const intermediate =
    issuerOf(leaf, certificates) ??
    refused('missing-endorsements', 'certificates', 'no ASK or ASVK certificate')
  const root =
    issuerOf(intermediate, certificates) ??
    refused('missing-endorsements', 'certificates', 'no ARK certificate')
  return { leaf, intermediate, root }
}

function issuerOf(
  certificate: Certificate,
  certificates: readonly Certificate[],
): Certificate | undefined {
  return certificates.find(({ subject }) => equalBytes(subject, certificate.issuer))
}

function fits(leaf: Certificate, report: SnpReport): boolean {
  const extensions = parseAmdExtensions(leaf)
  if (!extensions.ok) return false
  const { tcb, hwId } = extensions.value
  const product = tcb.fmc === undefined ? 'milan' : 'turin'
  const reported = tcbOf(report.reportedTcb, product)
  return (
    tcbComponents.every((component) => tcb[component] === reported[component]) &&
    (hwId === undefined || isChip(hwId, report.chipId))
  )
}

async function refuseUnlessIssued(
  certificate: Certificate,
  issuer: Certificate,
  at: string,
  cryptography: Cryptography,
): Promise<void> {
  if (!issuer.isCa || issuer.keyUsage?.keyCertSign !== true) {
    refused('chain', at, 'issued by what is no authority')
  }
  if (issuer.pathLength === 0 && certificate.isCa && certificate !== issuer) {
    refused('chain', at, 'more authorities below than allowed')
  }
  if (!(await isSignedBy(certificate, issuer, cryptography))) {
    refused('chain', at, 'the signature does not verify')
  }
}

const products: Readonly<Record<string, SnpProduct>> = {
  Milan: 'milan',
  Genoa: 'genoa',
  Turin: 'turin',
}

/** `ARK-Milan` above `SEV-Milan`, or above `SEV-VLEK-Milan`. */
function productOf(
  root: Certificate,
  intermediate: Certificate,
  kind: 'vcek' | 'vlek',
): SnpProduct {
  const line = /^ARK-([A-Za-z]+)$/.exec(root.subjectCommonName ?? '')?.[1] ?? ''
  const expected = kind === 'vcek' ? `SEV-${line}` : `SEV-VLEK-${line}`
  const product = Object.hasOwn(products, line) ? products[line] : undefined
  return product !== undefined && intermediate.subjectCommonName === expected
    ? product
    : refused('chain', 'certificates', 'not the authorities of one product line')
}

/** The root's list, signed by it; `undefined` when none is asked for and none came. */
async function verifiedCrl(
  { crls, revocation }: SnpVerificationInput,
  root: Certificate,
  cryptography: Cryptography,
): Promise<Crl | undefined> {
  const lists = crls.map((der, index) =>
    accepted(parseCrl(der), 'endorsements-malformed', `crls[${index}]`),
  )
  const list = lists.find(({ issuer }) => equalBytes(issuer, root.subject))
  if (list === undefined) {
    return revocation === 'required'
      ? refused('missing-endorsements', 'crls', "no revocation list of the root's")
      : undefined
  }
  await verifyCrl(list, root, 'crls', cryptography)
  return list
}

function validity(at: string, { notBefore, notAfter }: Certificate): Validity {
  return { kind: 'certificate', at, from: notBefore, until: notAfter }
}

/** Eight bytes; Turin has moved everything by one, and begins with the FMC. */
function tcbOf(bytes: Uint8Array, product: SnpProduct): AmdTcb {
  const at = (index: number): number => bytes[index] ?? 0
  return product === 'turin'
    ? { fmc: at(0), bootloader: at(1), tee: at(2), snp: at(3), microcode: at(7) }
    : { fmc: undefined, bootloader: at(0), tee: at(1), snp: at(6), microcode: at(7) }
}

const tcbComponents = ['fmc', 'bootloader', 'tee', 'snp', 'microcode'] as const

function refuseOtherTcb(reported: AmdTcb, certified: AmdTcb): void {
  for (const component of tcbComponents) {
    if (reported[component] !== certified[component]) {
      refused('tcb-mismatch', `report.reportedTcb.${component}`, 'not what the certificate is of')
    }
  }
}

function refuseOtherChip(
  { chipId }: SnpReport,
  { kind, extensions }: VerifiedEndorsementKey,
): void {
  if (kind === 'vlek') return
  if (extensions.hwId === undefined || !isChip(extensions.hwId, chipId)) {
    refused('chip-id-mismatch', 'report.chipId', 'not the chip that the certificate is of')
  }
}

/** From Turin on, a chip is named by 8 bytes, and zeros follow in the report. */
function isChip(hwId: Uint8Array, chipId: Uint8Array): boolean {
  return (
    equalBytes(chipId.subarray(0, hwId.length), hwId) &&
    chipId.subarray(hwId.length).every((byte) => byte === 0)
  )
}

function refuseOtherProduct(
  { cpuid }: SnpReport,
  { product, extensions }: VerifiedEndorsementKey,
): void {
  // Milan's say `Milan-B0` too: the stepping follows the name.
  const [name = ''] = extensions.productName.split('-')
  if (products[name] !== product) {
    refused('product-mismatch', 'certificates.leaf', 'of another product than its authorities')
  }
  if (cpuid !== undefined && productOfCpuid(cpuid.family, cpuid.model) !== product) {
    refused('product-mismatch', 'report.cpuid', 'a processor of another product')
  }
}

/** AMD 57230, table of CPUID family and model ranges. */
function productOfCpuid(family: number, model: number): SnpProduct | undefined {
  if (family === 0x1a) return model <= 0x1f ? 'turin' : undefined
  if (family !== 0x19) return undefined
  if (model <= 0x0f) return 'milan'
  return (model >= 0x10 && model <= 0x1f) || (model >= 0xa0 && model <= 0xaf) ? 'genoa' : undefined
}
