import { useQuery } from '@tanstack/react-query'
import { type ReactElement, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { usePortal } from '../app/portal.ts'
import { usePatientParticulars } from '../patients/patient-row.tsx'
import { nameOf, numberOf } from '../patients/patient-words.ts'
import { instantOf } from '../patients/queries.ts'
import { Button } from '../ui/button.tsx'
import { Facts } from '../ui/facts.tsx'
import { useInstant } from '../ui/format.ts'
import { Icon } from '../ui/icon.tsx'
import { Page } from '../ui/page.tsx'
import { ProblemNotice } from '../ui/problem-notice.tsx'
import { transferSyntaxNameOf } from '../upload/film.ts'
import { FilmViewer } from './film-viewer.tsx'
import { ModelCard } from './model-card.tsx'
import { ReceiptDownload } from './receipt-download.tsx'
import { ReportStatus } from './report-status.tsx'
import type { Interpretation } from './result.ts'
import { SignReport } from './sign-report.tsx'
import { Verdict } from './verdict.tsx'

/** One interpretation: the film, what speaks for and against, the number, the proof, the signature. */
export function ReportPage({ id }: { readonly id: string }): ReactElement {
  const { t } = useTranslation()
  const { platform } = usePortal()
  const result = useQuery({
    queryKey: ['result', id],
    queryFn: ({ signal }) => platform.read<Interpretation>(`/results/${id}`, signal),
  })
  const patient = result.data?.patient
  return (
    <Page
      title={t('report.title')}
      back={
        patient === undefined
          ? { href: '#/patients', words: t('patients.title') }
          : { href: `#/patients/${patient.id}`, words: nameOf(patient) }
      }
    >
      {result.isPending && <p className="quiet">{t('ui.loading')}</p>}
      {result.isError && <ProblemNotice error={result.error} />}
      {result.data !== undefined && <Loaded result={result.data} />}
    </Page>
  )
}

function Loaded({ result }: { readonly result: Interpretation }): ReactElement {
  const { t } = useTranslation()
  return (
    <>
      <Headline result={result} />
      <div className="result">
        <FilmViewer film={result.film.id} map={result.evidenceMap} />
        <div className="result-side">
          <Verdict result={result} />
          <SignReport report={result.report} />
        </div>
        <Provenance result={result} />
      </div>
      <p className="disclaimer" role="note">
        <Icon name="info" />
        {t('report.disclaimer')}
      </p>
    </>
  )
}

function Headline({ result }: { readonly result: Interpretation }): ReactElement {
  const { t } = useTranslation()
  const instant = useInstant()
  const particulars = usePatientParticulars()
  const { patient, report } = result
  return (
    <section className="whose" aria-label={t('report.about')}>
      <Icon name="person" />
      <p>
        <strong>{nameOf(patient)}</strong>
        <span>{particulars(patient)}</span>
        <code>{numberOf(patient)}</code>
      </p>
      <p className="whose-side">
        <span>{instant(instantOf(report))}</span>
        <ReportStatus status={report.status} testId="report-status" />
      </p>
    </section>
  )
}

/** What computed the result, of what, and the proof of both. */
function Provenance({ result }: { readonly result: Interpretation }): ReactElement {
  const { t } = useTranslation()
  const [cardOpen, setCardOpen] = useState(false)
  const { model, film } = result
  return (
    <section className="card provenance" aria-labelledby="provenance">
      <h2 id="provenance">{t('report.provenance')}</h2>
      <Facts
        facts={[
          {
            name: t('report.fact.model'),
            value: `${model.name} ${model.version}`,
            testId: 'model-name',
          },
          { name: t('report.fact.modelSha256'), value: model.sha256 },
          {
            name: t('report.fact.film'),
            value: `${film.modality} · ${film.columns} × ${film.rows} · ${transferSyntaxNameOf(film.transferSyntax)}`,
          },
          { name: t('report.fact.filmSha256'), value: film.sha256 },
        ]}
      />
      <div className="button-row">
        <Button icon="document" data-testid="model-card-open" onClick={() => setCardOpen(true)}>
          {t('report.modelCard')}
        </Button>
        <ReceiptDownload report={result.report.id ?? ''} path={result.receipt} />
      </div>
      <p className="quiet">{t('report.receiptText')}</p>
      {cardOpen && (
        <ModelCard card={result.modelCard} model={model} onClose={() => setCardOpen(false)} />
      )}
    </section>
  )
}
