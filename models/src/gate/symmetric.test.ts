import { expect, test } from 'vitest'
import { seededRandom } from '../learning/random.ts'
import { eigenOf, momentsOf } from './symmetric.ts'

const random = seededRandom(3)

test('eigenvectors give the matrix back', () => {
  const size = 12
  const matrix = new Float64Array(size * size)
  for (let row = 0; row < size; row++) {
    for (let column = row; column < size; column++) {
      const value = random.normal()
      matrix[row * size + column] = value
      matrix[column * size + row] = value
    }
  }
  const { values, vectors } = eigenOf(matrix, size)
  for (let row = 0; row < size; row++) {
    for (let column = 0; column < size; column++) {
      let sum = 0
      for (let k = 0; k < size; k++) {
        sum +=
          (values[k] as number) *
          (vectors[k * size + row] as number) *
          (vectors[k * size + column] as number)
      }
      expect(sum).toBeCloseTo(matrix[row * size + column] as number, 9)
    }
  }
  expect([...values]).toEqual([...values].sort((one, other) => other - one))
})

test('moments are those of the definition', () => {
  const { mean, covariance } = momentsOf(Float32Array.of(1, 2, 3, 6), 2)
  expect([...mean]).toEqual([2, 4])
  expect([...covariance]).toEqual([1, 2, 2, 4])
})
