import type { ParseCode } from '../bytes/index.ts'

/** Why a certificate, a chain or a revocation list could not be read. */
export type X509Code =
  | ParseCode
  | 'pem-malformed'
  | 'too-many-certificates'
  | 'certificate-too-large'
  | 'crl-too-large'
  | 'der-malformed'
  | 'der-too-deep'
  | 'certificate-malformed'
  | 'unknown-critical-extension'
  | 'sgx-extension-malformed'
  | 'crl-malformed'
