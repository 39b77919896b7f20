import { ok } from '@sealward/attestation/bytes'
import { badInput, type ExitCode, type Outcome } from '../problem.ts'
import type { Surroundings } from '../surroundings.ts'
import { ask, claimsIn, openAdministered, type ServiceFlags } from './administer.ts'
import { type Printed, printed } from './printed.ts'

export type Decision = 'approve' | 'withdraw'

/** `sealward attestation policy approve` and `withdraw`. */
export function runDecide(
  surroundings: Surroundings,
  id: string,
  decision: Decision,
  flags: ServiceFlags,
): Promise<ExitCode> {
  return printed(surroundings, flags, () => decide(surroundings, id, decision, flags))
}

async function decide(
  surroundings: Surroundings,
  id: string,
  decision: Decision,
  flags: ServiceFlags,
): Promise<Outcome<Printed>> {
  if (!/^[0-9a-f]{32}$/.test(id)) {
    return badInput('usage', 'ID', 'an id as `policy approvals` lists it: 32 digits, hex')
  }
  const administered = await openAdministered(surroundings, flags)
  if (!administered.ok) return administered
  const path = `/approvals/${id}:${decision}`
  const answer = await ask(administered.value, { method: 'POST', path })
  if (!answer.ok) return answer
  if (decision === 'withdraw') {
    return ok({ json: { id, state: 'withdrawn' }, out: 'The change is withdrawn.\n' })
  }
  const claims = await claimsIn(administered.value, answer.value)
  return claims.ok
    ? ok({ json: { id, state: 'approved' }, out: 'The change is approved, and done.\n' })
    : claims
}
