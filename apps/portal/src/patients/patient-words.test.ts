import { expect, test } from 'vitest'
import { ageOf, nameOf, numberOf } from './patient-words.ts'

test('a name is written as its script writes it', () => {
  const named = (family: string, given: string) =>
    nameOf({ resourceType: 'Patient', name: [{ family, given: [given] }] })
  expect(named('Martin', 'Alice')).toBe('Martin, Alice')
  expect(named('王', '小明')).toBe('王小明')
  expect(nameOf({ resourceType: 'Patient' })).toBe('–')
})

test('the number of this portal comes before others', () => {
  expect(
    numberOf({
      resourceType: 'Patient',
      identifier: [
        { system: 'urn:other', value: '1' },
        { system: 'urn:sealward:patient-number', value: '2' },
      ],
    }),
  ).toBe('2')
})

test('age is told in months below two years, and turns on the birthday', () => {
  expect(ageOf('2024-11-24', '2026-11-23')).toEqual({ unit: 'months', n: 23 })
  expect(ageOf('2024-11-23', '2026-11-23')).toEqual({ unit: 'years', n: 2 })
  expect(ageOf('1980-12-01', '2026-11-23')).toEqual({ unit: 'years', n: 45 })
  expect(ageOf('2026-11-23', '2026-11-23')).toEqual({ unit: 'months', n: 0 })
})
