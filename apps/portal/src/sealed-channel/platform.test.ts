import { utf8Of } from '@sealward/attestation/bytes'
import { expect, test } from 'vitest'
import { problemOfAnswer } from './platform.ts'

const answer = (status: number, body: unknown) => ({
  status,
  headers: {},
  body: utf8Of(typeof body === 'string' ? body : JSON.stringify(body)),
})

test('the code of an OperationOutcome is read', () => {
  const outcome = {
    resourceType: 'OperationOutcome',
    issue: [
      {
        severity: 'error',
        code: 'invalid',
        details: { coding: [{ code: 'birth-date-malformed' }] },
        expression: ['Patient.birthDate'],
        diagnostics: 'not a date',
      },
    ],
  }
  expect(problemOfAnswer(answer(422, outcome))).toEqual({
    status: 422,
    code: 'birth-date-malformed',
    at: 'Patient.birthDate',
    detail: 'not a date',
  })
})

test('the code of problem details is read', () => {
  const problem = { type: 'urn:sealward:problem:not-a-chest-radiograph', detail: 'd', at: 'image' }
  expect(problemOfAnswer(answer(422, problem))).toMatchObject({ code: 'not-a-chest-radiograph' })
})

test('an answer that says nothing is known by its status', () => {
  for (const body of ['', '<html>', 'null', '[]', { issue: [] }, { type: 7 }])
    expect(problemOfAnswer(answer(502, body))).toEqual({
      status: 502,
      code: 'http-502',
      at: '',
      detail: '',
    })
})
