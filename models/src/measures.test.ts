import { expect, test } from 'vitest'
import { areaUnderCurve, operatingPoint, quantile, youdenThreshold } from './measures.ts'

const labels = [false, false, true, false, true, true]
const scores = Float32Array.of(0.1, 0.2, 0.3, 0.4, 0.8, 0.9)

test('the area under the curve counts pairs in the right order', () => {
  expect(areaUnderCurve(labels, scores)).toBeCloseTo(8 / 9, 12)
})

test('equal scores of both classes count half', () => {
  expect(areaUnderCurve([true, false], Float32Array.of(0.5, 0.5))).toBe(0.5)
})

test('a score at the threshold is positive', () => {
  expect(operatingPoint(labels, scores, scores[3] as number)).toMatchObject({
    truePositives: 2,
    falsePositives: 1,
    trueNegatives: 2,
    falseNegatives: 1,
    sensitivity: 2 / 3,
    specificity: 2 / 3,
    accuracy: 4 / 6,
  })
})

test('the Youden threshold lies between the scores that it parts', () => {
  expect(youdenThreshold(labels, scores)).toBeCloseTo(0.25, 6)
})

test('a quantile is one of the values', () => {
  expect(quantile(scores, 0.5)).toBeCloseTo(0.3, 6)
  expect(quantile(scores, 1)).toBeCloseTo(0.9, 6)
})
