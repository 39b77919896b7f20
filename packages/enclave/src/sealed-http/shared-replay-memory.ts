import { ok, refuse } from '@sealward/attestation/bytes'
import { type Kysely, sql } from 'kysely'
import { inTransaction, type Migrations, openDatabase, reaching } from '../database/index.ts'
import type { Clock } from '../effects/index.ts'
import {
  epochOverlapSeconds,
  epochSeconds,
  memoryAnswerSecondsMax,
  memoryConnectionsMax,
} from './limits.ts'
import {
  type Admission,
  createReplayMemory,
  digestOf,
  type Epoch,
  type Epochs,
  isAdmitted,
  isAfter,
  type MemoryUnavailable,
  type ReplayMemory,
  replayed,
  stale,
} from './replay-memory.ts'

/**
 * Opens the memory that replicas with the same channel keys share, in a schema of its own in the database at
 * `url`. Where the database does not answer nothing is admitted: another replica may have opened the message.
 *
 * What this process opened it remembers itself as well, so that its own word needs nobody else's. Nor does it take the
 * database's word for what day it is: of a day that has not come by its own clock no epoch is begun, or kept in use.
 *
 * @throws when the database cannot be reached at the start.
 */
export async function openSharedReplayMemory(options: {
  readonly url: string
  readonly clock: Clock
  readonly onConnectionLost?: () => void
}): Promise<ReplayMemory> {
  const database = await openDatabase<unknown>({
    url: options.url,
    schema: 'sealed_http',
    migrations,
    connectionsMax: memoryConnectionsMax,
    answerSecondsMax: memoryAnswerSecondsMax,
    onConnectionLost: options.onConnectionLost,
  })
  const own = createReplayMemory()
  const asOurs = async (epochs: Epochs): Promise<Epochs> => {
    if (epochs.previous !== undefined) await own.begin(epochs.previous)
    await own.begin(epochs.newest)
    return epochs
  }
  return {
    async begin(epoch) {
      const begun = await inTransaction(database, async (transaction) => {
        const epochs = await epochsIn(transaction)
        if (epochs !== undefined && !arePossible(epochs, options.clock)) return notCome
        if (epochs !== undefined && !isAfter(epoch, epochs.newest)) return ok(epochs)
        const next: Epochs = { newest: epoch, previous: epochs?.newest }
        await sql`update sealed_http.epochs set newest_day = ${epoch.day}, newest_part = ${epoch.part},
          previous_day = ${next.previous?.day ?? null}, previous_part = ${next.previous?.part ?? null}`.execute(
          transaction,
        )
        const kept = next.previous ?? epoch
        await sql`delete from sealed_http.opened where (day, part) < (${kept.day}, ${kept.part})`.execute(
          transaction,
        )
        return ok(next)
      })
      if (begun.ok) return ok(await asOurs(begun.value))
      return begun.problem.code === 'replay-memory-unavailable' ? notCome : unavailable
    },
    async admit(epoch, enc) {
      const here = await own.admit(epoch, enc)
      if (!here.ok) return here
      const admitted = await reaching(async () => ok(await admitIn(database, epoch, digestOf(enc))))
      return admitted.ok ? admitted.value : unavailable
    },
    close: () => database.destroy(),
  }
}

/** The row of epochs is held until the message is written down: none is dropped in between. */
async function admitIn(
  database: Kysely<unknown>,
  { day, part }: Epoch,
  digest: Buffer,
): Promise<Admission> {
  const { rows } = await sql<EpochsRow & { readonly admitted: boolean }>`
    with epochs as (select * from sealed_http.epochs for share),
    admitted as (
      insert into sealed_http.opened (day, part, digest)
      select ${day}::integer, ${part}::integer, ${digest}::bytea from epochs
      where (newest_day = ${day} and newest_part = ${part})
         or (previous_day = ${day} and previous_part = ${part})
      on conflict do nothing returning true
    )
    select epochs.*, exists (select from admitted) as admitted from epochs`.execute(database)
  const [row] = rows
  if (row?.admitted === true) return ok(true)
  return isAdmitted(row && epochsOf(row), { day, part }) ? replayed : stale
}

/** Replicas' clocks differ: one begins the next day a little before the others. */
function arePossible({ newest, previous }: Epochs, clock: Clock): boolean {
  const hasCome = newest.day * epochSeconds - clock.now() <= epochOverlapSeconds
  return hasCome && (previous === undefined || isAfter(newest, previous))
}

const notCome: { readonly ok: false; readonly problem: MemoryUnavailable } = refuse(
  'replay-memory-unavailable',
  'database',
  'The memory of what was opened is of a day that has not come: somebody changed it, or a clock is wrong.',
)

const unavailable: { readonly ok: false; readonly problem: MemoryUnavailable } = refuse(
  'replay-memory-unavailable',
  'database',
  'What was opened before cannot be looked up.',
)

interface EpochsRow {
  readonly newest_day: number | null
  readonly newest_part: number | null
  readonly previous_day: number | null
  readonly previous_part: number | null
}

/** Holds the row until the transaction ends: epochs begin one after the other. */
async function epochsIn(transaction: Kysely<unknown>): Promise<Epochs | undefined> {
  const { rows } = await sql<EpochsRow>`select * from sealed_http.epochs for update`.execute(
    transaction,
  )
  return rows[0] && epochsOf(rows[0])
}

function epochsOf(row: EpochsRow): Epochs | undefined {
  const { newest_day, newest_part, previous_day, previous_part } = row
  if (newest_day === null || newest_part === null) return undefined
  return {
    newest: { day: newest_day, part: newest_part },
    previous:
      previous_day === null || previous_part === null
        ? undefined
        : { day: previous_day, part: previous_part },
  }
}

/** Every change of the schema, in order. What has been released is never edited. */
const migrations: Migrations = {
  '0001-opened': {
    async up(db: Kysely<unknown>) {
      await sql`create table sealed_http.epochs (
        "only" boolean primary key default true check ("only"),
        newest_day integer,
        newest_part integer,
        previous_day integer,
        previous_part integer
      )`.execute(db)
      await sql`insert into sealed_http.epochs default values`.execute(db)
      await sql`create table sealed_http.opened (
        day integer not null,
        part integer not null,
        digest bytea not null,
        primary key (day, part, digest)
      )`.execute(db)
    },
  },
}
