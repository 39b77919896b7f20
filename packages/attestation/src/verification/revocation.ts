import { equalBytes } from '../bytes/index.ts'
import { type Certificate, type Crl, type Cryptography, isSignedBy } from '../x509/index.ts'
import { refused } from './refusal.ts'

/**
 * Verifies that `issuer` signed the list. Whether it is in force is asked of `validity.ts`.
 *
 * Refuses with `crl-signature`.
 *
 * @see RFC 5280, section 6.3.3
 */
export async function verifyCrl(
  crl: Crl,
  issuer: Certificate,
  at: string,
  cryptography: Cryptography,
): Promise<void> {
  if (!equalBytes(crl.issuer, issuer.subject)) refused('crl-signature', at, 'of another issuer')
  if (issuer.keyUsage?.crlSign !== true) {
    refused('crl-signature', at, "the issuer's key is not for revocation lists")
  }
  if (!(await isSignedBy(crl, issuer, cryptography))) {
    refused('crl-signature', at, 'the signature does not verify')
  }
}

/** Refuses with `revoked` when the list, which the certificate's issuer signed, names the certificate. */
export function refuseRevoked(certificate: Certificate, crl: Crl, at: string): void {
  if (!equalBytes(crl.issuer, certificate.issuer)) {
    refused('crl-signature', at, 'no revocation list of the issuer')
  }
  if (crl.revoked.has(certificate.serialNumber)) refused('revoked', at, 'revoked by its issuer')
}
