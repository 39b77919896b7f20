import { failed } from '../failed.ts'
import type { ExitCode, Outcome } from '../problem.ts'
import type { Surroundings } from '../surroundings.ts'

/** What a command says, to programs and to people. */
export interface Printed {
  readonly json: object
  readonly out: string
  readonly err?: string
}

/** Runs a command and prints what came of it; with `--json` one line, a refusal included. */
export async function printed(
  surroundings: Surroundings,
  { json }: { readonly json?: true },
  command: () => Promise<Outcome<Printed>>,
): Promise<ExitCode> {
  const { out, err } = surroundings
  const done = await command()
  if (!done.ok) {
    const { code, at, detail } = done.problem
    if (json === true) out(`${JSON.stringify({ problem: { code, at, detail } })}\n`)
    return failed(surroundings, done.problem)
  }
  if (json === true) {
    out(`${JSON.stringify(done.value.json)}\n`)
    return 0
  }
  out(done.value.out)
  err(done.value.err ?? '')
  return 0
}
