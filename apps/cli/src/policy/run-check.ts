import { type LintWarning, lintPolicy, policyHashOf } from '@sealward/attestation/policy'
import type { ExitCode } from '../problem.ts'
import { markedLine, type PolicyProblem, readPolicy, unreadablePolicy } from './read-policy.ts'
import type { PolicySurroundings } from './surroundings.ts'

export interface CheckFlags {
  readonly strict?: true
  readonly json?: true
}

interface Checked {
  readonly file: string
  readonly valid: boolean
  readonly version: string | null
  readonly policyHash: string | null
  readonly problem: Omit<PolicyProblem, 'kind' | 'text'> | null
  readonly warnings: readonly LintWarning[]
}

/** `sealward policy check`. */
export async function runCheck(
  surroundings: PolicySurroundings,
  files: readonly string[],
  flags: CheckFlags,
): Promise<ExitCode> {
  const checked: Checked[] = []
  for (const file of files) checked.push(await check(surroundings, file, flags))
  if (flags.json === true) surroundings.out(`${JSON.stringify({ files: checked })}\n`)
  if (checked.some(({ valid }) => !valid)) return 2
  return flags.strict === true && checked.some(({ warnings }) => warnings.length > 0) ? 1 : 0
}

async function check(
  surroundings: PolicySurroundings,
  file: string,
  { json }: CheckFlags,
): Promise<Checked> {
  const read = await readPolicy(file, 'FILE')
  if (!read.ok) {
    unreadablePolicy(surroundings, file, read.problem)
    const { code, at, detail } = read.problem
    const problem = { code, at, detail }
    return { file, valid: false, version: null, policyHash: null, problem, warnings: [] }
  }
  const { policy } = read.value
  const warnings = lintPolicy(policy)
  const policyHash = await policyHashOf(policy.text)
  if (json !== true) {
    surroundings.out(
      [
        `${file}: valid, version ${policy.version}, x-ms-policy-hash ${policyHash}\n`,
        ...warnings.map(
          ({ code, at, detail }) =>
            `${file}:${at}: ${code}: ${detail}\n${markedLine(policy.text, at)}`,
        ),
      ].join(''),
    )
  }
  return { file, valid: true, version: policy.version, policyHash, problem: null, warnings }
}
