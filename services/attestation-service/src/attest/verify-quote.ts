import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import {
  type SgxEvidence,
  type TdxEvidence,
  type Verified,
  verifySgxEvidence,
  verifyTdxEvidence,
} from '@sealward/attestation/verification'
import type { EvidenceDeps, HeldEvidence, VerificationTerms } from './evidence-type.ts'

const verifiers = { sgx: verifySgxEvidence, tdx: verifyTdxEvidence } as const

/** Verifies a quote of Intel's with endorsements of the baseline that is asked for. */
export async function verifyQuote(
  tee: 'sgx' | 'tdx',
  quote: Uint8Array,
  { roots, baseline }: VerificationTerms,
  { endorsements: client, verification, clock }: EvidenceDeps,
): Promise<Result<HeldEvidence, Problem>> {
  const endorsements = await client.endorsementsFor(quote, baseline)
  if (!endorsements.ok) return endorsements
  const at = clock.now()
  const input = { quote, endorsements: endorsements.value, roots, at }
  const evidence: Result<Verified<SgxEvidence | TdxEvidence>, Problem> = await verifiers[tee](
    input,
    verification,
  )
  if (!evidence.ok) return evidence
  const { tcbEvaluationDataNumber } = evidence.value
  if (typeof baseline === 'number' && tcbEvaluationDataNumber < baseline) {
    return refuse('endorsements-malformed', 'tcb-info', 'of an older baseline than was asked for')
  }
  return ok({ evidence: evidence.value, at })
}
