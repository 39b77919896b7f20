import { equalBytes } from '@sealward/attestation/bytes'
import { type Anchor, type AnchorState, sameState } from '@sealward/enclave/anchor'
import { StartRefusal } from '@sealward/enclave/server'
import { anchorMissing, belongs } from './anchoring.ts'
import type { Ledger } from './ledger.ts'

/** What the anchor knows, and what the database is instead. */
export interface Departure {
  /** `undefined` where there is no anchor. */
  readonly anchor: AnchorState | undefined
  readonly database: AnchorState
}

/**
 * Says whether a database that is not the one the anchor knows may be gone on with.
 *
 * @returns the statement that allows it, to be kept in the ledger; `undefined` where nobody allows it.
 */
export type Restore = (departure: Departure) => Promise<Uint8Array | undefined>

/**
 * Compares a database with its anchor before anything in it is believed. What was committed and not yet
 * anchored when a process ended is no difference; a database that was put back is.
 *
 * @returns what the anchor holds.
 * @throws StartRefusal
 */
export async function compareWithAnchor(
  ledger: Ledger,
  anchor: Anchor | undefined,
  restore: Restore | undefined,
): Promise<AnchorState | undefined> {
  const read = await anchor?.read()
  if (read?.ok === false) throw new StartRefusal(read.problem)
  const state = read?.value
  // One that an anchor knows is not new, however empty it is.
  const isNew = state === undefined && (await ledger.isEmpty())
  const whole = isNew ? undefined : await ledger.verify()
  if (whole?.ok === false) throw new StartRefusal(whole.problem)
  if (anchor === undefined) return undefined

  if (isNew) return begin(ledger, anchor)
  const ours = await belongs(ledger, state)
  if (ours.ok) return state
  const database = whole?.value ?? { sequence: 0, digest: '0'.repeat(64) }
  const departure = await departureFrom(ledger, { anchor: state, database })
  const statement = await restore?.(departure)
  if (statement === undefined) {
    throw new StartRefusal({
      ...ours.problem,
      detail: [
        ours.problem.detail,
        `The anchor: ${spoken(state)}. The database: ${spoken(departure.database)}.`,
        'An administrator of the hospital can accept it in writing: sealward platform accept-restore.',
      ].join(' '),
    })
  }
  const next = await goOn(ledger, departure, statement)
  const moved = await anchor.advance(state, next)
  if (!moved.ok) throw new StartRefusal(moved.problem)
  return next
}

/** The first start of all. Of replicas that start together each finds what the first one anchored. */
async function begin(ledger: Ledger, anchor: Anchor): Promise<AnchorState> {
  const head = await ledger.extend()
  if (!head.ok) throw new StartRefusal(head.problem)
  const moved = await anchor.advance(undefined, head.value)
  if (moved.ok) return head.value
  const now = await anchor.read()
  if (!now.ok) throw new StartRefusal(now.problem)
  if (now.value === undefined || sameState(now.value, undefined)) {
    throw new StartRefusal(anchorMissing.problem)
  }
  const ours = await belongs(ledger, now.value)
  if (!ours.ok) throw new StartRefusal(ours.problem)
  return now.value
}

/** Where a start that had been allowed died before the anchor moved, the state before it counts. */
async function departureFrom(ledger: Ledger, departure: Departure): Promise<Departure> {
  const accepted = await ledger.lastNote()
  return accepted?.sequence === departure.database.sequence
    ? { ...departure, database: accepted.before }
    : departure
}

async function goOn(
  ledger: Ledger,
  { anchor, database }: Departure,
  statement: Uint8Array,
): Promise<AnchorState> {
  const accepted = await ledger.lastNote()
  if (
    accepted !== undefined &&
    equalBytes(accepted.note, statement) &&
    sameState(accepted.before, database)
  ) {
    return { sequence: accepted.sequence, digest: accepted.digest }
  }
  const sequence = Math.max(anchor?.sequence ?? 0, database.sequence) + 1
  const next = await ledger.goOn(sequence, statement)
  if (!next.ok) throw new StartRefusal(next.problem)
  return next.value
}

function spoken(state: AnchorState | undefined): string {
  return state === undefined ? 'none' : `${state.sequence} ${state.digest}`
}
