import { expect, test } from 'vitest'
import { createClientRates } from './client-rates.ts'

test('who asks too often waits, and nobody else does', () => {
  const rates = createClientRates({ burst: 3, perSecond: 0.5 }, 100)
  expect([1, 2, 3, 4, 5].map(() => rates.take('greedy', 100))).toEqual([0, 0, 0, 2, 2])
  expect(rates.take('modest', 100)).toBe(0)
  expect(rates.take('greedy', 102)).toBe(0)
  expect(rates.take('greedy', 102)).toBe(2)
})

test('a flood of clients takes no more memory than is allowed, and keeps nobody out', () => {
  const rates = createClientRates({ burst: 1, perSecond: 0.1 }, 1000)
  for (let client = 0; client < 100_000; client++) {
    expect(rates.take(`client ${client}`, 100)).toBe(0)
  }
  expect(rates.size).toBe(1000)
  expect(rates.take('one more', 100)).toBe(0)
})

test('a client that keeps asking stays counted while others come and go', () => {
  const rates = createClientRates({ burst: 1, perSecond: 0.1 }, 10)
  rates.take('greedy', 100)
  for (let client = 0; client < 1000; client++) {
    rates.take(`client ${client}`, 100)
    expect(rates.take('greedy', 100)).toBe(10)
  }
})
