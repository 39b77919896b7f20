import type { DerCode } from '../der/index.ts'

/** Why a certificate, a chain or a revocation list could not be read. */
export type X509Code =
  | DerCode
  | 'pem-malformed'
  | 'too-many-certificates'
  | 'certificate-too-large'
  | 'crl-too-large'
  | 'certificate-malformed'
  | 'unknown-critical-extension'
  | 'sgx-extension-malformed'
  | 'amd-extension-malformed'
  | 'crl-malformed'
