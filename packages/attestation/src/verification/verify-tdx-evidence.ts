import type { Result } from '../bytes/index.ts'
import { settling, type VerificationProblem } from './refusal.ts'
import type { TdxEvidence } from './tdx-evidence.ts'
import type { Verified } from './verified.ts'
import {
  type DcapTools,
  type DcapVerificationInput,
  verify,
  webTools,
} from './verify-dcap-evidence.ts'

/**
 * Verifies a quote of a trust domain by Intel's procedure (`verify-dcap-evidence.ts`).
 *
 * @returns what quote and endorsements say, or the first problem: one of `VerificationCode`.
 */
export async function verifyTdxEvidence(
  input: DcapVerificationInput,
  tools: DcapTools = webTools,
): Promise<Result<Verified<TdxEvidence>, VerificationProblem>> {
  return settling(async () => (await verify(input, tools, 'tdx')) as Verified<TdxEvidence>)
}
