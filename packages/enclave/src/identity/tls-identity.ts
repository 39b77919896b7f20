/** What a workload shows on TLS, as client and as server. Trust in it comes from evidence that names it. */
export interface TlsIdentity {
  readonly privateKeyPem: string
  readonly certificatePem: string
  /** DER. */
  readonly certificate: Uint8Array
  /** Base64url SHA-256 of the DER. */
  readonly certificateSha256: string
}
