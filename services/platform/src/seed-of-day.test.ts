import { expect, test } from 'vitest'
import { knownBeforeSeconds, seedOfDay, versionsBefore } from './seed-of-day.ts'

const day = 24 * 3600
const at = (createdAt: number) => ({ createdAt })

test('a version is used from the first day that begins an hour after it was made, and the one before it until then', () => {
  const [first, second] = [at(20_000 * day + 100), at(20_003 * day - knownBeforeSeconds)]
  const versions = [second, first]
  expect(seedOfDay(versions, 20_002)).toBe(first)
  expect(seedOfDay(versions, 20_003)).toBe(second)
  const late = at(20_003 * day - knownBeforeSeconds + 1)
  expect(seedOfDay([late, first], 20_003)).toBe(first)
  expect(seedOfDay([late, first], 20_004)).toBe(late)
})

test('on the day that a deployment begins it is the oldest version, whatever came after', () => {
  const [first, second] = [at(20_000 * day + 100), at(20_000 * day + 200)]
  expect(seedOfDay([first], 20_000)).toBe(first)
  expect(seedOfDay([second, first], 20_000)).toBe(first)
  expect(() => seedOfDay([], 20_000)).toThrow(RangeError)
})

test('versions are done with when the day, and each after it, has a newer one', () => {
  const named = (version: string, createdAt: number) => ({ version, createdAt })
  const versions = [
    named('third', 20_009 * day),
    named('second', 20_003 * day - knownBeforeSeconds),
    named('first', 20_000 * day + 100),
  ]
  expect(versionsBefore(versions, 20_000)).toEqual([])
  expect(versionsBefore(versions, 20_002)).toEqual([])
  expect(versionsBefore(versions, 20_003)).toEqual(['first'])
  expect(versionsBefore(versions, 20_009)).toEqual(['first'])
  expect(versionsBefore(versions, 20_010)).toEqual(['second', 'first'])
})
