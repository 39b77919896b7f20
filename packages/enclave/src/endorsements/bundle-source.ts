import { ok, refuse } from '@sealward/attestation/bytes'
import type { Clock } from '../effects/index.ts'
import type { EndorsementBundle } from './bundle.ts'
import type { EndorsementSource } from './source.ts'
import { targetOf } from './target.ts'

/** Answers from a bundle, and asks nobody. */
export function createBundleSource(options: {
  readonly bundle: EndorsementBundle
  readonly clock: Clock
}): EndorsementSource {
  const { bundle, clock } = options
  const pieces = new Map(bundle.pieces.map(({ item, piece }) => [targetOf(item), piece]))
  return {
    async get(item) {
      const piece = pieces.get(targetOf(item))
      if (piece === undefined) {
        return refuse('endorsements-missing', item.kind, 'it is not in the bundle')
      }
      return clock.now() < piece.endsAt
        ? ok(piece)
        : refuse('endorsements-expired', item.kind, 'what is in the bundle has run out')
    },
    addressOf: (item) => `bundle:${targetOf(item)}`,
    close: async () => {},
  }
}
