import { failed } from '../failed.ts'
import type { CommandProblem, ExitCode } from '../problem.ts'
import type { EvidenceSurroundings } from './surroundings.ts'
import type { EvidenceVerdict } from './verify.ts'

/** Says why something cannot be read. With `--json`, a line of JSON stands for it on standard output, too. */
export function unreadable(
  surroundings: EvidenceSurroundings,
  { json }: { readonly json?: true },
  { kind, ...problem }: CommandProblem,
): ExitCode {
  if (json === true) {
    const verdict: EvidenceVerdict = {
      kind: null,
      verdict: 'none',
      tcbStatus: null,
      advisoryIds: [],
      debug: null,
      claims: {},
      problem,
      problems: [problem],
      expires: null,
    }
    surroundings.out(`${JSON.stringify(verdict)}\n`)
  }
  failed(surroundings, { kind, ...problem })
  return 2
}
