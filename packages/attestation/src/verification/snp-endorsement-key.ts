import { equalBytes } from '../bytes/index.ts'
import type { SnpReport } from '../evidence/index.ts'
import {
  type AmdExtensions,
  type Certificate,
  type Crl,
  type Cryptography,
  type PublicKey,
  parseCertificate,
  parseCrl,
} from '../x509/index.ts'
import type { SnpProduct } from './amd-roots.ts'
import { snpCertificatesMax, snpCrlsMax } from './limits.ts'
import { accepted, refused } from './refusal.ts'
import { refuseRevoked, verifyCrl } from './revocation.ts'
import { verifySnpChain } from './snp-chain.ts'
import { type Validity, type Window, windowOf } from './validity.ts'
import type { SnpVerificationInput } from './verify-snp-evidence.ts'

/** An endorsement key whose chain was verified, and all of it that is no question of the instant. */
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

/**
 * Verifies the certificates of the report's endorsement key, and that the root revoked none of them.
 *
 * Refuses with `missing-endorsements`, `endorsements-malformed`, `chain`, `root-not-trusted`, `crl-signature`, `revoked`.
 */
export async function verifyEndorsementKey(
  input: SnpVerificationInput,
  report: SnpReport,
  cryptography: Cryptography,
): Promise<VerifiedEndorsementKey> {
  const certificates = input.certificates.map((der, index) =>
    accepted(parseCertificate(der), 'endorsements-malformed', `certificates[${index}]`),
  )
  const chain = await verifySnpChain(certificates, report, input.roots, cryptography)
  const { kind, product, leaf, extensions, intermediate, root, rootSpkiSha256 } = chain

  // VCEKs and VLEKs all have serial number 0, and no list names them: AMD revokes what issued them.
  const crls = await verifiedCrls(input, root, cryptography)
  for (const crl of crls) {
    refuseRevoked(intermediate, crl, 'certificates.intermediate')
    refuseRevoked(root, crl, 'certificates.root')
  }

  const validities: readonly Validity[] = [
    certificateValidity('certificates.leaf', leaf),
    certificateValidity('certificates.intermediate', intermediate),
    certificateValidity('certificates.root', root),
    ...crls.map(crlValidity),
  ]
  return {
    kind,
    publicKey:
      leaf.publicKey?.kind === 'p384'
        ? leaf.publicKey
        : refused('chain', 'certificates.leaf', 'the key is not one of P-384'),
    extensions,
    product,
    revocation: crls.length === 0 ? 'unchecked' : 'good',
    rootSpkiSha256,
    validities,
    window: windowOf(validities),
  }
}

/** Refuses with `endorsements-malformed` when there is more of it than anybody needs. */
export function refuseTooMany({ certificates, crls }: SnpVerificationInput): void {
  if (certificates.length > snpCertificatesMax) {
    refused('endorsements-malformed', 'certificates', `more than ${snpCertificatesMax}`)
  }
  if (crls.length > snpCrlsMax) {
    refused('endorsements-malformed', 'crls', `more than ${snpCrlsMax}`)
  }
}

/** All lists of the root's: each must be signed by it, and each counts. None only where none is asked for. */
async function verifiedCrls(
  { crls, revocation }: SnpVerificationInput,
  root: Certificate,
  cryptography: Cryptography,
): Promise<readonly Crl[]> {
  const lists = crls
    .map((der, index) => accepted(parseCrl(der), 'endorsements-malformed', `crls[${index}]`))
    .filter(({ issuer }) => equalBytes(issuer, root.subject))
  if (lists.length === 0 && revocation === 'required') {
    refused('missing-endorsements', 'crls', "no revocation list of the root's")
  }
  for (const list of lists) await verifyCrl(list, root, 'crls', cryptography)
  return lists
}

function certificateValidity(at: string, { notBefore, notAfter }: Certificate): Validity {
  return { kind: 'certificate', at, from: notBefore, until: notAfter }
}

function crlValidity({ thisUpdate, nextUpdate }: Crl): Validity {
  return { kind: 'crl', at: 'crls', from: thisUpdate, until: nextUpdate }
}
