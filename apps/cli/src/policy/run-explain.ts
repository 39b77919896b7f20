import { describeExplanation, explainPolicy, policyLimits } from '@sealward/attestation/policy'
import { badInput, type ExitCode } from '../problem.ts'
import { readClaims } from './read-claims.ts'
import { readPolicy } from './read-policy.ts'
import type { PolicySurroundings } from './surroundings.ts'
import { unreadable } from './unreadable.ts'

export interface ExplainFlags {
  readonly claims: string
  readonly json?: true
}

/** `sealward policy explain`. */
export async function runExplain(
  surroundings: PolicySurroundings,
  file: string,
  flags: ExplainFlags,
): Promise<ExitCode> {
  if (file === '-' && flags.claims === '-') {
    const { problem } = badInput('usage', '--claims', 'standard input has one thing only')
    return unreadable(surroundings, file, problem, flags)
  }
  const read = await readPolicy(file, 'FILE')
  if (!read.ok) return unreadable(surroundings, file, read.problem, flags)
  const claims = await readClaims(flags.claims, '--claims')
  if (!claims.ok) return unreadable(surroundings, flags.claims, claims.problem, flags)
  const explanation = explainPolicy(read.value.policy, claims.value, policyLimits)
  surroundings.out(
    flags.json === true
      ? `${JSON.stringify(explanation)}\n`
      : `${describeExplanation(explanation)}The claims are as ${flags.claims === '-' ? 'standard input' : flags.claims} has them; none was verified.\n`,
  )
  return explanation.verdict === 'permitted' ? 0 : 1
}
