/**
 * A cache before a source, in memory and, where a folder is given, on disk.
 *
 * @see docs/spec/endorsements.md
 * @module
 */

import type { Problem, Result, UnixSeconds } from '@sealward/attestation/bytes'
import type { Clock } from '../effects/index.ts'
import { singleFlight } from '../http/single-flight.ts'
import type { EndorsementItem, EndorsementPiece } from './item.ts'
import { type ItemScope, scopeOf } from './item-scope.ts'
import { endorsementsLimits } from './limits.ts'
import type { KeptPiece, PieceFolder } from './piece-folder.ts'
import type { SourceCode } from './problems.ts'
import type { EndorsementSource } from './source.ts'

export interface CachedSourceOptions {
  readonly source: EndorsementSource
  readonly clock: Clock
  /** Keeps endorsements over restarts. Without it they are kept in memory only. */
  readonly folder?: PieceFolder
}

/**
 * Answers from what is kept while it has not run out, and asks `source` for the rest: once for all who ask
 * at the same time. What is no longer fresh is handed out while a newer one is fetched, until it runs out.
 * Closing it closes the source.
 */
export function createCachedSource(options: CachedSourceOptions): EndorsementSource {
  const { source } = options
  // What strangers can name any number of pushes out nothing but its like.
  const scopes: Readonly<Record<ItemScope, Map<string, Slot>>> = {
    common: new Map(),
    chip: new Map(),
    numbered: new Map(),
  }
  const slotOf = (item: EndorsementItem): Slot => {
    const slots = scopes[scopeOf(item)]
    const address = source.addressOf(item)
    const slot = slots.get(address) ?? createSlot(options, item, address)
    slots.delete(address)
    if (slots.size >= endorsementsLimits.slotsMax) forgetOne(slots)
    // Asked for last, forgotten last.
    slots.set(address, slot)
    return slot
  }
  return {
    get: (item) => slotOf(item).get(),
    addressOf: (item) => source.addressOf(item),
    close: () => source.close(),
  }
}

type Outcome = Result<EndorsementPiece, Problem<SourceCode>>

interface Slot {
  get(): Promise<Outcome>
  /** Whether nothing is kept: it was not found, or is not there yet. */
  isEmpty(): boolean
}

/** What does not exist first: anybody can ask for any amount of that. */
function forgetOne(slots: Map<string, Slot>): void {
  const [oldest] = slots.keys()
  const [empty] = [...slots].find(([, slot]) => slot.isEmpty()) ?? []
  const address = empty ?? oldest
  if (address !== undefined) slots.delete(address)
}

/** What is known about one endorsement. */
function createSlot(
  { source, clock, folder }: CachedSourceOptions,
  item: EndorsementItem,
  address: string,
): Slot {
  let kept: KeptPiece | undefined
  let failure:
    | { readonly outcome: Outcome; readonly at: UnixSeconds; readonly until: UnixSeconds }
    | undefined
  let isLoaded = folder === undefined

  const load = singleFlight(async () => {
    kept = await folder?.read(item, address)
    isLoaded = true
  })

  const refresh = singleFlight(async (): Promise<Outcome> => {
    const outcome = await source.get(item)
    const now = clock.now()
    if (!outcome.ok) {
      failure = { outcome, at: now, until: now + rememberedSeconds(outcome.problem.code) }
      return outcome
    }
    failure = undefined
    if (now >= outcome.value.endsAt) return outcome
    // A service that lags behind, or is made to, takes nothing back that is known and still holds.
    const isOlder =
      kept !== undefined && now < kept.piece.endsAt && outcome.value.issuedAt < kept.piece.issuedAt
    const piece = isOlder && kept !== undefined ? kept.piece : outcome.value
    kept = { piece, fetchedAt: now }
    await folder?.write(address, kept)
    return { ok: true, value: piece }
  })

  const get = async (): Promise<Outcome> => {
    if (!isLoaded) await load()
    const now = clock.now()
    const valid = kept !== undefined && now < kept.piece.endsAt ? kept : undefined
    const keptOutcome: Outcome | undefined = valid && { ok: true, value: valid.piece }
    if (valid !== undefined && keptOutcome !== undefined) {
      const age = now - valid.fetchedAt
      // A negative age is a clock that was turned back: nobody knows how old it is.
      if (age >= 0 && age < freshSecondsOf(item)) return keptOutcome
    }
    if (failure !== undefined && now >= failure.at && now < failure.until) {
      return keptOutcome ?? failure.outcome
    }
    const refreshed = refresh()
    return keptOutcome ?? (await refreshed)
  }
  return { get, isEmpty: () => kept === undefined }
}

/** What never changes is fresh until it runs out. */
function freshSecondsOf({ kind }: EndorsementItem): number {
  if (kind === 'vcek') return Number.POSITIVE_INFINITY
  return kind === 'amd-chain'
    ? endorsementsLimits.chainFreshSeconds
    : endorsementsLimits.freshSeconds
}

function rememberedSeconds(code: SourceCode): number {
  return code === 'platform-unknown' || code === 'evaluation-withdrawn'
    ? endorsementsLimits.unknownSeconds
    : endorsementsLimits.failureSeconds
}
