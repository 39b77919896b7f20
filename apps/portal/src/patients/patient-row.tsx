import type { Patient } from '@medplum/fhirtypes'
import type { ReactElement } from 'react'
import { useTranslation } from 'react-i18next'
import { usePortal } from '../app/portal.ts'
import { useDay } from '../ui/format.ts'
import { ageOf, nameOf, numberOf, todayOf } from './patient-words.ts'

/** One patient of a list: a link to their page. */
export function PatientRow({
  patient,
  testId = 'patient-row',
}: {
  readonly patient: Patient
  readonly testId?: string
}): ReactElement {
  const particulars = usePatientParticulars()
  return (
    <li>
      <a className="row" href={`#/patients/${patient.id}`} data-testid={testId}>
        <span className="row-main">{nameOf(patient)}</span>
        <span className="row-side">{particulars(patient)}</span>
        <code className="row-code">{numberOf(patient)}</code>
      </a>
    </li>
  )
}

/** Sex, birth date and age in one line. */
export function usePatientParticulars(): (patient: Patient) => string {
  const { t } = useTranslation()
  const { effects } = usePortal()
  const day = useDay()
  return ({ gender, birthDate }) => {
    const parts: string[] = []
    if (gender !== undefined) parts.push(t(`patient.sex.${gender}`))
    if (birthDate !== undefined) {
      const { unit, n } = ageOf(birthDate, todayOf(effects.now()))
      parts.push(day(birthDate), t(`patient.age.${unit}`, { n }))
    }
    return parts.join(' · ')
  }
}
