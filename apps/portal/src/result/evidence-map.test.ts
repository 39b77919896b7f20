import fc from 'fast-check'
import { expect, test } from 'vitest'
import { meanOf, paint, probabilityOf, scaleOf, upsample } from './evidence-map.ts'

const maps = fc.array(
  fc.array(fc.double({ min: -20, max: 20, noNaN: true }), { minLength: 8, maxLength: 8 }),
  { minLength: 8, maxLength: 8 },
)

test('the mean is over all cells', () => {
  expect(
    meanOf([
      [1, 2],
      [3, -2],
    ]),
  ).toBe(1)
})

test('a logit of zero is a probability of one half', () => {
  expect(probabilityOf(0)).toBe(0.5)
  expect(probabilityOf(2.2)).toBeCloseTo(0.9002, 4)
})

test('the centre of every cell keeps the value of the cell', () => {
  fc.assert(
    fc.property(maps, (map) => {
      // 24 pixels to 8 cells: pixel 3k+1 is the centre of cell k.
      const values = upsample(map, 24, 24)
      for (const [row, cells] of map.entries())
        for (const [column, cell] of cells.entries())
          expect(values[(3 * row + 1) * 24 + 3 * column + 1]).toBeCloseTo(cell, 4)
    }),
    { numRuns: 20 },
  )
})

test('a constant map stays constant, up to its edges', () => {
  const map = Array.from({ length: 8 }, () => Array.from({ length: 8 }, () => 1.5))
  for (const value of upsample(map, 50, 30)) expect(value).toBeCloseTo(1.5, 5)
})

test('rows are rows: evidence at the top left is painted at the top left', () => {
  const map = Array.from({ length: 8 }, (_, row) =>
    Array.from({ length: 8 }, (_, column) => (row === 0 && column === 7 ? 4 : 0)),
  )
  const values = upsample(map, 16, 32)
  expect(values[15]).toBeGreaterThan(3)
  expect(values[16 * 31]).toBeCloseTo(0, 5)
})

test('for is red, against is blue, and the strongest cell is opaque', () => {
  const pixels = paint(new Float32Array([2, -1, 0]), 2)
  expect(Array.from(pixels.subarray(0, 4))).toEqual([214, 39, 40, 255])
  expect(Array.from(pixels.subarray(4, 8))).toEqual([31, 104, 224, 128])
  expect(pixels[11]).toBe(0)
})

test('a map of zeros is painted without dividing by zero', () => {
  const scale = scaleOf([[0, 0]])
  expect(scale).toBeGreaterThan(0)
  expect([...paint(new Float32Array([0]), scale)].every(Number.isFinite)).toBe(true)
})
