import type { Problem, Result } from '@sealward/attestation/bytes'
import type { Logger } from '../telemetry/index.ts'

/** Thrown by a service that cannot start, with a sentence for its operator. Any other error is told by its place alone. */
export class StartRefusal extends Error {
  readonly problem: Problem
  constructor(problem: Problem) {
    super(problem.detail)
    this.problem = problem
  }
}

/** What is there, or the end of the start. */
export function taken<T>(result: Result<T>): T {
  if (result.ok) return result.value
  throw new StartRefusal(result.problem)
}

/**
 * The database that is being opened, or the end of the start, with what its operator can look at.
 *
 * @param signal - where it was what ended the wait, its reason is thrown instead.
 */
export function takenDatabase<T>(
  opening: Promise<T>,
  { log, signal }: { readonly log: Logger; readonly signal?: AbortSignal | undefined },
): Promise<T> {
  return opening.catch((error: unknown) => {
    if (signal?.aborted === true) throw error
    log.thrown('database-not-opened', error)
    throw new StartRefusal({
      code: 'store-unavailable',
      at: 'databaseUrl',
      detail: 'The database cannot be opened: is its address right, and may this user make tables?',
    })
  })
}
