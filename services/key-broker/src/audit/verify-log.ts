/**
 * Whether a log is whole: every entry there, in its order, as it was written, up to what checkpoints signed.
 *
 * That something is wrong is certain: a line does not name the hash of the line before it, or is not what was signed.
 * What was done to the log is read from its surroundings, and is the simplest that explains it.
 *
 * @see docs/spec/audit-log.md
 * @module
 */

import type { Problem } from '@sealward/attestation/bytes'
import type { Checkpoint } from './checkpoint.ts'
import { lineHash, noEntry, readEntry } from './entry.ts'
import { limits } from './limits.ts'

export type FindingCode =
  | 'entry-malformed'
  | 'entry-changed'
  | 'entry-removed'
  | 'entry-inserted'
  | 'entry-moved'
  | 'log-truncated'
  | 'log-forked'
  | 'log-foreign'
  | 'checkpoint-late'

/** What is wrong with a log, and where: in a line (`line 7`) or with an entry (`entry 7`). */
export interface Finding extends Problem<FindingCode> {
  /** Number of the first entry that it concerns. */
  readonly sequence: number
}

/** What became of a log. It is whole if there is no finding. */
export interface LogVerdict {
  readonly entries: number
  /** Number, and hex SHA-256, of the last entry. */
  readonly last: { readonly sequence: number; readonly hash: string } | undefined
  /** Up to which entry checkpoints vouch for it; 0, where none does. */
  readonly signedTo: number
  /** The first ones, in the order of the log. */
  readonly findings: readonly Finding[]
  readonly findingCount: number
}

/** Reads a log line by line, in memory that does not grow with it. */
export interface LogVerifier {
  /** One line without its end. */
  add(line: Uint8Array): void
  /** One whose signature was verified: before the entry that it is about, or right after it. */
  addCheckpoint(checkpoint: Checkpoint): void
  end(): LogVerdict
}

interface Entry {
  readonly sequence: number
  readonly previous: string
  readonly hash: string
  readonly line: number
}

/** The last entry that is where it belongs. */
interface Place extends Pick<Entry, 'sequence' | 'hash' | 'line'> {
  /** `previous`, where it is an entry and not where the log begins. */
  readonly previous?: string
  /** That it was changed has been told already. */
  readonly told?: true
}

/** Entries that did not come when they were due; they may come later. */
interface Gap {
  readonly from: number
  readonly to: number
  readonly line: number
  readonly missing: Set<number>
}

export function createLogVerifier(): LogVerifier {
  const found: (Finding & { readonly line: number })[] = []
  let findingCount = 0
  const checkpoints = new Map<number, Checkpoint>()
  const gaps: Gap[] = []
  /** Entries that came before they were due: moved, if none comes when they are. */
  const early = new Map<number, Entry>()
  let lines = 0
  let entries = 0
  let unreadable = 0
  let log: string | undefined
  let place: Place | undefined
  /** Judged when the line after it is known. */
  let held: Entry | undefined
  let signedTo = 0

  const tell = (code: FindingCode, line: number, at: string, detail: string, sequence: number) => {
    findingCount++
    if (found.length < limits.findingsMax) found.push({ code, at, detail, sequence, line })
  }
  const changed = (entry: Pick<Entry, 'sequence' | 'line'>, why: string): void =>
    tell(
      'entry-changed',
      entry.line,
      `entry ${entry.sequence}`,
      `Entry ${entry.sequence} (line ${entry.line}) was changed: ${why}.`,
      entry.sequence,
    )
  const inserted = (entry: Pick<Entry, 'sequence' | 'line'>): void =>
    tell(
      'entry-inserted',
      entry.line,
      `line ${entry.line}`,
      `Line ${entry.line} was inserted: it is not the entry ${entry.sequence} that the log had.`,
      entry.sequence,
    )
  const moved = (entry: Entry): void =>
    tell(
      'entry-moved',
      entry.line,
      `entry ${entry.sequence}`,
      `Entry ${entry.sequence} was moved: it stands in line ${entry.line}, out of its order.`,
      entry.sequence,
    )

  /** The entry that follows `place`. */
  const accept = (entry: Entry, told?: true): void => {
    place = told === undefined ? entry : { ...entry, told }
    unreadable = 0
    compare(checkpoints.get(entry.sequence), entry, told)
  }

  const compare = (
    checkpoint: Checkpoint | undefined,
    entry: Place,
    told: true | undefined,
  ): void => {
    if (checkpoint === undefined) return
    if (checkpoint.head === entry.hash) signedTo = Math.max(signedTo, entry.sequence)
    else if (told === undefined && !isForeign(checkpoint)) {
      tell(
        'log-forked',
        entry.line,
        `entry ${entry.sequence}`,
        `Entry ${entry.sequence} is not the one that the checkpoint of ${dateOf(checkpoint)} signed: the log was written anew from it, or from an entry before it, or there are two logs.`,
        entry.sequence,
      )
    }
  }

  const isForeign = (checkpoint: Checkpoint): boolean => log !== undefined && checkpoint.log !== log

  const judge = (entry: Entry, next: Entry | undefined): void => {
    place ??= beginning(entry, checkpoints)
    const before = place
    const ahead = entry.sequence - before.sequence - 1
    if (entry.previous === before.hash) {
      const isNext = ahead === 0
      if (!isNext) changed(entry, `it follows entry ${before.sequence}, and has another number`)
      accept({ ...entry, sequence: before.sequence + 1 }, isNext ? undefined : true)
    } else if (ahead === 0) judgeUnlinked(entry, before, next)
    else if (ahead > 0) judgeAhead(entry, before, isAfter(next, before))
    else judgeLate(entry, before, next)
  }

  /** Of the right number, and it names another hash than that of the entry before it. */
  const judgeUnlinked = (entry: Entry, before: Place, next: Entry | undefined): void => {
    // That something is wrong with the one before it was told, and this may be as it was.
    if (unreadable > 0 || before.told !== undefined) accept(entry)
    else if (isAfter(next, before)) inserted(entry)
    else if (
      before.previous !== undefined &&
      (isAfter(next, entry) || checkpoints.get(entry.sequence)?.head === entry.hash)
    ) {
      changed(before, `entry ${entry.sequence} names another hash of it`)
      accept(entry)
    } else {
      changed(entry, `it names another hash of entry ${before.sequence} than that has`)
      accept(entry, true)
    }
  }

  const judgeAhead = (entry: Entry, before: Place, isOutOfOrder: boolean): void => {
    if (isOutOfOrder && early.size < limits.gapsMax) {
      early.set(entry.sequence, entry)
      return
    }
    const from = before.sequence + 1
    const to = entry.sequence - 1
    const [came] = from === to ? [early.get(from)] : []
    if (came !== undefined && came.hash === entry.previous) {
      early.delete(from)
      moved(came)
    } else if (unreadable !== to - from + 1) {
      const missing = new Set<number>()
      // Of a longer gap, entries that come later count as inserted: a finding all the same.
      if (gaps.length < limits.gapsMax && to - from < limits.gapsMax) {
        for (let number = from; number <= to; number++) missing.add(number)
      }
      if (gaps.length < limits.gapsMax) gaps.push({ from, to, line: entry.line, missing })
      else findingCount++
    }
    accept(entry)
  }

  const judgeLate = (entry: Entry, before: Place, next: Entry | undefined): void => {
    const gap = gaps.find(({ missing }) => missing.has(entry.sequence))
    if (gap !== undefined) {
      gap.missing.delete(entry.sequence)
      moved(entry)
      return
    }
    const isTwin = entry.sequence === before.sequence && entry.previous === before.previous
    const isOriginal = isTwin && next?.previous === entry.hash && entry.hash !== before.hash
    inserted(isOriginal ? before : entry)
    if (isOriginal) accept(entry)
  }

  const ending = (): void => {
    for (const entry of early.values()) {
      // One that was due at the end, where nothing came after it.
      const isLast = entry.sequence === (place?.sequence ?? 0) + 1 && entry.previous === place?.hash
      if (isLast) {
        moved(entry)
        accept(entry)
      } else inserted(entry)
    }
    for (const { from, to, line, missing } of gaps) {
      // All came later, and were told.
      if (missing.size === 0 && to - from < limits.gapsMax) continue
      const which = from === to ? `Entry ${from} was` : `Entries ${from} to ${to} were`
      const detail = `${which} removed: line ${line} is entry ${to + 1}.`
      tell('entry-removed', line, `entry ${from}`, detail, from)
    }
    const last = place?.sequence ?? 0
    let longest: Checkpoint | undefined
    for (const checkpoint of checkpoints.values()) {
      if (isForeign(checkpoint)) continue
      if (checkpoint.sequence > Math.max(last, longest?.sequence ?? 0)) longest = checkpoint
    }
    if (longest !== undefined) {
      tell(
        'log-truncated',
        lines,
        `entry ${last}`,
        `The log ends with entry ${last}: entries ${last + 1} to ${longest.sequence}, which the checkpoint of ${dateOf(longest)} signed, were cut off.`,
        last + 1,
      )
    }
  }

  return {
    add(line) {
      lines++
      const read = readEntry(line)
      if (!read.ok) {
        if (held !== undefined) judge(held, undefined)
        held = undefined
        unreadable++
        const { at, detail } = read.problem
        tell(
          'entry-malformed',
          lines,
          `line ${lines}`,
          `Line ${lines} is no entry${at === '' ? '' : ` (${at})`}: ${detail}.`,
          (place?.sequence ?? 0) + unreadable,
        )
        return
      }
      entries++
      const { sequence, previous } = read.value
      const entry = { sequence, previous, hash: lineHash(line), line: lines }
      if (sequence === 1) log ??= entry.hash
      if (held !== undefined) judge(held, entry)
      held = entry
    },
    addCheckpoint(checkpoint) {
      const known = checkpoints.get(checkpoint.sequence)
      if (known !== undefined && known.head !== checkpoint.head) {
        tell(
          'log-forked',
          lines,
          `entry ${checkpoint.sequence}`,
          `Two checkpoints were signed of different logs of ${checkpoint.sequence} entries: on ${dateOf(known)} and on ${dateOf(checkpoint)}.`,
          checkpoint.sequence,
        )
      }
      checkpoints.set(checkpoint.sequence, checkpoint)
      if (held !== undefined && held.sequence === checkpoint.sequence) return
      const last = Math.max(place?.sequence ?? 0, held?.sequence ?? 0)
      if (last > checkpoint.sequence) {
        const detail = `A checkpoint of entry ${checkpoint.sequence} stands after entry ${last}, where it says nothing.`
        tell('checkpoint-late', lines, `line ${lines + 1}`, detail, checkpoint.sequence)
      } else if (place !== undefined && last === checkpoint.sequence) {
        compare(checkpoint, place, place.told)
      }
    },
    end() {
      if (held !== undefined) judge(held, undefined)
      held = undefined
      ending()
      const foreign = [...checkpoints.values()].find(isForeign)
      const isFirstChanged = found.some(({ sequence }) => sequence === 1)
      if (foreign !== undefined && !isFirstChanged) {
        const detail = `The checkpoint of ${dateOf(foreign)} is of another log: of one with another first entry.`
        tell('log-foreign', 1, 'entry 1', detail, 1)
      }
      const findings = found
        .toSorted((one, other) => one.line - other.line)
        .map(({ line: _line, ...finding }) => finding)
      return {
        entries,
        last: place === undefined ? undefined : { sequence: place.sequence, hash: place.hash },
        signedTo,
        findings,
        findingCount,
      }
    },
  }
}

/** Before the first line: nothing, or what a checkpoint signed where a log goes on after it. */
function beginning({ sequence }: Entry, checkpoints: ReadonlyMap<number, Checkpoint>): Place {
  const anchor = checkpoints.get(sequence - 1)
  return anchor === undefined
    ? { sequence: 0, hash: noEntry, line: 0 }
    : { sequence: anchor.sequence, hash: anchor.head, line: 0 }
}

function isAfter(next: Entry | undefined, entry: Pick<Entry, 'sequence' | 'hash'>): boolean {
  return next?.sequence === entry.sequence + 1 && next.previous === entry.hash
}

function dateOf({ at }: Checkpoint): string {
  return new Date(at * 1000).toISOString()
}
