import { randomBytes } from 'node:crypto'
import { hexOf } from '@sealward/attestation/bytes'
import type { AnchorState } from './anchor.ts'

/**
 * What is put in the place of an anchor that is not there though there is data: it names this one loss. What is
 * signed for it fits no other, for of two losses each has its own.
 *
 * No ledger comes to such a digest: half of what SHA-256 gives would have to be zeros by chance.
 */
export function newLoss(): AnchorState {
  return { sequence: 1, digest: `${mark}${hexOf(randomBytes(16))}` }
}

/** Whether an anchor holds nothing but that it was lost. */
export function isLoss(state: AnchorState): boolean {
  return state.digest.startsWith(mark)
}

const mark = '0'.repeat(32)
