/**
 * A report of SEV-SNP with the certificates and endorsements that its host handed out.
 *
 * @module
 */

import { ok, type Problem, type Result } from '@sealward/attestation/bytes'
import { type MaaSnpReport, parseMaaSnpReport } from '@sealward/attestation/evidence'
import { isSimulated } from '@sealward/attestation/token'
import {
  microsoftUvmFeed,
  microsoftUvmIssuer,
  productOfExtension,
  type SnpEvidence,
  type SnpProduct,
  type Verified,
  verifyEndorsedMeasurement,
  verifySnpEvidence,
  verifyUvmEndorsement,
} from '@sealward/attestation/verification'
import { type Certificate, parseAmdExtensions } from '@sealward/attestation/x509'
import { limits } from '../limits.ts'
import type { EvidenceDeps, EvidenceType, HeldEvidence } from './evidence-type.ts'

/** `{SnpReport, VcekCertChain, Endorsements}` as JSON. */
export const sevSnpVm: EvidenceType = {
  field: 'report',
  charactersMax: limits.reportCharactersMax,
  apiVersions: ['2022-08-01', '2025-06-01'],
  async verify(received, { roots }, deps) {
    const wrapped = parseMaaSnpReport(received)
    if (!wrapped.ok) return wrapped
    const { report, certificates } = wrapped.value
    const endorsements = await endorsementsOf(wrapped.value, deps)
    if (!endorsements.ok) return endorsements
    const at = deps.clock.now()
    const { cryptography, snpMemory } = deps.verification
    const evidence = await verifySnpEvidence(
      {
        report,
        certificates: [...certificates.map(({ der }) => der), ...endorsements.value.certificates],
        crls: endorsements.value.crls,
        revocation: deps.snpRevocation ?? 'required',
        roots,
        at,
      },
      { cryptography, ...(snpMemory === undefined ? {} : { memory: snpMemory }) },
    )
    if (!evidence.ok) return evidence
    const complianceStatus = await complianceOf(evidence.value, wrapped.value.uvmEndorsements)
    if (!complianceStatus.ok) return complianceStatus
    return ok({
      evidence: evidence.value,
      at,
      complianceStatus: complianceStatus.value,
    } satisfies HeldEvidence)
  },
}

interface DerEndorsements {
  readonly certificates: readonly Uint8Array[]
  readonly crls: readonly Uint8Array[]
}

/** What the request does not bring: revocation lists always, certificates where it has none of a chip. */
async function endorsementsOf(
  { report, certificates }: MaaSnpReport,
  { endorsements: client, snpRevocation = 'required' }: EvidenceDeps,
): Promise<Result<DerEndorsements, Problem>> {
  const product = productIn(certificates)
  if (product !== undefined && snpRevocation !== 'required') {
    return ok({ certificates: [], crls: [] })
  }
  const set = await client.snpEndorsementsFor(report, product)
  if (!set.ok) return set
  const { certificate, intermediate, root, crl } = set.value
  return ok({
    certificates: [...(certificate === undefined ? [] : [certificate]), intermediate, root],
    crls: [crl],
  })
}

/** Of the first certificate of a chip or a provider. Which one it is, verification looks at. */
function productIn(certificates: readonly Certificate[]): SnpProduct | undefined {
  for (const certificate of certificates) {
    const extensions = parseAmdExtensions(certificate)
    const product = extensions.ok ? productOfExtension(extensions.value.productName) : undefined
    if (product !== undefined) return product
  }
  return undefined
}

/**
 * Whether Microsoft endorsed the utility VM that was measured. An endorsement that does not hold is refused, not passed
 * over: whoever sends one wants it looked at. It is looked at as of its signing, for utility VMs outlive the
 * certificates of a year that they are signed with.
 */
async function complianceOf(
  evidence: Verified<SnpEvidence>,
  endorsements: readonly Uint8Array[],
): Promise<Result<HeldEvidence['complianceStatus'], Problem>> {
  let isEndorsed = false
  for (const endorsement of endorsements) {
    const uvm = await verifyUvmEndorsement({
      endorsement,
      issuers: [microsoftUvmIssuer],
      feeds: [microsoftUvmFeed],
      guestSvnMin: 0,
      instant: 'signing-time',
    })
    if (!uvm.ok) return uvm
    const measured = verifyEndorsedMeasurement(evidence, uvm.value)
    if (!measured.ok) return measured
    isEndorsed = true
  }
  return ok(isEndorsed && !isSimulated(evidence) ? 'azure-compliant-uvm' : undefined)
}
