import { PassThrough, Readable } from 'node:stream'
import { expect, test } from 'vitest'
import { arriving } from './arriving.ts'
import { bodyWithin, createBudget, overloaded } from './body.ts'
import { sealedHttpLimits } from './limits.ts'

const pieces = (...sizes: readonly number[]): Readable =>
  Readable.from(sizes.map((size) => Buffer.alloc(size, 7)))

test('a body is what has come, whole, and is held until it is given back', async () => {
  const budget = createBudget(10)
  expect(await bodyWithin(budget, pieces(3, 4), 8)).toEqual(Buffer.alloc(7, 7))
  expect(await bodyWithin(budget, pieces(4), 8)).toBe(overloaded)
  budget.give(7)
  expect(await bodyWithin(budget, pieces(4), 8)).toEqual(Buffer.alloc(4, 7))
})

test('strangers together hold no more than there is room for, and those who go leave nothing behind', async () => {
  const budget = createBudget(10)
  const slow = [new PassThrough(), new PassThrough(), new PassThrough()]
  const bodies = slow.map((stream) => bodyWithin(budget, arriving(stream, sealedHttpLimits), 8))
  for (const stream of slow) stream.write(Buffer.alloc(4))
  expect(await Promise.race(bodies)).toBe(overloaded)
  for (const stream of slow) stream.destroy(new Error('gone'))
  await Promise.allSettled(bodies)
  expect(budget.take(10)).toBe(true)
})

test('a body that is too large is refused, holds nothing, and its connection can still be answered', async () => {
  const budget = createBudget(100)
  const stream = pieces(5, 5)
  await expect(bodyWithin(budget, arriving(stream, sealedHttpLimits), 8)).rejects.toMatchObject({
    problem: { code: 'too-large' },
  })
  expect(stream.destroyed).toBe(false)
  expect(budget.take(100)).toBe(true)
})
