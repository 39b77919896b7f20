import type { Patient } from '@medplum/fhirtypes'
import { useMutation } from '@tanstack/react-query'
import { Tabs } from 'radix-ui'
import { type ReactElement, type SubmitEvent, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { usePortal } from '../app/portal.ts'
import { useStore } from '../app/store.ts'
import { Button, LinkButton } from '../ui/button.tsx'
import { TextField } from '../ui/field.tsx'
import { Notice } from '../ui/notice.tsx'
import { Page } from '../ui/page.tsx'
import { ProblemNotice } from '../ui/problem-notice.tsx'
import { type FieldProblem, problemOfDate } from './patient-form.ts'
import { PatientRow } from './patient-row.tsx'
import { todayOf } from './patient-words.ts'
import { type PatientSearch, searchPatients, usePatient } from './queries.ts'

/** Where work with a patient begins: look up, or register. */
export function PatientsPage(): ReactElement {
  const { t } = useTranslation()
  const { platform } = usePortal()
  const search = useMutation({
    mutationFn: (wanted: PatientSearch) => searchPatients(platform, wanted),
  })
  return (
    <Page
      title={t('patients.title')}
      actions={
        <LinkButton
          look="primary"
          icon="personAdd"
          href="#/patients/new"
          data-testid="patient-register"
        >
          {t('patients.register')}
        </LinkButton>
      }
    >
      <div className="patients">
        <section className="card" aria-labelledby="look-up">
          <h2 id="look-up">{t('patients.lookUp')}</h2>
          <Tabs.Root defaultValue="identifier" onValueChange={() => search.reset()}>
            <Tabs.List className="tabs" aria-label={t('patients.lookUpBy')}>
              <Tabs.Trigger value="identifier" data-testid="search-by-identifier">
                {t('patients.byNumber')}
              </Tabs.Trigger>
              <Tabs.Trigger value="name" data-testid="search-by-name">
                {t('patients.byName')}
              </Tabs.Trigger>
            </Tabs.List>
            <Tabs.Content value="identifier">
              <NumberSearch busy={search.isPending} onSearch={search.mutate} />
            </Tabs.Content>
            <Tabs.Content value="name">
              <NameSearch busy={search.isPending} onSearch={search.mutate} />
            </Tabs.Content>
          </Tabs.Root>
          <div aria-live="polite">
            {search.isError && <ProblemNotice error={search.error} />}
            {search.isSuccess && <Found patients={search.data} />}
          </div>
        </section>
        <Recent />
      </div>
    </Page>
  )
}

interface SearchForm {
  readonly busy: boolean
  readonly onSearch: (search: PatientSearch) => void
}

function NumberSearch({ busy, onSearch }: SearchForm): ReactElement {
  const { t } = useTranslation()
  const [identifier, setIdentifier] = useState('')
  const [problem, setProblem] = useState<FieldProblem>()
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    const missing = identifier.trim() === ''
    setProblem(missing ? 'missing' : undefined)
    if (!missing) onSearch({ by: 'identifier', identifier })
  }
  return (
    <form className="inline-form" onSubmit={submit} noValidate autoComplete="off">
      <TextField
        label={t('patient.number')}
        testId="patient-search-identifier"
        value={identifier}
        error={problem && t(`patient.problem.${problem}`)}
        onChange={(event) => setIdentifier(event.target.value)}
      />
      <Button type="submit" icon="search" busy={busy} data-testid="patient-search-submit">
        {t('patients.search')}
      </Button>
    </form>
  )
}

function NameSearch({ busy, onSearch }: SearchForm): ReactElement {
  const { t } = useTranslation()
  const { effects } = usePortal()
  const [family, setFamily] = useState('')
  const [birthDate, setBirthDate] = useState('')
  const [problems, setProblems] = useState<{ family?: FieldProblem; birthDate?: FieldProblem }>({})
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    const dateProblem = problemOfDate(birthDate, todayOf(effects.now()))
    const found = {
      ...(family.trim() === '' && { family: 'missing' as const }),
      ...(dateProblem && { birthDate: dateProblem }),
    }
    setProblems(found)
    if (Object.keys(found).length === 0) onSearch({ by: 'name', family, birthDate })
  }
  return (
    <form className="inline-form" onSubmit={submit} noValidate autoComplete="off">
      <TextField
        label={t('patient.family')}
        testId="patient-search-family"
        value={family}
        error={problems.family && t(`patient.problem.${problems.family}`)}
        onChange={(event) => setFamily(event.target.value)}
      />
      <TextField
        label={t('patient.birthDate')}
        testId="patient-search-birthdate"
        type="date"
        max={todayOf(effects.now())}
        value={birthDate}
        error={problems.birthDate && t(`patient.problem.${problems.birthDate}`)}
        onChange={(event) => setBirthDate(event.target.value)}
      />
      <Button type="submit" icon="search" busy={busy} data-testid="patient-search-submit">
        {t('patients.search')}
      </Button>
    </form>
  )
}

function Found({ patients }: { readonly patients: readonly Patient[] }): ReactElement {
  const { t } = useTranslation()
  if (patients.length === 0) {
    return (
      <Notice tone="info" title={t('patients.noneFound')} testId="patients-none">
        <p>{t('patients.noneFoundText')}</p>
      </Notice>
    )
  }
  return (
    <ul className="rows" aria-label={t('patients.found')}>
      {patients.map((patient) => (
        <PatientRow key={patient.id} patient={patient} testId="patient-found" />
      ))}
    </ul>
  )
}

function Recent(): ReactElement {
  const { t } = useTranslation()
  const recent = useStore(usePortal().recentPatients)
  return (
    <section className="card" aria-labelledby="recent">
      <h2 id="recent">{t('patients.recent')}</h2>
      {recent.length === 0 ? (
        <p className="empty">{t('patients.recentNone')}</p>
      ) : (
        <ul className="rows">
          {recent.map((id) => (
            <RecentRow key={id} id={id} />
          ))}
        </ul>
      )}
    </section>
  )
}

function RecentRow({ id }: { readonly id: string }): ReactElement | null {
  const patient = usePatient(id)
  return patient.data === undefined ? null : <PatientRow patient={patient.data} />
}
