import type { DiagnosticReport } from '@medplum/fhirtypes'
import { expect, test } from 'vitest'
import { modelsConclusionOf } from './conclusion.ts'

const report: DiagnosticReport = { resourceType: 'DiagnosticReport', status: 'final', code: {} }
const coded = (system: string, code: string): DiagnosticReport => ({
  ...report,
  conclusion: 'The model reads no signs of pneumonia.',
  conclusionCode: [{ coding: [{ system, code }] }],
})

test('the model is known by its code', () => {
  expect(modelsConclusionOf(coded('urn:sealward:codes', 'model-positive'))).toBe('positive')
  expect(modelsConclusionOf(coded('urn:sealward:codes', 'model-negative'))).toBe('negative')
})

test('the same words without the code, or with another code, are a clinician’s', () => {
  expect(modelsConclusionOf({ ...report, conclusion: 'The model reads no signs.' })).toBeUndefined()
  expect(modelsConclusionOf(coded('http://snomed.info/sct', 'model-negative'))).toBeUndefined()
  expect(modelsConclusionOf(coded('urn:sealward:codes', 'other'))).toBeUndefined()
})
