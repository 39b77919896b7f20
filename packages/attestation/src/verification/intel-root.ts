/**
 * The Intel SGX Root CA. Two certificates of it exist, for one and the same key.
 *
 * @see https://certificates.trustedservices.intel.com/Intel_SGX_Provisioning_Certification_RootCA.pem
 */
export const intelSgxRootSpki: {
  /** Hex SHA-256 of {@link key}. */
  readonly sha256: string
  /** DER of SubjectPublicKeyInfo, hex. */
  readonly key: string
} = {
  sha256: '',
  key: '',
}
