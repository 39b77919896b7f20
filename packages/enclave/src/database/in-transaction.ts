import { ok, type Problem, type Result } from '@sealward/attestation/bytes'
import type { Kysely, Transaction } from 'kysely'
import { reaching, type StoreUnavailable } from './reaching.ts'

/**
 * Runs `work` in one transaction, which is undone when `work` refuses or throws.
 *
 * @returns what `work` returned, or `store-unavailable`.
 */
export function inTransaction<Tables, T, P extends Problem>(
  database: Kysely<Tables>,
  work: (transaction: Transaction<Tables>) => Promise<Result<T, P>>,
): Promise<Result<T, P | StoreUnavailable>> {
  return reaching<T, P>(async () => {
    let problem: P | undefined
    try {
      const value = await database.transaction().execute(async (transaction) => {
        const done = await work(transaction)
        if (done.ok) return done.value
        problem = done.problem
        throw new Undone()
      })
      return ok(value)
    } catch (error) {
      if (error instanceof Undone && problem !== undefined) return { ok: false, problem }
      throw error
    }
  })
}

/** Undoes the transaction, is caught in {@link inTransaction}, and is seen by nobody else. */
class Undone extends Error {}
