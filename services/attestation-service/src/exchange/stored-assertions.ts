/**
 * Client assertions in the database: what one replica has taken, no other takes.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import { ok, type Problem, type UnixSeconds } from '@sealward/attestation/bytes'
import { reaching } from '@sealward/enclave/database'
import { sql } from 'kysely'
import { limits } from '../limits.ts'
import type { Database } from '../store/open-store.ts'
import type { AssertionMemory, AssertionMemoryCode } from './assertion-memory.ts'
import { full, replayed } from './replay-memory.ts'

/**
 * The memory of one instance.
 *
 * Expired rows are deleted, and the others counted, every `sweepSeconds` and whenever so many were added that the limit
 * could be passed: with several replicas each may add as many as the limit leaves, no more.
 */
export function createStoredAssertions(options: {
  readonly database: Database
  readonly instance: string
  readonly idsMax: number
  readonly sweepSeconds: number
}): AssertionMemory {
  const { database, instance, idsMax, sweepSeconds } = options
  let [counted, sweptAt] = [0, Number.NEGATIVE_INFINITY]

  const sweep = async (at: UnixSeconds): Promise<void> => {
    sweptAt = at
    await database
      .deleteFrom('attestation.client_assertion')
      .where('instance', '=', instance)
      // A replica whose clock is behind would take once more what this one forgot.
      .where('expires_at', '<', String(at - limits.replicaSkewSeconds))
      .execute()
    const rows = await sql<{ readonly count: string }>`
      select count(*) as count from attestation.client_assertion where instance = ${instance}
    `.execute(database)
    counted = Number(rows.rows[0]?.count ?? 0)
  }

  return {
    admit: (id, expiresAt, at) =>
      reaching<true, Problem<AssertionMemoryCode>>(async () => {
        if (at - sweptAt >= sweepSeconds || at < sweptAt) await sweep(at)
        if (counted >= idsMax) return full
        const added = await database
          .insertInto('attestation.client_assertion')
          .values({
            instance,
            id: createHash('sha256').update(id).digest(),
            expires_at: String(expiresAt),
          })
          .onConflict((conflict) => conflict.doNothing())
          .executeTakeFirst()
        if (added.numInsertedOrUpdatedRows === 0n) return replayed
        counted += 1
        return ok(true as const)
      }),
  }
}
