/**
 * What the attestation service says of evidence of every kind, by Azure's names and a few of ours.
 *
 * @see Azure Attestation, claim sets; docs/spec/tokens.md
 * @module
 */

import { ok, type Problem, type Result, unreachable } from '../bytes/index.ts'
import type {
  Digest,
  SgxEvidence,
  SnpEvidence,
  TdxEvidence,
  Verified,
} from '../verification/index.ts'
import { type BoundData, type BoundDataCode, bindData } from './bound-data.ts'
import { claimNames, claimSetVersion } from './names.ts'
import { platformIdOf } from './platform-id.ts'
import { sgxClaimsOf } from './sgx-claims.ts'
import { isSimulated } from './simulated.ts'
import { snpClaimsOf } from './snp-claims.ts'
import { tdxClaimsOf } from './tdx-claims.ts'

/** Verified evidence of any kind that is attested. */
export type AttestedEvidence = Verified<SgxEvidence | TdxEvidence | SnpEvidence>

/** The claims of an attestation token, but for those of the token itself (`iss`, `iat`, `nbf`, `exp`, `jti`). */
export type AttestationClaims = Readonly<Record<string, unknown>>

export interface AttestationClaimsInput {
  readonly evidence: AttestedEvidence
  /** Hex SHA-256 of what was sent, where that is more than the quote: an Open Enclave report. */
  readonly receivedSha256?: string | undefined
  /** What Microsoft is known to have endorsed: see `verifyUvmEndorsement`. */
  readonly complianceStatus?: 'azure-compliant-uvm' | undefined
  /** Must hash to REPORTDATA. */
  readonly runtimeData?: BoundData | undefined
  /** Must hash to what was fixed at launch: CONFIGID, MRCONFIGID or HOST_DATA. */
  readonly initTimeData?: BoundData | undefined
  /** Is echoed, and proves nothing. */
  readonly nonce?: string | undefined
  /** With what the data is hashed; Web Crypto unless said. */
  readonly digest?: Digest | undefined
}

/**
 * Builds the claims for verified evidence and the data that came with it.
 *
 * @returns claims as JSON values, or one of {@link BoundDataCode}.
 */
export async function attestationClaimsOf(
  input: AttestationClaimsInput,
): Promise<Result<AttestationClaims, Problem<BoundDataCode>>> {
  const { evidence, complianceStatus, nonce } = input
  const bound = await bindData(evidence, input)
  if (!bound.ok) return bound
  const platformId = await platformIdOf(evidence, input.digest)
  return ok({
    ...(nonce === undefined ? {} : { [claimNames.nonce]: nonce }),
    [claimNames.version]: claimSetVersion,
    ...vendorClaimsOf(evidence, input.receivedSha256),
    ...(complianceStatus === undefined ? {} : { [claimNames.complianceStatus]: complianceStatus }),
    ...bound.value,
    [claimNames.simulated]: isSimulated(evidence),
    [claimNames.evidenceRoot]: evidence.rootSpkiSha256,
    [claimNames.evidenceExpires]: evidence.earliestExpiry,
    ...(platformId === undefined ? {} : { [claimNames.platformId]: platformId }),
    ...(evidence.kind === 'snp' ? {} : { [claimNames.fmspc]: evidence.fmspc }),
  })
}

function vendorClaimsOf(
  evidence: AttestedEvidence,
  receivedSha256: string | undefined,
): AttestationClaims {
  switch (evidence.kind) {
    case 'sgx':
      return sgxClaimsOf(evidence, receivedSha256 ?? evidence.hashes.quote)
    case 'tdx':
      return tdxClaimsOf(evidence)
    case 'snp':
      return snpClaimsOf(evidence)
    default:
      return unreachable(evidence)
  }
}
