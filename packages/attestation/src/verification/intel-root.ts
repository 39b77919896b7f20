/**
 * Key of the Intel SGX Root CA. Two certificates of it are in use (valid to 2033 and to 2049), with this one key.
 *
 * @see https://certificates.trustedservices.intel.com/Intel_SGX_Provisioning_Certification_RootCA.pem
 */
export const intelSgxRootSpki: {
  /** Hex SHA-256 of {@link key}. */
  readonly sha256: string
  /** DER of SubjectPublicKeyInfo, hex. */
  readonly key: string
} = {
  sha256: 'a0af031289f5d5d4132f9186068a7fc13628633ba235777472e29b6b6c67a49e',
  key:
    '3059301306072a8648ce3d020106082a8648ce3d03010703420004' +
    '0ba9c4c0c0c86193a3fe23d6b02cda10a8bbd4e88e48b4458561a36e705525f5' +
    '67918e2edc88e40d860bd0cc4ee26aacc988e505a953558c453f6b0904ae7394',
}

/**
 * Hex SHA-256 of the DER of certificates of the Intel SGX Root CA: valid to 2049, and to 2033.
 *
 * Each signed itself, which was verified before it came into this list and holds for ever for exactly these bytes.
 * Whether the key is trusted is another question: see {@link intelSgxRootSpki}.
 */
export const intelSgxRootCertificates: ReadonlySet<string> = new Set([
  '44a0196b2b99f889b8e149e95b807a350e7424964399e885a7cbb8ccfab674d3',
  'fc64f8076d79a4fee9d1d473d74c89eb8d8fd55c5abafeabeba7366d20429404',
])
