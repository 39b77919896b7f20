import type { EndorsementItem } from './item.ts'

/**
 * Who could make us ask for how many: `common`, of which there are few, or one for each platform family; `chip`, one for each chip
 * and each TCB that a report may state; `numbered`, one for each number that a policy may state.
 */
export type ItemScope = 'common' | 'chip' | 'numbered'

export function scopeOf(item: EndorsementItem): ItemScope {
  if (item.kind === 'vcek') return 'chip'
  return 'baseline' in item && typeof item.baseline === 'number' ? 'numbered' : 'common'
}
