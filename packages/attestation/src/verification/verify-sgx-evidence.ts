import type { Result } from '../bytes/index.ts'
import { settling, type VerificationProblem } from './refusal.ts'
import type { SgxEvidence } from './sgx-evidence.ts'
import type { Verified } from './verified.ts'
import {
  type DcapTools,
  type DcapVerificationInput,
  verify,
  webTools,
} from './verify-dcap-evidence.ts'

/**
 * Verifies a quote of an enclave by Intel's procedure (`verify-dcap-evidence.ts`).
 *
 * @returns what quote and endorsements say, or the first problem: one of `VerificationCode`.
 */
export async function verifySgxEvidence(
  input: DcapVerificationInput,
  tools: DcapTools = webTools,
): Promise<Result<Verified<SgxEvidence>, VerificationProblem>> {
  return settling(async () => (await verify(input, tools, 'sgx')) as Verified<SgxEvidence>)
}
