/**
 * The report data in an SGX quote of version 3, in a TDX quote of version 4 or 5, or in an SNP report.
 *
 * @returns a view of 64 bytes, or `undefined` when the evidence is of no known version, or too short.
 * @see Intel SGX and TDX DCAP quoting library API, appendices; AMD 56860, ATTESTATION_REPORT
 */
export function reportDataOf(
  kind: 'sgx' | 'tdx' | 'snp',
  evidence: Uint8Array,
): Uint8Array | undefined {
  const at = offsetOf(kind, evidence)
  return at === undefined || evidence.length < at + 64 ? undefined : evidence.subarray(at, at + 64)
}

function offsetOf(kind: 'sgx' | 'tdx' | 'snp', evidence: Uint8Array): number | undefined {
  const version = (evidence[0] ?? 0) | ((evidence[1] ?? 0) << 8)
  switch (kind) {
    case 'snp':
      return 0x50
    case 'sgx':
      return version === 3 ? 48 + 320 : undefined
    default:
      // Header; in version 5 the type and size of the body; 520 bytes into the TD report.
      return version === 4 ? 48 + 520 : version === 5 ? 48 + 6 + 520 : undefined
  }
}
