import { failed } from '../failed.ts'
import type { ExitCode } from '../problem.ts'
import type { Surroundings } from '../surroundings.ts'
import { textOfToken, warningNotes } from './print-token.ts'
import { readToken } from './read-token.ts'
import { kindOf } from './token-kind.ts'
import { warningsAbout } from './warnings.ts'

/** `sealward token inspect`: everything that a token says, and nothing that is believed. */
export async function runInspect(
  surroundings: Surroundings,
  file: string,
  flags: { readonly json?: true },
): Promise<ExitCode> {
  const { out, effects } = surroundings
  const token = await readToken(file, 'FILE')
  if (!token.ok) {
    const { kind: _, ...problem } = token.problem
    if (flags.json === true) out(`${JSON.stringify({ verified: false, problem })}\n`)
    return failed(surroundings, token.problem)
  }
  const at = effects.clock.now()
  const warnings = warningsAbout(token.value, at)
  if (flags.json === true) {
    const { header, claims } = token.value
    const said = { verified: false, kind: kindOf(token.value), header, claims, warnings }
    out(`${JSON.stringify(said)}\n`)
  } else {
    out(textOfToken(notVerified, token.value, at, warningNotes(warnings)))
  }
  return 0
}

const notVerified = 'NOT VERIFIED: this is what it says. Anybody can write such a token.'
