import type { Patient } from '@medplum/fhirtypes'
import { expect, test } from 'vitest'
import { emptyErasureForm, problemsOfErasure, proofFor } from './erasure-form.ts'

const patient: Patient = {
  resourceType: 'Patient',
  identifier: [
    { system: 'urn:other', value: 'A-1' },
    { system: 'urn:sealward:patient-number', value: 'B-2' },
  ],
  name: [{ family: 'Martin', given: ['Alice'] }],
}

test('what has to be written is the number that the page shows, or the name of who has none', () => {
  expect(proofFor(patient)).toEqual({ of: 'number', text: 'B-2' })
  expect(proofFor({ ...patient, identifier: [] })).toEqual({ of: 'name', text: 'Martin, Alice' })
})

test('both have to be written', () => {
  expect(problemsOfErasure(emptyErasureForm, 'B-2')).toEqual({
    reason: 'missing',
    proof: 'missing',
  })
  expect(problemsOfErasure({ reason: ' \n', proof: ' ' }, 'B-2')).toEqual({
    reason: 'missing',
    proof: 'missing',
  })
})

test('another number is not taken, not even one that begins alike', () => {
  for (const proof of ['B-', 'B-22', 'b-2', 'A-1', '–']) {
    expect(problemsOfErasure({ reason: 'asked for', proof }, 'B-2'), proof).toEqual({
      proof: 'differs',
    })
  }
})

test('space around it and full width make no difference', () => {
  for (const proof of ['B-2', ' B-2 ', 'B-２', 'Ｂ－２']) {
    expect(problemsOfErasure({ reason: 'asked for', proof }, 'B-2'), proof).toEqual({})
  }
})

test('a reason is as long as the platform takes it', () => {
  const reason = 'x'.repeat(1000)
  expect(problemsOfErasure({ reason, proof: 'B-2' }, 'B-2')).toEqual({})
  expect(problemsOfErasure({ reason: `${reason}x`, proof: 'B-2' }, 'B-2')).toEqual({
    reason: 'too-long',
  })
})
