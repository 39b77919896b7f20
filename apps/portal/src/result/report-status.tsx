import type { DiagnosticReport } from '@medplum/fhirtypes'
import type { ReactElement } from 'react'
import { useTranslation } from 'react-i18next'
import { Status } from '../ui/status.tsx'

/** Whether a clinician has signed. */
export function ReportStatus({
  status,
  testId,
}: {
  readonly status: DiagnosticReport['status']
  readonly testId?: string
}): ReactElement {
  const { t } = useTranslation()
  const known = status === 'preliminary' || status === 'final' ? status : undefined
  return (
    <Status
      tone={known === 'final' ? 'good' : 'warning'}
      value={status}
      {...(testId !== undefined && { testId })}
    >
      {known === undefined ? status : t(`report.status.${known}`)}
    </Status>
  )
}
