import type { Problem } from '@sealward/attestation/bytes'

/**
 * `sealed-malformed`: not of our form. `sealed-mismatch`: moved, swapped, rolled back, altered, or sealed
 * by another key. `data-key-mismatch`: the same of a wrapped data key. `sealed-key-unknown`: sealed under
 * a master key that is not here, and may be had.
 */
export type SealingCode =
  | 'sealed-malformed'
  | 'sealed-mismatch'
  | 'data-key-mismatch'
  | 'sealed-key-unknown'

export type SealingProblem = Problem<SealingCode>
