import type { Patient } from '@medplum/fhirtypes'
import type { FilmIdentity } from '@sealward/imaging'
import { expect, test } from 'vitest'
import { differences } from './films.ts'

const patient: Patient = {
  resourceType: 'Patient',
  identifier: [
    { system: 'a', value: '4711' },
    { system: 'b', value: 'X-9' },
  ],
  name: [{ family: 'Müller', given: ['Ada', 'Maria'] }],
  birthDate: '1964-08-12',
  gender: 'female',
}

const identity = (changes: Partial<FilmIdentity> = {}): FilmIdentity => ({
  patientId: '4711',
  issuerOfPatientId: undefined,
  name: 'MÜLLER^ADA',
  family: 'MÜLLER',
  given: 'ADA',
  birthDate: '1964-08-12',
  sex: 'female',
  accessionNumber: undefined,
  studyDate: undefined,
  otherPatientIds: [],
  ...changes,
})

test('the same person, written as a modality writes, is no difference', () => {
  expect(differences(identity(), patient)).toEqual([])
  expect(differences(identity({ patientId: 'x-9', given: 'Ada Maria' }), patient)).toEqual([])
})

test('what a file leaves out is no difference', () => {
  const nothing = identity({
    patientId: undefined,
    family: undefined,
    given: ' ',
    birthDate: undefined,
    sex: undefined,
  })
  expect(differences(nothing, patient)).toEqual([])
})

test('each difference is named by its code, and never by a value', () => {
  const other = identity({ patientId: '1', family: 'Meier', birthDate: '1964-08-21', sex: 'male' })
  expect(differences(other, patient)).toEqual([
    'patient-id-differs',
    'name-differs',
    'birth-date-differs',
    'sex-differs',
  ])
  expect(differences(identity({ given: 'Eva' }), patient)).toEqual(['name-differs'])
})
