import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { generateDefinitions, printDefinitions } from './generate-definitions.ts'
import { parseResource } from './parse-resource.ts'

const patient = {
  resourceType: 'Patient',
  identifier: [{ system: 'urn:example:mrn', value: '4711' }],
  name: [{ family: 'Muster', given: ['Erika'] }],
  gender: 'female',
  birthDate: '1964-08-12',
}

test('a patient that meets R4 is read', () => {
  expect(parseResource('Patient', patient)).toEqual({ ok: true, value: patient })
})

test.each([
  ['an unknown element', { shoeSize: 43 }],
  ['a code outside a required binding', { gender: 'xyz' }],
  ['a code outside a required binding of a data type', { name: [{ family: 'M', use: 'stage' }] }],
  ['a day that does not exist', { birthDate: '1964-02-30' }],
  ['a wrong JSON type', { active: 'yes' }],
  ['a broken invariant (pat-1)', { contact: [{ gender: 'male' }] }],
  ['two of one choice', { deceasedBoolean: true, deceasedDateTime: '2020-01-01' }],
  ['a reference to a wrong type', { generalPractitioner: [{ reference: 'Patient/1' }] }],
  ['null', { name: null }],
])('%s is refused', (_, change) => {
  expect(parseResource('Patient', { ...patient, ...change })).toMatchObject({
    ok: false,
    problem: { code: 'resource-invalid' },
  })
})

test('a resource of another type is refused', () => {
  expect(parseResource('Patient', { resourceType: 'Device' })).toMatchObject({
    ok: false,
    problem: { code: 'wrong-resource-type' },
  })
})

test.each([undefined, null, 7, 'Patient', [], {}])('%j is refused as no resource', (json) => {
  expect(parseResource('Patient', json)).toMatchObject({ ok: false })
})

test('a missing required element is refused', () => {
  expect(parseResource('Task', { resourceType: 'Task', intent: 'order' })).toMatchObject({
    ok: false,
    problem: { code: 'resource-invalid' },
  })
})

test('definitions.ndjson is what the generator makes of the published definitions', () => {
  const committed = readFileSync(new URL('./definitions.ndjson', import.meta.url), 'utf8')
  expect(committed === printDefinitions(generateDefinitions())).toBe(true)
})
