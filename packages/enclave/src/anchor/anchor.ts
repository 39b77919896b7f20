import type { Problem, Result } from '@sealward/attestation/bytes'

/** How far a ledger had come, and what it was then. */
export interface AnchorState {
  /** Counts up with every block of the ledger. */
  readonly sequence: number
  /** Hex SHA-256 of the ledger's head. */
  readonly digest: string
}

/**
 * `anchor-unavailable`: it cannot be reached; whoever asks again later may be answered. `anchor-conflict`:
 * it is not, or no longer, what was expected. `anchor-refused`: what it holds or answers is not an anchor's.
 */
export type AnchorCode = 'anchor-unavailable' | 'anchor-conflict' | 'anchor-refused'

export type AnchorProblem = Problem<AnchorCode>

/**
 * A place outside a database that remembers how far its ledger has come, so that a database which was put
 * back is told from the one that is.
 *
 * @see docs/spec/anchors.md
 */
export interface Anchor {
  /** `undefined` where nothing has been anchored yet. */
  read(): Promise<Result<AnchorState | undefined, AnchorProblem>>
  /** Puts `next` in the place of `expected`, or refuses with `anchor-conflict`. A sequence only ever grows. */
  advance(
    expected: AnchorState | undefined,
    next: AnchorState,
  ): Promise<Result<true, AnchorProblem>>
}

/** Whether two say the same. */
export function sameState(one: AnchorState | undefined, other: AnchorState | undefined): boolean {
  return one?.sequence === other?.sequence && one?.digest === other?.digest
}
