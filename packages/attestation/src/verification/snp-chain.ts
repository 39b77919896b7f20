/**
 * AMD's certificate paths: VCEK, ASK, ARK, or VLEK, ASVK, ARK, found in a heap that may hold others.
 *
 * @see AMD 57230, Versioned Chip Endorsement Key (VCEK) Certificate and KDS Interface Specification, section 3
 * @module
 */

import { equalBytes, hexOf } from '../bytes/index.ts'
import type { SnpReport } from '../evidence/index.ts'
import {
  type AmdExtensions,
  type Certificate,
  type Cryptography,
  isSignedBy,
  parseAmdExtensions,
} from '../x509/index.ts'
import type { SnpProduct } from './amd-roots.ts'
import { accepted, refused } from './refusal.ts'
import {
  differenceOf,
  isChip,
  productOfCpuid,
  productOfExtension,
  productOfLine,
  tcbOf,
} from './snp-platform.ts'

/** A path from an endorsement key to a trusted root, every step of it verified. Dates are looked at elsewhere. */
export interface SnpChain {
  readonly kind: 'vcek' | 'vlek'
  readonly product: SnpProduct
  readonly leaf: Certificate
  readonly extensions: AmdExtensions
  /** ASK or ASVK. */
  readonly intermediate: Certificate
  /** ARK. */
  readonly root: Certificate
  /** Hex. */
  readonly rootSpkiSha256: string
}

/**
 * Finds the report's path among the certificates, and verifies it.
 *
 * @param roots - hex SHA-256 of the SPKI of each root that is trusted.
 *
 * Refuses with `missing-endorsements`, `chain`, `root-not-trusted`, `endorsements-malformed`.
 */
export async function verifySnpChain(
  certificates: readonly Certificate[],
  report: SnpReport,
  roots: readonly string[],
  cryptography: Cryptography,
): Promise<SnpChain> {
  const leaf = leafOf(certificates, report)
  const intermediate = await issuerOf(leaf, 'leaf', certificates, cryptography)
  const root = await issuerOf(intermediate, 'intermediate', certificates, cryptography)
  if (leaf.isCa) refused('chain', 'certificates.leaf', 'an authority where a leaf is expected')
  if (intermediate.pathLength !== 0 || !equalBytes(root.subject, root.issuer)) {
    refused('chain', 'certificates', 'more authorities than ASK or ASVK, and ARK')
  }
  if (!(await isSignedBy(root, root, cryptography))) {
    refused('chain', 'certificates.root', 'the signature does not verify')
  }
  const rootSpkiSha256 = hexOf(await cryptography.digest('SHA-256', root.spki))
  if (!roots.includes(rootSpkiSha256)) {
    refused('root-not-trusted', 'certificates.root', 'a root that is not trusted here')
  }
  const kind = leaf.subjectCommonName === leafNames.vlek ? 'vlek' : 'vcek'
  const product = productOf(root, intermediate, kind)
  const extensions = accepted(
    parseAmdExtensions(leaf),
    'endorsements-malformed',
    'certificates.leaf',
  )
  if (kind === 'vlek' && extensions.cspId === undefined) {
    refused('endorsements-malformed', 'certificates.leaf', 'a VLEK of nobody')
  }
  return { kind, product, leaf, extensions, intermediate, root, rootSpkiSha256 }
}

const leafNames = { vcek: 'SEV-VCEK', vlek: 'SEV-VLEK' } as const

/**
 * Of the kind that the report names, and of its TCB, chip and product, the one that lasts longest: AMD issues certificates of one
 * key again and again. With none that fits, another is taken, and refused for what it is.
 */
function leafOf(certificates: readonly Certificate[], report: SnpReport): Certificate {
  const expected = report.signingKey === 'vlek' ? leafNames.vlek : leafNames.vcek
  const leaves = certificates
    .filter(({ subjectCommonName: name }) => name === leafNames.vcek || name === leafNames.vlek)
    .toSorted((one, other) => other.notAfter - one.notAfter)
  const ofKind = leaves.filter(({ subjectCommonName }) => subjectCommonName === expected)
  return (
    ofKind.find((leaf) => fits(leaf, report)) ??
    ofKind[0] ??
    leaves[0] ??
    refused('missing-endorsements', 'certificates', 'no VCEK or VLEK certificate')
  )
}

function fits(leaf: Certificate, report: SnpReport): boolean {
  const extensions = parseAmdExtensions(leaf)
  if (!extensions.ok) return false
  const { tcb, hwId, productName } = extensions.value
  // Which layout the report has is not known before the product is; an FMC tells.
  const reported = tcbOf(report.reportedTcb, tcb.fmc === undefined ? 'milan' : 'turin')
  return (
    differenceOf(tcb, reported) === undefined &&
    (hwId === undefined || isChip(hwId, report.chipId)) &&
    (report.cpuid === undefined || productOfCpuid(report.cpuid) === productOfExtension(productName))
  )
}

/** Of all that have the issuer's name, one that signed the certificate; of several, the one that lasts longest. */
async function issuerOf(
  certificate: Certificate,
  name: 'leaf' | 'intermediate',
  certificates: readonly Certificate[],
  cryptography: Cryptography,
): Promise<Certificate> {
  const at = `certificates.${name}`
  const named = certificates
    .filter(({ subject }) => equalBytes(subject, certificate.issuer))
    .toSorted((one, other) => other.notAfter - one.notAfter)
  if (named.length === 0) {
    const missing = name === 'leaf' ? 'ASK or ASVK' : 'ARK'
    refused('missing-endorsements', 'certificates', `no ${missing} certificate`)
  }
  const authorities = named.filter(({ isCa, keyUsage }) => isCa && keyUsage?.keyCertSign === true)
  if (authorities.length === 0) refused('chain', at, 'issued by what is no authority')
  for (const authority of authorities) {
    if (await isSignedBy(certificate, authority, cryptography)) return authority
  }
  return refused('chain', at, 'the signature does not verify')
}

/** `ARK-Milan` above `SEV-Milan`, or above `SEV-VLEK-Milan`. */
function productOf(
  root: Certificate,
  intermediate: Certificate,
  kind: 'vcek' | 'vlek',
): SnpProduct {
  const line = root.subjectCommonName?.replace(/^ARK-/, '') ?? ''
  const product = productOfLine(line)
  const isOfOneLine =
    root.subjectCommonName === `ARK-${line}` &&
    intermediate.subjectCommonName === (kind === 'vcek' ? `SEV-${line}` : `SEV-VLEK-${line}`)
  return product !== undefined && isOfOneLine
    ? product
    : refused('chain', 'certificates', 'not the authorities of one product line')
}
