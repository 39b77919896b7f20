import type { Patient } from '@medplum/fhirtypes'
import { identifierCharactersMax, nameCharactersMax } from '../limits.ts'

/** The naming system of the numbers that this portal gives and looks up. */
export const patientNumberSystem = 'urn:sealward:patient-number'

export interface PatientForm {
  readonly identifier: string
  readonly family: string
  readonly given: string
  readonly gender: string
  /** `YYYY-MM-DD` */
  readonly birthDate: string
}

export const emptyForm: PatientForm = {
  identifier: '',
  family: '',
  given: '',
  gender: '',
  birthDate: '',
}

/** What is wrong with one field. */
export type FieldProblem =
  | 'missing'
  | 'too-long'
  | 'characters'
  | 'no-choice'
  | 'not-a-date'
  | 'in-the-future'
  | 'too-long-ago'

export type FormProblems = Readonly<Partial<Record<keyof PatientForm, FieldProblem>>>

export const genders = ['female', 'male', 'other', 'unknown'] as const

/** No human being has lived this long, so a date before that is a slip. */
const lifeYearsMax = 130

/**
 * Finds what is wrong with each field.
 *
 * @param today as `YYYY-MM-DD`.
 */
export function problemsOf(form: PatientForm, today: string): FormProblems {
  const found = {
    identifier: problemOfText(form.identifier, identifierCharactersMax, /^[\p{L}\p{N} ./-]+$/u),
    family: problemOfText(form.family, nameCharactersMax, namePattern),
    given: problemOfText(form.given, nameCharactersMax, namePattern),
    gender: (genders as readonly string[]).includes(form.gender) ? undefined : 'no-choice',
    birthDate: problemOfDate(form.birthDate, today),
  } as const
  return Object.fromEntries(Object.entries(found).filter(([, problem]) => problem !== undefined))
}

/** Letters and marks of any script, and what stands between them in names. */
const namePattern = /^[\p{L}\p{M}\p{N} .,'’·・-]+$/u

function problemOfText(
  text: string,
  charactersMax: number,
  allowed: RegExp,
): FieldProblem | undefined {
  const trimmed = text.trim()
  if (trimmed === '') return 'missing'
  if (trimmed.length > charactersMax) return 'too-long'
  return allowed.test(trimmed) ? undefined : 'characters'
}

/** What is wrong with a birth date; `undefined` where nothing is. */
export function problemOfDate(date: string, today: string): FieldProblem | undefined {
  if (date === '') return 'missing'
  const time = /^\d{4}-\d{2}-\d{2}$/.test(date) ? Date.parse(`${date}T00:00:00Z`) : Number.NaN
  // `2023-02-30` parses to another day in some engines, and to none in others.
  if (Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== date) return 'not-a-date'
  if (date > today) return 'in-the-future'
  return Number(today.slice(0, 4)) - Number(date.slice(0, 4)) > lifeYearsMax
    ? 'too-long-ago'
    : undefined
}

/** The resource for a form without problems. */
export function patientOf(form: PatientForm): Patient {
  return {
    resourceType: 'Patient',
    active: true,
    identifier: [{ system: patientNumberSystem, value: form.identifier.trim() }],
    name: [{ use: 'official', family: form.family.trim(), given: [form.given.trim()] }],
    gender: form.gender as NonNullable<Patient['gender']>,
    birthDate: form.birthDate,
  }
}
