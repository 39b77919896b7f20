import type { Bundle, DiagnosticReport } from '@medplum/fhirtypes'
import { useQuery } from '@tanstack/react-query'
import type { ReactElement } from 'react'
import { useTranslation } from 'react-i18next'
import { useIsRadiologist } from '../app/me.ts'
import { usePortal } from '../app/portal.ts'
import { listRefreshMs } from '../limits.ts'
import { usePatientParticulars } from '../patients/patient-row.tsx'
import { nameOf, numberOf } from '../patients/patient-words.ts'
import { instantOf, newestFirst, resourcesOf, usePatient } from '../patients/queries.ts'
import { ReportStatus } from '../result/report-status.tsx'
import { isGone } from '../sealed-channel/platform.ts'
import { Button } from '../ui/button.tsx'
import { useInstant } from '../ui/format.ts'
import { Page } from '../ui/page.tsx'
import { ProblemNotice } from '../ui/problem-notice.tsx'

/** Reports that nobody has signed yet. */
export function WorklistPage(): ReactElement {
  const { t } = useTranslation()
  const { platform } = usePortal()
  const isRadiologist = useIsRadiologist()
  const reports = useQuery({
    queryKey: ['worklist'],
    queryFn: async ({ signal }) => {
      const path = '/fhir/DiagnosticReport?status=preliminary'
      return newestFirst(resourcesOf(await platform.read<Bundle<DiagnosticReport>>(path, signal)))
    },
    refetchInterval: listRefreshMs,
  })
  return (
    <Page
      title={t('worklist.title')}
      actions={
        <Button busy={reports.isFetching} onClick={() => void reports.refetch()}>
          {t('worklist.refresh')}
        </Button>
      }
    >
      <p className="lead">{t(isRadiologist ? 'worklist.leadRadiologist' : 'worklist.leadClerk')}</p>
      <section className="card" data-testid="worklist" aria-label={t('worklist.title')}>
        {reports.isPending && <p className="quiet">{t('ui.loading')}</p>}
        {reports.isError && <ProblemNotice error={reports.error} />}
        {reports.data?.length === 0 && <p className="empty">{t('worklist.none')}</p>}
        {reports.data !== undefined && reports.data.length > 0 && (
          <ul className="rows">
            {reports.data.map((report) => (
              <WorklistRow key={report.id} report={report} />
            ))}
          </ul>
        )}
      </section>
    </Page>
  )
}

function WorklistRow({ report }: { readonly report: DiagnosticReport }): ReactElement {
  const { t } = useTranslation()
  const instant = useInstant()
  const particulars = usePatientParticulars()
  const patient = usePatient(report.subject?.reference?.replace('Patient/', '') ?? '')
  return (
    <li>
      <a className="row" href={`#/reports/${report.id}`} data-testid="worklist-item">
        <span className="row-main">
          {patient.data !== undefined && nameOf(patient.data)}
          {patient.data === undefined && (isGone(patient.error) ? t('gone.row') : '…')}
        </span>
        <span className="row-side">
          {patient.data !== undefined && (
            <>
              {particulars(patient.data)} · <code>{numberOf(patient.data)}</code>
            </>
          )}
          <span className="row-time">{instant(instantOf(report))}</span>
        </span>
        <ReportStatus status={report.status} />
      </a>
    </li>
  )
}
