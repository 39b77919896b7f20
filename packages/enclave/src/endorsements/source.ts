import type { Problem, Result } from '@sealward/attestation/bytes'
import type { EndorsementItem, EndorsementPiece } from './item.ts'
import type { SourceCode } from './problems.ts'

/** Where endorsements come from: a service, a cache before one, a file. */
export interface EndorsementSource {
  /** Never rejects. What it answers has not run out, unless it was made to hand that on. */
  get(item: EndorsementItem): Promise<Result<EndorsementPiece, Problem<SourceCode>>>
  /** Where `item` comes from: the same text for the same thing, for caches. */
  addressOf(item: EndorsementItem): string
  close(): Promise<void>
}
