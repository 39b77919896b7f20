import { equalBytes, type Result, utf8Of } from '@sealward/attestation/bytes'
import {
  type Anchor,
  type AnchorProblem,
  type AnchorState,
  isLoss,
  newLoss,
  sameState,
} from '@sealward/enclave/anchor'
import { StartRefusal, taken } from '@sealward/enclave/server'
import { belongs } from './anchoring.ts'
import type { Ledger } from './ledger.ts'

/** What the anchor knows, and what the database is instead. */
export interface Departure {
  /** Where it was lost, what that loss is called. */
  readonly anchor: AnchorState
  /** With all that was committed. */
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
  if (anchor === undefined) {
    if (!(await ledger.isEmpty())) taken(await ledger.verify())
    return undefined
  }
  // Of replicas that start together one is first; the others find what it anchored.
  for (let attempt = 0; attempt < attemptsMax; attempt++) {
    const state = await compareOnce(ledger, anchor, restore)
    if (state !== undefined) return state
  }
  const detail = 'Others move the anchor on, again and again, while this one starts.'
  throw new StartRefusal({ code: 'anchor-conflict', at: 'anchor', detail })
}

const attemptsMax = 5

/** `undefined` where somebody else was faster. */
async function compareOnce(
  ledger: Ledger,
  anchor: Anchor,
  restore: Restore | undefined,
): Promise<AnchorState | undefined> {
  const state = taken(await anchor.read())
  // One that an anchor knows is not new, however empty it is.
  const isUnknown = state === undefined || isLoss(state)
  if (isUnknown && (await ledger.isEmpty())) return begin(ledger, anchor, state)
  const found = taken(await ledger.verify())
  const ours = await belongs(ledger, state)
  if (ours.ok) return state
  if (state === undefined) {
    // From now on this loss has a name, and what is signed for it serves for no later one.
    await moved(anchor, undefined, newLoss())
    return undefined
  }
  const departure = { anchor: state, database: await namedState(ledger, found) }
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
  const next = await goOn(ledger, { state, found }, statement)
  return next !== undefined && (await moved(anchor, state, next)) ? next : undefined
}

/** The first start of all; or one with an empty database, where the anchor of another was lost. */
async function begin(
  ledger: Ledger,
  anchor: Anchor,
  loss: AnchorState | undefined,
): Promise<AnchorState | undefined> {
  const first = taken(await ledger.extend())
  const head =
    loss === undefined || first.sequence > loss.sequence
      ? first
      : taken(await ledger.goOn(first, loss.sequence + 1, utf8Of('begun after a loss')))
  return head !== undefined && (await moved(anchor, loss, head)) ? head : undefined
}

/**
 * Where a start that had been allowed died before the anchor moved, the state before it counts: its block holds
 * nothing but the statement.
 */
async function namedState(ledger: Ledger, found: AnchorState): Promise<AnchorState> {
  const accepted = await ledger.lastNote()
  return accepted !== undefined && sameState(accepted, found) ? accepted.before : found
}

async function goOn(
  ledger: Ledger,
  { state, found }: { readonly state: AnchorState; readonly found: AnchorState },
  statement: Uint8Array,
): Promise<AnchorState | undefined> {
  const accepted = await ledger.lastNote()
  const isDone =
    accepted !== undefined &&
    sameState(accepted, found) &&
    equalBytes(accepted.note, statement) &&
    found.sequence > state.sequence
  if (isDone) return found
  return taken(await ledger.goOn(found, Math.max(state.sequence, found.sequence) + 1, statement))
}

/** `false` where somebody else moved it. */
async function moved(
  anchor: Anchor,
  from: AnchorState | undefined,
  to: AnchorState,
): Promise<boolean> {
  const advanced: Result<true, AnchorProblem> = await anchor.advance(from, to)
  if (!advanced.ok && advanced.problem.code !== 'anchor-conflict') {
    throw new StartRefusal(advanced.problem)
  }
  return advanced.ok
}

function spoken({ sequence, digest }: AnchorState): string {
  return `${sequence} ${digest}`
}
