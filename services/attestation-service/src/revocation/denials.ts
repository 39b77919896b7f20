import { ok, type Problem, type Result } from '@sealward/attestation/bytes'
import {
  type Deniable,
  type DenialCode,
  type Denied,
  denialOf,
  deniedOf,
} from '@sealward/attestation/token'

/** Who is denied at an instant. */
export interface DenialState {
  /** Grows with every change. */
  readonly sequence: number
  readonly denied: Denied
}

/** What an instance knows of who is denied. */
export interface Denials {
  /** As of now, or a second or two ago where another replica changed it. */
  current(): Promise<Result<DenialState, Problem<'store-unavailable' | 'deny-list-refused'>>>
}

/** Nobody, or always the same, for as long as the process lives. */
export function fixedDenials(entries: Parameters<typeof deniedOf>[0] = [], sequence = 1): Denials {
  const state = ok({ sequence, denied: deniedOf(entries) })
  return { current: async () => state }
}

export type DenialProblem = Problem<DenialCode | 'store-unavailable' | 'deny-list-refused'>

/** Why something is not served: it is denied, or nobody can tell. */
export async function denialIn(
  denials: Denials,
  ...deniables: readonly Deniable[]
): Promise<DenialProblem | undefined> {
  const state = await denials.current()
  if (!state.ok) return state.problem
  for (const deniable of deniables) {
    const denial = denialOf(state.value.denied, deniable)
    if (denial !== undefined) return denial.problem
  }
  return undefined
}

/** Whether it says nothing about who was asked about. */
export function isStoreProblem({ code }: Problem): boolean {
  return code === 'store-unavailable' || code === 'deny-list-refused'
}
