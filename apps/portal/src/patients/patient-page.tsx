import type { DiagnosticReport, Patient } from '@medplum/fhirtypes'
import { type ReactElement, useEffect, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useIsPrivacyOfficer } from '../app/me.ts'
import { usePortal } from '../app/portal.ts'
import { ErasePatient } from '../erasure/erase-patient.tsx'
import { ErasedPage } from '../erasure/erased-page.tsx'
import { RecordGone } from '../erasure/record-gone.tsx'
import { modelsConclusionOf } from '../result/conclusion.ts'
import { ReportStatus } from '../result/report-status.tsx'
import { isGone } from '../sealed-channel/platform.ts'
import { Facts } from '../ui/facts.tsx'
import { useDay, useInstant } from '../ui/format.ts'
import { Page } from '../ui/page.tsx'
import { ProblemNotice } from '../ui/problem-notice.tsx'
import { NewFilm } from '../upload/new-film.tsx'
import { ageOf, nameOf, numberOf, todayOf } from './patient-words.ts'
import { instantOf, usePatient, useReportsOf } from './queries.ts'

const recentMax = 8

/** One patient and their reports, until the patient is erased here. */
export function PatientPage({ id }: { readonly id: string }): ReactElement {
  const [erased, setErased] = useState(false)
  return erased ? <ErasedPage /> : <RecordPage id={id} onErased={() => setErased(true)} />
}

function RecordPage({
  id,
  onErased,
}: {
  readonly id: string
  readonly onErased: () => void
}): ReactElement {
  const { t } = useTranslation()
  const { recentPatients } = usePortal()
  const isPrivacyOfficer = useIsPrivacyOfficer()
  const patient = usePatient(id)
  const found = patient.isSuccess
  const gone = isGone(patient.error)
  // Kept until the answer is there: the record may be gone before it, and the page find out by itself.
  const [erasing, setErasing] = useState<Patient>()
  const whose = patient.data ?? erasing
  useEffect(() => {
    if (!found && !gone) return
    const others = recentPatients.get().filter((other) => other !== id)
    recentPatients.set(found ? [id, ...others].slice(0, recentMax) : others)
  }, [found, gone, id, recentPatients])
  return (
    <Page
      title={patient.data === undefined ? t('patient.title') : nameOf(patient.data)}
      windowTitle={t('patient.title')}
      back={{ href: '#/patients', words: t('patients.title') }}
    >
      {patient.isPending && <p className="quiet">{t('ui.loading')}</p>}
      {gone && erasing === undefined && <RecordGone of="patient" />}
      {patient.isError && !gone && <ProblemNotice error={patient.error} />}
      {patient.data !== undefined && (
        <>
          <section className="card" aria-label={t('patient.particulars')}>
            <Particulars patient={patient.data} />
          </section>
          <NewFilm patient={id} />
          <Reports patient={id} />
        </>
      )}
      {isPrivacyOfficer && whose !== undefined && (
        <ErasePatient patient={whose} onErasing={setErasing} onErased={onErased} />
      )}
    </Page>
  )
}

function Particulars({ patient }: { readonly patient: Patient }): ReactElement {
  const { t } = useTranslation()
  const { effects } = usePortal()
  const day = useDay()
  const { gender, birthDate } = patient
  const age = birthDate === undefined ? undefined : ageOf(birthDate, todayOf(effects.now()))
  return (
    <div className="facts-row">
      <Facts
        facts={[
          { name: t('patient.number'), value: numberOf(patient), testId: 'patient-number' },
          {
            name: t('patient.gender'),
            value: gender === undefined ? '–' : t(`patient.sex.${gender}`),
          },
          { name: t('patient.birthDate'), value: birthDate === undefined ? '–' : day(birthDate) },
          {
            name: t('patient.ageLabel'),
            value: age === undefined ? '–' : t(`patient.age.${age.unit}`, { n: age.n }),
          },
        ]}
      />
    </div>
  )
}

function Reports({ patient }: { readonly patient: string }): ReactElement {
  const { t } = useTranslation()
  const reports = useReportsOf(patient)
  return (
    <section className="card" aria-labelledby="reports">
      <h2 id="reports">{t('patient.reports')}</h2>
      {reports.isPending && <p className="quiet">{t('ui.loading')}</p>}
      {reports.isError && <ProblemNotice error={reports.error} />}
      {reports.data?.length === 0 && <p className="empty">{t('patient.noReports')}</p>}
      {reports.data !== undefined && reports.data.length > 0 && (
        <ul className="rows">
          {reports.data.map((report) => (
            <ReportRow key={report.id} report={report} />
          ))}
        </ul>
      )}
    </section>
  )
}

function ReportRow({ report }: { readonly report: DiagnosticReport }): ReactElement {
  const { t } = useTranslation()
  const instant = useInstant()
  const models = modelsConclusionOf(report)
  const words =
    report.status !== 'final'
      ? t('patient.preliminary')
      : models === undefined
        ? report.conclusion
        : t(`report.modelReads.${models}`)
  return (
    <li>
      <a className="row" href={`#/reports/${report.id}`} data-testid="patient-report">
        <span className="row-main">{instant(instantOf(report))}</span>
        <span className="row-side row-short">{words}</span>
        <ReportStatus status={report.status} />
      </a>
    </li>
  )
}
