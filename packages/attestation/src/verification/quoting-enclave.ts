import { equalBytes } from '../bytes/index.ts'
import type { QeIdentity } from '../endorsements/index.ts'
import type { SgxReportBody } from '../evidence/index.ts'
import { refused } from './refusal.ts'

/**
 * Refuses with `qe-identity-mismatch` unless the report is that of the quoting enclave Intel describes.
 *
 * @see Intel SGX PCS API, version 4, "EnclaveIdentity": how the masks apply
 */
export function refuseOtherEnclave(report: SgxReportBody, identity: QeIdentity): void {
  const differs = (field: string): never =>
    refused('qe-identity-mismatch', `qeReport.${field}`, "not Intel's quoting enclave")
  if (!equalBytes(masked(report.miscSelect, identity.miscSelectMask), identity.miscSelect)) {
    differs('miscSelect')
  }
  if (!equalBytes(masked(report.attributes, identity.attributesMask), identity.attributes)) {
    differs('attributes')
  }
  if (!equalBytes(report.mrSigner, identity.mrSigner)) differs('mrSigner')
  if (report.isvProdId !== identity.isvProdId) differs('isvProdId')
}

function masked(bytes: Uint8Array, mask: Uint8Array): Uint8Array {
  return bytes.map((byte, index) => byte & (mask[index] ?? 0))
}
