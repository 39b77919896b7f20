import type { Patient } from '@medplum/fhirtypes'
import { patientNumberSystem } from './patient-form.ts'

/** Scripts whose names are written family name first and without a space. */
const eastAsian = /^[\p{Script=Han}\p{Script=Hangul}\p{Script=Hiragana}\p{Script=Katakana}]/u

/** A patient's name as it is written. */
export function nameOf(patient: Patient): string {
  const name = patient.name?.find(({ use }) => use === 'official') ?? patient.name?.[0]
  const family = name?.family ?? ''
  const given = (name?.given ?? []).join(' ')
  if (family === '' && given === '') return name?.text ?? '–'
  if (eastAsian.test(family)) return `${family}${given}`
  return [family, given].filter((part) => part !== '').join(', ')
}

/** The number that the hospital knows a patient by, or a dash. */
export function numberOf(patient: Patient): string {
  return numberIn(patient) ?? '–'
}

/** The number that the hospital knows a patient by. */
export function numberIn(patient: Patient): string | undefined {
  const identifiers = patient.identifier ?? []
  const ours = identifiers.find(({ system }) => system === patientNumberSystem) ?? identifiers[0]
  return ours?.value
}

/** Age in whole years, and in whole months for whoever is younger than two. */
export function ageOf(
  birthDate: string,
  today: string,
): { readonly unit: 'years' | 'months'; readonly n: number } {
  const [year, month, day] = birthDate.split('-').map(Number)
  const [nowYear, nowMonth, nowDay] = today.split('-').map(Number)
  const months =
    ((nowYear ?? 0) - (year ?? 0)) * 12 +
    ((nowMonth ?? 0) - (month ?? 1)) -
    ((nowDay ?? 0) < (day ?? 1) ? 1 : 0)
  return months < 24
    ? { unit: 'months', n: Math.max(0, months) }
    : { unit: 'years', n: Math.floor(months / 12) }
}

/** Today where the reader is, as `YYYY-MM-DD`. */
export function todayOf(now: number): string {
  const date = new Date(now * 1000)
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
}
