import type { Problem, Result } from '@sealward/attestation/bytes'

/** Who has to do something: nobody may go on (`refused`), the caller (`input`), or time (`unavailable`). */
export type ProblemKind = 'refused' | 'input' | 'unavailable'

/** Why a command ended without what was asked for. Holds nothing of a patient. */
export interface CommandProblem extends Problem {
  readonly kind: ProblemKind
}

export type Outcome<T> = Result<T, CommandProblem>

/** What the process answers its caller; 130 after Ctrl-C, as shells have it. */
export type ExitCode = 0 | 1 | 2 | 3 | 130

const exitCodes: Readonly<Record<ProblemKind, ExitCode>> = { refused: 1, input: 2, unavailable: 3 }

export function exitCodeOf(kind: ProblemKind): ExitCode {
  return exitCodes[kind]
}

/** A refusal by verification: exit code 1. */
export function refused(problem: Problem): {
  readonly ok: false
  readonly problem: CommandProblem
} {
  return failure('refused', problem.code, problem.at, problem.detail)
}

/** Something that the caller gave cannot be used: exit code 2. */
export function badInput(
  code: string,
  at: string,
  detail: string,
): { readonly ok: false; readonly problem: CommandProblem } {
  return failure('input', code, at, detail)
}

/** A service does not answer, or not as agreed: exit code 3. */
export function unavailable(
  code: string,
  at: string,
  detail: string,
): { readonly ok: false; readonly problem: CommandProblem } {
  return failure('unavailable', code, at, detail)
}

function failure(kind: ProblemKind, code: string, at: string, detail: string) {
  return { ok: false, problem: { kind, code, at, detail } } as const
}
