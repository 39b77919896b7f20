/**
 * Leaving a procedure of many steps at the first that fails: straight-line inside, a value at the edge.
 *
 * @module
 */

import { ok, type Problem, type Result } from '../bytes/index.ts'
import type { VerificationCode } from './problem-codes.ts'

export type VerificationProblem = Problem<VerificationCode>

/** Ends the procedure with a problem. */
export function refused(code: VerificationCode, at: string, detail: string): never {
  throw new Refused({ code, at, detail })
}

/** The value of a parser's result; its refusal becomes `code` at `at`, the parser's own code in the detail. */
export function accepted<T>(result: Result<T>, code: VerificationCode, at: string): T {
  if (result.ok) return result.value
  const { problem } = result
  return refused(code, at, `${problem.code} ${problem.at}: ${problem.detail}`)
}

/** Runs the procedure to its end or to its first refusal. */
export async function settling<T>(
  procedure: () => Promise<T>,
): Promise<Result<T, VerificationProblem>> {
  try {
    return ok(await procedure())
  } catch (error) {
    if (error instanceof Refused) return { ok: false, problem: error.problem }
    throw error
  }
}

/** Leaves {@link refused}, is caught in {@link settling}, and is seen by nobody else. */
class Refused extends Error {
  readonly problem: VerificationProblem
  constructor(problem: VerificationProblem) {
    super(problem.detail)
    this.problem = problem
  }
}
