import { expect, test } from 'vitest'
import { endorsementsLimits } from './limits.ts'
import { retryAfterOf } from './retry-after.ts'

const now = Date.parse('2026-11-27T10:00:00Z') / 1000

test.each<[string | undefined, number | undefined]>([
  ['120', 120],
  [' 0 ', 0],
  ['Fri, 27 Nov 2026 10:00:30 GMT', 30],
  ['Fri, 27 Nov 2026 09:00:00 GMT', 0],
  ['9999999999', endorsementsLimits.retryAfterSecondsMax],
  [undefined, undefined],
  ['', undefined],
  ['soon', undefined],
  ['-5', undefined],
  ['1.5', undefined],
  ['2026-11-27', undefined],
])('%j asks to wait %j seconds', (header, seconds) => {
  expect(retryAfterOf(header, now)).toBe(seconds)
})
