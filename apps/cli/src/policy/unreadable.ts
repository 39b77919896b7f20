import type { ExitCode } from '../problem.ts'
import { type PolicyProblem, unreadablePolicy } from './read-policy.ts'
import type { PolicySurroundings } from './surroundings.ts'

/** Says why something cannot be read. With `--json`, a line of JSON stands for it on standard output, too. */
export function unreadable(
  surroundings: PolicySurroundings,
  file: string,
  problem: PolicyProblem,
  { json }: { readonly json?: true },
): ExitCode {
  if (json === true) {
    const { code, at, detail } = problem
    surroundings.out(`${JSON.stringify({ file, problem: { code, at, detail } })}\n`)
  }
  return unreadablePolicy(surroundings, file, problem)
}
