import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import {
  type Anchor,
  type AnchorCode,
  type AnchorState,
  isLoss,
  sameState,
} from '@sealward/enclave/anchor'
import { isUnavailable } from '@sealward/enclave/database'
import { anchorEveryMs, anchorIdleMs, anchorLagSecondsMax } from '../limits.ts'
import type { Ledger, LedgerProblem } from './ledger.ts'

export type AnchoringProblem = Problem<
  | LedgerProblem['code']
  | 'anchor-missing'
  | 'anchor-behind'
  | 'anchor-unavailable'
  | 'anchor-refused'
  | 'store-unavailable'
>

/** Moves the anchor on behind what is committed. */
export interface Anchoring {
  /** Something was committed. */
  committed(): void
  /** Why nothing may be read, or written: a fork ends both, an anchor that is behind ends writing. */
  standing(): AnchoringProblem | undefined
  /** Resolves when all that was committed before is anchored, or cannot be. */
  settled(): Promise<Result<true, AnchoringProblem>>
  close(): Promise<void>
}

export interface AnchoringOptions {
  readonly ledger: Ledger
  /** Without one the chain is made all the same, and nobody outside remembers it. */
  readonly anchor: Anchor | undefined
  /** What the anchor held when the database was compared with it. */
  readonly anchored: AnchorState | undefined
  readonly everyMs?: number | undefined
  /** From one look for what others left to the next. */
  readonly idleMs?: number | undefined
  readonly lagSecondsMax?: number | undefined
  /** Told when the anchor cannot be moved on, once for each reason, and `undefined` when it can again. */
  readonly onProblem?: ((problem: AnchoringProblem | undefined) => void) | undefined
}

export function keepAnchored(options: AnchoringOptions): Anchoring {
  const { anchor, ledger, onProblem } = options
  const {
    everyMs = anchorEveryMs,
    idleMs = anchorIdleMs,
    lagSecondsMax = anchorLagSecondsMax,
  } = options
  let anchored = options.anchored
  let ended: AnchoringProblem | undefined
  let told: string | undefined
  /** When the oldest commit was made that no anchor covers, by a clock that is never set. */
  let waitingSince: number | undefined
  /** The same of what the run that is under way covers; what is committed meanwhile waits for itself. */
  let coveredSince: number | undefined
  let timer: NodeJS.Timeout | undefined
  let running: Promise<Result<true, AnchoringProblem>> | undefined
  let isClosed = false

  const advance = async (): Promise<Result<true, AnchoringProblem>> => {
    const head = await ledger.extend()
    if (!head.ok) return head
    if (anchor === undefined) return ok(true)
    for (;;) {
      const from = anchored
      const whole = await goesOn(ledger, from, head.value)
      if (!whole.ok) return whole
      if (head.value.sequence === (from?.sequence ?? 0)) return ok(true)
      const moved = await anchor.advance(from, head.value)
      if (moved.ok) {
        anchored = head.value
        return ok(true)
      }
      if (moved.problem.code !== 'anchor-conflict') return unanchored(moved.problem.code)
      // Somebody was faster: a replica, if what it anchored is in our chain.
      const state = await anchor.read()
      if (!state.ok) return unanchored(state.problem.code)
      if (sameState(state.value, from)) return unanchored('anchor-refused')
      if (state.value === undefined) return anchorMissing
      const known = await belongs(ledger, state.value)
      if (!known.ok) return known
      const ours = await goesOn(ledger, from, state.value)
      if (!ours.ok) return ours
      anchored = state.value
      if (state.value.sequence >= head.value.sequence) {
        return goesOn(ledger, head.value, state.value)
      }
    }
  }

  const waitOn = (): void => {
    ;[coveredSince, waitingSince] = [undefined, coveredSince ?? waitingSince]
  }
  const once = async (): Promise<Result<true, AnchoringProblem>> => {
    ;[coveredSince, waitingSince] = [waitingSince, undefined]
    const outcome = await advance().catch((error: unknown) => {
      if (isUnavailable(error)) {
        return refuse('store-unavailable', 'database', 'The database cannot be reached.')
      }
      waitOn()
      throw error
    })
    if (outcome.ok) coveredSince = undefined
    else waitOn()
    if (!outcome.ok && isFatal(outcome.problem)) ended = outcome.problem
    const code = outcome.ok ? undefined : outcome.problem.code
    if (code !== told) onProblem?.(outcome.ok ? undefined : outcome.problem)
    told = code
    return outcome
  }

  /** One at a time; whoever asks while it runs waits for a run that begins after that. */
  const run = async (): Promise<Result<true, AnchoringProblem>> => {
    while (running !== undefined) await running.catch(() => {})
    running = once()
    try {
      return await running
    } finally {
      running = undefined
    }
  }

  const later = (): void => {
    if (timer !== undefined || isClosed) return
    timer = setTimeout(() => {
      timer = undefined
      run().then(
        (outcome) => {
          if (ended === undefined && (!outcome.ok || waitingSince !== undefined)) later()
        },
        () => later(),
      )
    }, everyMs)
  }

  // Whoever committed may have died since; and a database that was put back is noticed though nothing is written.
  const idle = setInterval(() => {
    if (ended === undefined && running === undefined) run().catch(() => {})
  }, idleMs)
  idle.unref()

  return {
    committed() {
      waitingSince ??= performance.now()
      later()
    },
    standing() {
      if (ended !== undefined) return ended
      const since = coveredSince ?? waitingSince
      if (anchor === undefined || since === undefined) return undefined
      return performance.now() - since > lagSecondsMax * 1000 ? behind : undefined
    },
    settled: run,
    async close() {
      isClosed = true
      clearInterval(idle)
      clearTimeout(timer)
      if (ended === undefined && waitingSince !== undefined) await run().catch(() => {})
      else await running?.catch(() => {})
    },
  }
}

/** Whether what an anchor holds is a block of this database. */
export async function belongs(
  ledger: Ledger,
  state: AnchorState | undefined,
): Promise<Result<true, AnchoringProblem>> {
  if (state === undefined || isLoss(state)) return anchorMissing
  const digest = await ledger.digestAt(state.sequence)
  if (digest === state.digest) return ok(true)
  return digest === undefined ? rolledBack : forked
}

/**
 * Whether the database still holds `from`, and goes on from it to `to`, block by block. One that was put back under a
 * running process does not, and neither does one whose blocks were only made up.
 */
async function goesOn(
  ledger: Ledger,
  from: AnchorState | undefined,
  to: AnchorState,
): Promise<Result<true, AnchoringProblem>> {
  if (from === undefined) return belongs(ledger, to)
  const held = await belongs(ledger, from)
  if (!held.ok) return held
  return to.sequence < from.sequence ? rolledBack : ledger.follows(from, to)
}

export const anchorMissing: ReturnType<typeof refuse<'anchor-missing'>> = refuse(
  'anchor-missing',
  'anchor',
  'There is data in the database, and no anchor: it was lost, or this is another anchor.',
)
const rolledBack = refuse(
  'database-rolled-back',
  'database',
  'The anchor knows of newer data: this database was put back to an earlier state.',
)
const forked = refuse(
  'database-forked',
  'database',
  'The anchor knows of other data: of two databases that go on from one state, this is the second.',
)
const behind = refuse(
  'anchor-behind',
  'anchor',
  'The anchor cannot be moved on, so nothing more is written.',
).problem

function unanchored(code: AnchorCode): Result<never, AnchoringProblem> {
  return code === 'anchor-unavailable'
    ? refuse(code, 'anchor', 'The anchor cannot be reached.')
    : refuse('anchor-refused', 'anchor', 'What the anchor answers cannot be believed.')
}

function isFatal({ code }: AnchoringProblem): boolean {
  return (
    code === 'database-forked' ||
    code === 'database-rolled-back' ||
    code === 'database-altered' ||
    code === 'anchor-missing'
  )
}
