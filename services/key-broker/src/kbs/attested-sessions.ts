/**
 * Sessions that have attested, and what for: so that no nonce counts twice, whichever replica it is shown to.
 *
 * @module
 */

import { hash } from 'node:crypto'
import { ok, type Problem, type Result, refuse, textOf, utf8Of } from '@sealward/attestation/bytes'
import { inTransaction, reaching } from '@sealward/enclave/database'
import type { Sealer } from '@sealward/enclave/sealing'
import type { Clock } from '@sealward/enclave/server'
import { sql } from 'kysely'
import type { Database } from '../store/open-store.ts'
import { limits } from './limits.ts'
import type { Session } from './session.ts'

export type AttestedSessionCode =
  | 'store-unavailable'
  | 'kbs-session-used'
  | 'kbs-session-not-attested'
  | 'kbs-sessions-too-many'

export interface AttestedSessions {
  /** @returns `kbs-session-used` where the session has attested before. */
  keep(session: Session, token: string): Promise<Result<true, Problem<AttestedSessionCode>>>
  tokenOf(session: Session): Promise<Result<string, Problem<AttestedSessionCode>>>
}

export function createAttestedSessions(deps: {
  readonly database: Database
  readonly sealer: Sealer
  readonly clock: Clock
}): AttestedSessions {
  const { database, sealer, clock } = deps
  return {
    keep: ({ name, expiresAt }, token) =>
      inTransaction(
        database,
        async (transaction): Promise<Result<true, Problem<AttestedSessionCode>>> => {
          await transaction
            .deleteFrom('broker.kbs_session')
            .where('expires_at', '<=', String(clock.now()))
            .execute()
          const { rows } = await sql<{ readonly count: string }>`
            select count(*) as count from broker.kbs_session`.execute(transaction)
          if (Number(rows[0]?.count) >= limits.sessionsMax) {
            return refuse(
              'kbs-sessions-too-many',
              '',
              'There are too many sessions: try again in some minutes.',
            )
          }
          const id = idOf(name)
          const { numInsertedOrUpdatedRows: inserted = 0n } = await transaction
            .insertInto('broker.kbs_session')
            .values({
              id,
              sealed: Buffer.from(sealer.seal(addressOf(id), utf8Of(token))),
              expires_at: String(expiresAt),
            })
            .onConflict((conflict) => conflict.doNothing())
            .executeTakeFirst()
          return inserted === 1n
            ? ok(true)
            : refuse(
                'kbs-session-used',
                'runtime-data.nonce',
                'This nonce has been answered: a handshake begins with another one.',
              )
        },
      ),
    tokenOf: ({ name }) =>
      reaching<string, Problem<AttestedSessionCode>>(async () => {
        const id = idOf(name)
        const row = await database
          .selectFrom('broker.kbs_session')
          .select('sealed')
          .where('id', '=', id)
          .executeTakeFirst()
        const opened = row && sealer.open(addressOf(id), row.sealed)
        const token = opened?.ok === true ? textOf(opened.value) : undefined
        return token === undefined
          ? refuse('kbs-session-not-attested', 'cookie', 'This session has not attested.')
          : ok(token)
      }),
  }
}

function idOf(name: string): string {
  return hash('sha256', name, 'hex')
}

function addressOf(id: string) {
  return { type: 'kbs-session', id, version: 1 }
}
