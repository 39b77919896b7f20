import { expect, test } from 'vitest'
import { fuzz } from './fuzz.ts'
import { fuzzTargets } from './targets.ts'

const targets = await fuzzTargets()

test('there are parsers to try', () => {
  expect(targets.length).toBeGreaterThan(14)
})

test.each(targets)('$name stands what is made of its seeds', (target) => {
  const report = fuzz(target, { seed: 20_261_127, executionsMax: 1500, secondsMax: 10 })
  process.stdout.write(`${target.name}: ${report.executions} inputs\n`)
  expect(report.executions).toBeGreaterThan(100)
  expect(report.finding).toBe(undefined)
})

test('a parser that throws, and one that takes too long, are found', () => {
  const seeds = [new Uint8Array(8)]
  const settings = { seed: 1, executionsMax: 500, secondsMax: 20 }
  const throwing = {
    name: 'throwing',
    seeds,
    run: (input: Uint8Array): unknown => {
      if (input[0] === 0xff) throw new Error('found')
      return undefined
    },
  }
  const slow = {
    name: 'slow',
    seeds,
    run: (input: Uint8Array): unknown => {
      const end = performance.now() + (input[0] === 0xff ? 400 : 0)
      while (performance.now() < end);
      return undefined
    },
  }
  expect(fuzz(throwing, settings).finding).toMatchObject({ what: 'throws Error: found' })
  expect(fuzz(slow, settings).finding).toMatchObject({ what: 'takes too long' })
})
