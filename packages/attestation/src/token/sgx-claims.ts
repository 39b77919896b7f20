import { hexOf } from '../bytes/index.ts'
import type { SgxEvidence, Verified } from '../verification/index.ts'
import { claimNames, collateralNames } from './names.ts'

/**
 * The claims about an enclave.
 *
 * @param receivedSha256 - hex, of the evidence as it was sent: of an Open Enclave report, its header included.
 */
export function sgxClaimsOf(
  evidence: Verified<SgxEvidence>,
  receivedSha256: string,
): Readonly<Record<string, unknown>> {
  const { reportBody } = evidence.quote
  return {
    [claimNames.attestationType]: 'sgx',
    [claimNames.debug]: evidence.debug,
    [claimNames.mrEnclave]: evidence.mrEnclave,
    [claimNames.mrSigner]: evidence.mrSigner,
    [claimNames.isvProdId]: evidence.isvProdId,
    [claimNames.isvSvn]: evidence.isvSvn,
    [claimNames.reportData]: evidence.reportData,
    [claimNames.collateral]: collateralOf(evidence, receivedSha256),
    ...(reportBody.kss
      ? {
          [claimNames.configId]: evidence.configId,
          [claimNames.configSvn]: reportBody.configSvn,
          [claimNames.isvExtProdId]: hexOf(reportBody.isvExtProdId),
          [claimNames.isvFamilyId]: hexOf(reportBody.isvFamilyId),
        }
      : {}),
    [claimNames.tcbStatus]: evidence.tcbStatus,
    [claimNames.advisoryIds]: evidence.advisoryIds,
  }
}

/** Both revocation lists are the root's: it issued the certificates that sign TCB info and QE identity. */
function collateralOf(
  { hashes }: SgxEvidence,
  receivedSha256: string,
): Readonly<Record<string, string>> {
  return {
    [collateralNames.qeIdentityIssuerChain]: hashes.qeIdentityIssuerChain,
    [collateralNames.qeIdentityCrl]: hashes.rootCaCrl,
    [collateralNames.qeIdentity]: hashes.qeIdentity,
    [collateralNames.quote]: receivedSha256,
    [collateralNames.tcbInfoIssuerChain]: hashes.tcbInfoIssuerChain,
    [collateralNames.tcbInfoCrl]: hashes.rootCaCrl,
    [collateralNames.tcbInfo]: hashes.tcbInfo,
  }
}
