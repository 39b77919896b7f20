import { ok } from '@sealward/attestation/bytes'
import { badInput, type Outcome } from '../problem.ts'
import type { Surroundings } from '../surroundings.ts'

/** Asks before what cannot be undone; with `--yes`, or where nobody sits there, nobody is asked. */
export async function confirmed(
  { input }: Surroundings,
  { yes }: { readonly yes?: true },
  what: string,
): Promise<Outcome<true>> {
  if (yes === true) return ok(true)
  if (input?.isTerminal !== true) {
    return badInput('confirmation-missing', '--yes', `${what} Confirm it with --yes.`)
  }
  const answer = await input.ask(`${what} Type yes to go on: `)
  return answer.trim() === 'yes'
    ? ok(true)
    : badInput('not-confirmed', '--yes', 'Nothing was changed.')
}
