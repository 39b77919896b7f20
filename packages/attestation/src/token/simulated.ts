import {
  amdRootSpkis,
  intelSgxRootSpki,
  type SgxEvidence,
  type SnpEvidence,
  type TdxEvidence,
  type Verified,
} from '../verification/index.ts'

/** Whether evidence comes from a simulated TEE: from anything whose chains do not end in its vendor's root. */
export function isSimulated(evidence: Verified<SgxEvidence | TdxEvidence | SnpEvidence>): boolean {
  return evidence.kind === 'snp'
    ? evidence.rootSpkiSha256 !== amdRootSpkis[evidence.product]
    : evidence.rootSpkiSha256 !== intelSgxRootSpki.sha256
}
