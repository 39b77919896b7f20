import { expect, test } from 'vitest'
import { createTokenBucket } from './token-bucket.ts'

test('a burst passes, and then one a turn', () => {
  const bucket = createTokenBucket({ burst: 3, perSecond: 0.5 })
  const waits = [1, 2, 3, 4, 5].map(() => bucket.take(100, 10))
  expect(waits).toEqual([0, 0, 0, 2, 4])
})

test('who would have to wait too long takes no turn from others', () => {
  const bucket = createTokenBucket({ burst: 1, perSecond: 0.5 })
  bucket.take(100, 10)
  expect(bucket.take(100, 1)).toBeUndefined()
  expect(bucket.take(100, 10)).toBe(2)
})

test('pauses fill it again, never beyond the burst', () => {
  const bucket = createTokenBucket({ burst: 2, perSecond: 1 })
  bucket.take(100, 10)
  bucket.take(100, 10)
  expect([1, 2, 3].map(() => bucket.take(1000, 10))).toEqual([0, 0, 1])
})

test('a host that said when to come again is left alone until then', () => {
  const bucket = createTokenBucket({ burst: 10, perSecond: 1 })
  bucket.block(100, 30)
  expect(bucket.take(101, 10)).toBeUndefined()
  expect(bucket.take(125, 10)).toBe(5)
  // A shorter word does not take back a longer one.
  bucket.block(125, 1)
  expect(bucket.take(127, 10)).toBe(3)
  expect(bucket.take(130, 10)).toBe(0)
})

test('a clock that is turned back blocks nobody for ever', () => {
  const bucket = createTokenBucket({ burst: 10, perSecond: 1 })
  bucket.block(1_000_000, 30)
  expect(bucket.take(1000, 10)).toBe(0)
})
