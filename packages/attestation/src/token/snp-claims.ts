import { hexOf } from '../bytes/index.ts'
import { guestPolicyOf } from '../evidence/index.ts'
import type { SnpEvidence, Verified } from '../verification/index.ts'
import { claimNames, snpClaimNames as names } from './names.ts'

/** The claims about a guest of SEV-SNP. Security versions are those of REPORTED_TCB, which the certificate vouches for. */
export function snpClaimsOf(evidence: Verified<SnpEvidence>): Readonly<Record<string, unknown>> {
  const { report, reportedTcb } = evidence
  const { smt, migrateMa } = guestPolicyOf(report)
  return {
    [claimNames.attestationType]: 'sevsnpvm',
    [names.authorKeyDigest]: evidence.authorKeyDigest,
    [names.bootloaderSvn]: reportedTcb.bootloader,
    [names.familyId]: evidence.familyId,
    [names.guestSvn]: evidence.guestSvn,
    [names.hostData]: evidence.hostData,
    [names.idKeyDigest]: evidence.idKeyDigest,
    [names.imageId]: evidence.imageId,
    [names.debug]: evidence.debug,
    [names.measurement]: evidence.measurement,
    [names.microcodeSvn]: reportedTcb.microcode,
    [names.migrationAllowed]: migrateMa,
    [names.reportData]: evidence.reportData,
    [names.reportId]: hexOf(report.reportId),
    [names.smtAllowed]: smt,
    [names.snpFirmwareSvn]: reportedTcb.snp,
    [names.teeSvn]: reportedTcb.tee,
    [names.vmpl]: evidence.vmpl,
    [claimNames.revocation]: evidence.revocation,
  }
}
