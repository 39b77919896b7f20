import { expect, test } from 'vitest'
import type { Radiographs } from '../data/radiographs.ts'
import type { Parameter } from '../network/parameters.ts'
import { AdamW, oneCycleRate } from './adamw.ts'
import { augment, augmentation } from './augment.ts'
import { learn, learningSettings } from './learn.ts'
import { permutation, seededRandom } from './random.ts'

const parameter = (value: number, decays: boolean): Parameter => ({
  name: 'p',
  shape: [1],
  data: Float32Array.of(value),
  decays,
})

test('the first step of AdamW is the rate against the sign of the gradient, and the decay', () => {
  const weight = parameter(2, true)
  new AdamW([weight]).step([weight], () => Float32Array.of(0.3), 0.1)
  expect(weight.data[0]).toBeCloseTo(2 * (1 - 0.1 * 0.01) - 0.1, 5)
  const bias = parameter(2, false)
  new AdamW([bias]).step([bias], () => Float32Array.of(-0.3), 0.1)
  expect(bias.data[0]).toBeCloseTo(2.1, 5)
})

test('AdamW finds the bottom of a bowl', () => {
  const weight = parameter(5, false)
  const optimiser = new AdamW([weight])
  for (let step = 0; step < 400; step++) {
    optimiser.step([weight], () => weight.data.map((value) => 2 * (value - 1)), 0.05)
  }
  expect(weight.data[0]).toBeCloseTo(1, 2)
})

test('the rate rises to its peak and falls to nothing', () => {
  const rates = Array.from({ length: 100 }, (_, step) => oneCycleRate(step, 100, 4e-3))
  expect(Math.max(...rates)).toBeCloseTo(4e-3, 6)
  expect(rates.indexOf(Math.max(...rates))).toBe(25)
  expect(rates.at(-1)).toBeLessThan(1e-5)
})

test('the same seed gives the same numbers, another seed others', () => {
  const draw = (seed: number): number[] => {
    const random = seededRandom(seed)
    return Array.from({ length: 8 }, () => random.uniform())
  }
  expect(draw(1)).toEqual(draw(1))
  expect(draw(1)).not.toEqual(draw(2))
  expect([...permutation(50, seededRandom(4))].sort((one, other) => one - other)).toEqual(
    Array.from({ length: 50 }, (_, index) => index),
  )
})

test('normal numbers have mean zero and variance one', () => {
  const random = seededRandom(8)
  const numbers = Array.from({ length: 20_000 }, () => random.normal())
  const mean = numbers.reduce((sum, value) => sum + value, 0) / numbers.length
  const variance = numbers.reduce((sum, value) => sum + (value - mean) ** 2, 0) / numbers.length
  expect(Math.abs(mean)).toBeLessThan(0.03)
  expect(Math.abs(variance - 1)).toBeLessThan(0.05)
})

test('augmentation within limits of zero gives the film back', () => {
  const image = Float32Array.from({ length: 4096 }, (_, index) => ((index * 7) % 256) / 255)
  const target = new Float32Array(4096)
  const nothing = Object.fromEntries(Object.keys(augmentation).map((name) => [name, 0]))
  augment(image, target, nothing as unknown as typeof augmentation, seededRandom(1))
  image.forEach((value, index) => {
    expect(target[index]).toBeCloseTo(value, 5)
  })
})

test('learning twice from the same films gives the same bits', { timeout: 60_000 }, async () => {
  const random = seededRandom(2)
  const films: Radiographs = {
    rows: Array.from({ length: 16 }, (_, index) => ({
      path: `${index}`,
      pneumonia: index % 3 !== 0,
      subtype: 'none',
      patient: `${index}`,
      split: 'train',
      sha256: '',
      duplicateOf: undefined,
    })),
    pixels: Float32Array.from({ length: 16 * 4096 }, () => random.uniform()),
  }
  const settings = { ...learningSettings, epochs: 2, batch: 8 }
  const losses: number[] = []
  const once = await learn(films, settings, (_, loss) => losses.push(loss))
  const again = await learn(films, settings, (_, loss) => losses.push(loss))
  expect(again).toEqual(once)
  expect(losses.slice(0, 2)).toEqual(losses.slice(2))
})
