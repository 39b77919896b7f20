import type { DiagnosticReport } from '@medplum/fhirtypes'
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { type ReactElement, type SubmitEvent, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { useIsRadiologist } from '../app/me.ts'
import { usePortal } from '../app/portal.ts'
import { conclusionCharactersMax } from '../limits.ts'
import { instantOf } from '../patients/queries.ts'
import { Button } from '../ui/button.tsx'
import { TextArea } from '../ui/field.tsx'
import { useInstant } from '../ui/format.ts'
import { Notice } from '../ui/notice.tsx'
import { ProblemNotice } from '../ui/problem-notice.tsx'
import { modelsConclusionOf } from './conclusion.ts'

/** The signature: a form for a radiologist, and for anybody else what there is of it. */
export function SignReport({ report }: { readonly report: DiagnosticReport }): ReactElement {
  const { t } = useTranslation()
  const isRadiologist = useIsRadiologist()
  const instant = useInstant()
  if (report.status === 'final') {
    const models = modelsConclusionOf(report)
    const signer = report.resultsInterpreter?.[0]?.display
    return (
      <section className="card" aria-labelledby="signature" data-testid="report-signed">
        <h2 id="signature">{t('sign.title')}</h2>
        <Notice tone="good" title={t('sign.signed')}>
          <p>
            {signer === undefined
              ? instant(instantOf(report))
              : t('sign.signedBy', { who: signer, when: instant(instantOf(report)) })}
          </p>
        </Notice>
        {models !== undefined && <p>{t('sign.withoutConclusion')}</p>}
        {report.conclusion !== undefined && (
          <blockquote className="conclusion" data-testid="report-conclusion">
            {models === undefined ? report.conclusion : t(`report.modelReads.${models}`)}
          </blockquote>
        )}
      </section>
    )
  }
  return (
    <section className="card" aria-labelledby="signature">
      <h2 id="signature">{t('sign.title')}</h2>
      {isRadiologist ? <SignForm report={report} /> : <p className="quiet">{t('sign.waiting')}</p>}
    </section>
  )
}

function SignForm({ report }: { readonly report: DiagnosticReport }): ReactElement {
  const { t } = useTranslation()
  const { platform } = usePortal()
  const queries = useQueryClient()
  const [conclusion, setConclusion] = useState('')
  const models = modelsConclusionOf(report)
  const signing = useMutation({
    mutationFn: () => {
      const text = conclusion.trim()
      const path = `/fhir/DiagnosticReport/${report.id ?? ''}/$sign`
      return platform.write<DiagnosticReport>('POST', path, text === '' ? {} : { conclusion: text })
    },
    // Also after a refusal: it may have been signed by somebody else.
    onSettled: () => queries.invalidateQueries(),
  })
  const submit = (event: SubmitEvent): void => {
    event.preventDefault()
    signing.mutate()
  }
  return (
    <form onSubmit={submit}>
      <TextArea
        label={t('sign.conclusion')}
        hint={t(models === undefined ? 'sign.conclusionHint' : `sign.emptyHint.${models}`)}
        testId="sign-conclusion"
        rows={3}
        maxLength={conclusionCharactersMax}
        value={conclusion}
        onChange={(event) => setConclusion(event.target.value)}
      />
      <p className="quiet">{t('sign.finalText')}</p>
      {signing.isError && <ProblemNotice error={signing.error} />}
      <Button
        type="submit"
        look="primary"
        icon="pen"
        busy={signing.isPending}
        data-testid="sign-report"
      >
        {t('sign.submit')}
      </Button>
    </form>
  )
}
