/**
 * Certificate paths, in the small form that Intel's are: one leaf, at most one authority, one root.
 *
 * @see RFC 5280, section 6.1
 * @module
 */

import { equalBytes, hexOf } from '../bytes/index.ts'
import { type Certificate, type Cryptography, isSignedBy } from '../x509/index.ts'
import { intelSgxRootCertificates } from './intel-root.ts'
import { refused } from './refusal.ts'

/** A path from a leaf to a trusted root, every step of it verified. Its dates are looked at elsewhere: see `validity.ts`. */
export interface TrustedChain {
  /** What to call the chain in problems. */
  readonly at: string
  readonly leaf: Certificate
  readonly root: Certificate
  /** From leaf to root. */
  readonly certificates: readonly Certificate[]
  /** Hex. */
  readonly rootSpkiSha256: string
}

/** What a chain has to be. */
export interface ChainExpectation {
  /** What to call the chain in problems. */
  readonly at: string
  /** How many certificates, root included. */
  readonly length: 2 | 3
  /** Whether the leaf is an authority itself: that of a revocation list is. */
  readonly leafIsCa: boolean
  /** Hex SHA-256 of the SPKI of each root that is trusted. */
  readonly roots: readonly string[]
}

/** That a certificate's signature verified with its issuer's key: true for ever, whatever happens to either. */
export interface SignedCertificate {
  readonly certificate: Certificate
  readonly issuer: Certificate
}

/**
 * Orders the certificates into one path and verifies it. All must be part of it.
 *
 * @param known - signatures that verified before; the same bytes are not verified twice. What verifies here is added.
 *
 * Refuses with `chain`, `root-not-trusted`.
 */
export async function verifyChain(
  found: readonly Certificate[],
  expected: ChainExpectation,
  cryptography: Cryptography,
  known: SignedCertificate[] = [],
): Promise<TrustedChain> {
  const { at } = expected
  if (found.length !== expected.length) refused('chain', at, `${expected.length} expected`)
  const certificates = orderedPath(found) ?? refused('chain', at, 'not one path to a root')
  const [leaf] = certificates
  const root = certificates.at(-1)
  if (leaf === undefined || root === undefined) return refused('chain', at, 'empty')

  for (const [index, certificate] of certificates.entries()) {
    const place = `${at}[${index}]`
    const issuer = certificates[index + 1] ?? root
    const isKnown = known.some(
      (one) => isSame(one.certificate, certificate) && equalBytes(one.issuer.spki, issuer.spki),
    )
    if (!isKnown) {
      const isSigned =
        (certificate === root && (await isKnownRoot(root, cryptography))) ||
        (await isSignedBy(certificate, issuer, cryptography))
      if (!isSigned) {
        refused('chain', place, 'the signature does not verify')
      }
      known.push({ certificate, issuer })
    }
    if (index === 0 && !expected.leafIsCa) refuseUnlessEndEntity(certificate, place)
    else refuseUnlessAuthority(certificate, index, expected.leafIsCa, place)
  }

  const rootSpkiSha256 = hexOf(await cryptography.digest('SHA-256', root.spki))
  if (!expected.roots.includes(rootSpkiSha256)) {
    refused('root-not-trusted', at, 'the chain ends in a root that is not trusted here')
  }

  return { at, leaf, root, certificates, rootSpkiSha256 }
}

async function isKnownRoot({ der }: Certificate, cryptography: Cryptography): Promise<boolean> {
  return intelSgxRootCertificates.has(hexOf(await cryptography.digest('SHA-256', der)))
}

/** Of two certificates with equal signatures all is compared; most differ there already. */
function isSame(a: Certificate, b: Certificate): boolean {
  return (
    a === b ||
    (equalBytes(a.signature?.bytes ?? a.tbs, b.signature?.bytes ?? b.tbs) &&
      equalBytes(a.der, b.der))
  )
}

/** Leaf to root by names. Some write the root first, some in no order at all. */
function orderedPath(found: readonly Certificate[]): readonly Certificate[] | undefined {
  const isIssuer = (certificate: Certificate): boolean =>
    found.some((other) => other !== certificate && equalBytes(other.issuer, certificate.subject))
  const [leaf, ...others] = found.filter((certificate) => !isIssuer(certificate))
  if (leaf === undefined || others.length > 0) return undefined

  const path = [leaf]
  for (let last = leaf; !isSelfIssued(last); ) {
    const issuers = found.filter(({ subject }) => equalBytes(subject, last.issuer))
    const [issuer] = issuers
    if (issuer === undefined || issuers.length > 1 || path.includes(issuer)) return undefined
    path.push(issuer)
    last = issuer
  }
  return path.length === found.length ? path : undefined
}

function isSelfIssued({ issuer, subject }: Certificate): boolean {
  return equalBytes(issuer, subject)
}

function refuseUnlessEndEntity({ isCa, keyUsage }: Certificate, at: string): void {
  if (isCa) refused('chain', at, 'an authority where a leaf is expected')
  if (keyUsage?.digitalSignature !== true) refused('chain', at, 'the key is not for signatures')
}

/** `index` certificates are below this one; the lowest counts only when it is an authority itself. */
function refuseUnlessAuthority(
  { isCa, keyUsage, pathLength }: Certificate,
  index: number,
  leafIsCa: boolean,
  at: string,
): void {
  if (!isCa) refused('chain', at, 'not an authority')
  if (keyUsage?.keyCertSign !== true) refused('chain', at, 'the key is not for certificates')
  const authoritiesBelow = leafIsCa ? index : index - 1
  if (pathLength !== undefined && authoritiesBelow > pathLength) {
    refused('chain', at, 'more authorities below than allowed')
  }
}
