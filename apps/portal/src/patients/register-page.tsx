import type { Patient } from '@medplum/fhirtypes'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type ReactElement, type SubmitEvent, useRef, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { usePortal } from '../app/portal.ts'
import { goTo } from '../app/use-route.ts'
import { PlatformError } from '../sealed-channel/platform.ts'
import { Button, LinkButton } from '../ui/button.tsx'
import { SelectField, TextField } from '../ui/field.tsx'
import { Icon } from '../ui/icon.tsx'
import { Notice } from '../ui/notice.tsx'
import { Page } from '../ui/page.tsx'
import { ProblemNotice } from '../ui/problem-notice.tsx'
import {
  emptyForm,
  type FormProblems,
  genders,
  type PatientForm,
  patientOf,
  problemsOf,
} from './patient-form.ts'
import { PatientRow } from './patient-row.tsx'
import { todayOf } from './patient-words.ts'
import { searchPatients } from './queries.ts'

/** Registers a patient. */
export function RegisterPage(): ReactElement {
  const { t } = useTranslation()
  const { effects } = usePortal()
  const [form, setForm] = useState<PatientForm>(emptyForm)
  const [problems, setProblems] = useState<FormProblems>({})
  const element = useRef<HTMLFormElement>(null)
  const registration = useRegistration()

  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    const found = problemsOf(form, todayOf(effects.now()))
    setProblems(found)
    const first = Object.keys(found)[0]
    if (first === undefined) registration.mutate(form)
    else element.current?.querySelector<HTMLElement>(`[name="${first}"]`)?.focus()
  }
  const field = (name: keyof PatientForm) => ({
    name,
    value: form[name],
    error: problems[name] && t(`patient.problem.${problems[name]}`),
    onChange: (event: { readonly target: { readonly value: string } }) => {
      setForm({ ...form, [name]: event.target.value })
      setProblems({ ...problems, [name]: undefined })
      // What was found belongs to the number that stood there.
      if (name === 'identifier') registration.reset()
    },
  })
  return (
    <Page
      narrow
      title={t('register.title')}
      back={{ href: '#/patients', words: t('patients.title') }}
    >
      <form className="card form" ref={element} onSubmit={submit} noValidate autoComplete="off">
        <TextField
          {...field('identifier')}
          label={t('patient.number')}
          hint={t('register.numberHint')}
          testId="patient-identifier"
          required
        />
        <div className="form-pair">
          <TextField
            {...field('family')}
            label={t('patient.family')}
            testId="patient-family"
            required
          />
          <TextField
            {...field('given')}
            label={t('patient.given')}
            testId="patient-given"
            required
          />
        </div>
        <div className="form-pair">
          <SelectField
            {...field('gender')}
            label={t('patient.gender')}
            testId="patient-gender"
            required
            options={[
              ['', t('register.choose')] as const,
              ...genders.map((gender) => [gender, t(`patient.sex.${gender}`)] as const),
            ]}
          />
          <TextField
            {...field('birthDate')}
            label={t('patient.birthDate')}
            type="date"
            max={todayOf(effects.now())}
            testId="patient-birthdate"
            required
          />
        </div>
        {registration.isError && <ProblemNotice error={registration.error} />}
        {registration.data?.kind === 'known' && <Known patients={registration.data.patients} />}
        <p className="sealed-note">
          <Icon name="lock" />
          {t('register.sealed')}
        </p>
        <div className="form-actions">
          <LinkButton look="quiet" href="#/patients">
            {t('ui.cancel')}
          </LinkButton>
          <Button
            type="submit"
            look="primary"
            busy={registration.isPending}
            data-testid="patient-submit"
          >
            {t('register.submit')}
          </Button>
        </div>
      </form>
    </Page>
  )
}

type Registration =
  | { readonly kind: 'registered' }
  | { readonly kind: 'known'; readonly patients: readonly Patient[] }

/** Registers, unless somebody has the number already: then it is them who are shown. */
function useRegistration() {
  const { platform } = usePortal()
  const queries = useQueryClient()
  return useMutation({
    mutationFn: async (form: PatientForm): Promise<Registration> => {
      const search = { by: 'identifier', identifier: form.identifier } as const
      const known = await searchPatients(platform, search)
      if (known.length > 0) return { kind: 'known', patients: known }
      try {
        const { value } = await platform.write<Patient>('POST', '/fhir/Patient', patientOf(form))
        const id = value.id ?? ''
        queries.setQueryData(['patient', id], value)
        goTo({ page: 'patient', patient: id })
        return { kind: 'registered' }
      } catch (error) {
        // Somebody else was quicker.
        if (!(error instanceof PlatformError) || error.problem.code !== 'identifier-in-use')
          throw error
        return { kind: 'known', patients: await searchPatients(platform, search) }
      }
    },
  })
}

function Known({ patients }: { readonly patients: readonly Patient[] }): ReactElement {
  const { t } = useTranslation()
  return (
    <Notice tone="warning" title={t('register.known')} testId="patient-known">
      <ul className="rows">
        {patients.map((patient) => (
          <PatientRow key={patient.id} patient={patient} testId="patient-found" />
        ))}
      </ul>
    </Notice>
  )
}
