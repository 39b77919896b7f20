import fc from 'fast-check'
import { expect, test } from 'vitest'
import { statusOf, type TrustVector, tierOf, trustAspects, trustTiers } from './index.ts'
import { worseOf } from './trust-vector.ts'

const value = fc.integer({ min: -128, max: 127 })
const vector: fc.Arbitrary<TrustVector> = fc
  .tuple(...trustAspects.map(() => value))
  .map((values) => Object.fromEntries(trustAspects.map((name, at) => [name, values[at]])))
  .map((made) => made as unknown as TrustVector)

const rank = (number: number): number => trustTiers.indexOf(tierOf(number))

test('a status is the tier of the worst entry: never better, never worse', () => {
  fc.assert(
    fc.property(vector, (trust) => {
      const status = trustTiers.indexOf(statusOf(trust))
      const ranks = trustAspects.map((aspect) => rank(trust[aspect]))
      expect(ranks.every((one) => status >= one)).toBe(true)
      expect(ranks).toContain(status)
    }),
  )
})

test('worsening an entry never makes a status better', () => {
  fc.assert(
    fc.property(vector, fc.constantFrom(...trustAspects), value, (trust, aspect, other) => {
      const worse = { ...trust, [aspect]: worseOf(trust[aspect], other) }
      expect(trustTiers.indexOf(statusOf(worse))).toBeGreaterThanOrEqual(
        trustTiers.indexOf(statusOf(trust)),
      )
    }),
  )
})

test('the tiers have the bounds that AR4SI gives them', () => {
  const bounds = [
    ['contraindicated', -128, -97],
    ['warning', -96, -33],
    ['affirming', -32, -2],
    ['none', -1, 1],
    ['affirming', 2, 31],
    ['warning', 32, 95],
    ['contraindicated', 96, 127],
  ] as const
  for (const [tier, from, to] of bounds) {
    expect([tierOf(from), tierOf(to)]).toEqual([tier, tier])
  }
})

test('of which nothing is said makes nothing worse', () => {
  const nothing = Object.fromEntries(
    trustAspects.map((name) => [name, 0]),
  ) as unknown as TrustVector
  expect(statusOf(nothing)).toBe('none')
  expect(statusOf({ ...nothing, hardware: 2 })).toBe('affirming')
  expect(statusOf({ ...nothing, hardware: 2, executables: 33 })).toBe('warning')
})
