import { expect, test } from 'vitest'
import { type PatientForm, patientOf, problemsOf } from './patient-form.ts'

const today = '2026-11-23'
const good: PatientForm = {
  identifier: 'MRN-0001/7',
  family: "O'Neill-Núñez",
  given: '小明',
  gender: 'female',
  birthDate: '2023-02-28',
}

test('a complete form has no problem', () => {
  expect(problemsOf(good, today)).toEqual({})
})

test('each field that is empty is named', () => {
  const empty = { identifier: ' ', family: '', given: '\t', gender: '', birthDate: '' }
  expect(problemsOf(empty, today)).toEqual({
    identifier: 'missing',
    family: 'missing',
    given: 'missing',
    gender: 'no-choice',
    birthDate: 'missing',
  })
})

test('what does not belong into a field is refused', () => {
  const cases = [
    [{ identifier: 'x'.repeat(65) }, { identifier: 'too-long' }],
    [{ identifier: 'a|b' }, { identifier: 'characters' }],
    [{ family: '<b>' }, { family: 'characters' }],
    [{ given: 'y'.repeat(101) }, { given: 'too-long' }],
    [{ gender: 'none' }, { gender: 'no-choice' }],
    [{ birthDate: '2023-02-29' }, { birthDate: 'not-a-date' }],
    [{ birthDate: '23-2-2' }, { birthDate: 'not-a-date' }],
    [{ birthDate: '2026-11-24' }, { birthDate: 'in-the-future' }],
    [{ birthDate: '1890-01-01' }, { birthDate: 'too-long-ago' }],
  ] as const
  for (const [change, problems] of cases)
    expect(problemsOf({ ...good, ...change }, today)).toEqual(problems)
})

test('somebody born today can be registered', () => {
  expect(problemsOf({ ...good, birthDate: today }, today)).toEqual({})
})

test('the resource carries what was typed, without surrounding space', () => {
  expect(patientOf({ ...good, family: '  Li ' })).toMatchObject({
    resourceType: 'Patient',
    identifier: [{ value: 'MRN-0001/7' }],
    name: [{ family: 'Li', given: ['小明'] }],
    gender: 'female',
    birthDate: '2023-02-28',
  })
})
