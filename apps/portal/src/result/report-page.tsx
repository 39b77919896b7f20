import { useQuery } from '@tanstack/react-query'
import { type ReactElement, useState } from 'react'
import { useTranslation } from 'react-i18next'
import { usePortal } from '../app/portal.ts'
import { RecordGone } from '../erasure/record-gone.tsx'
import { usePatientParticulars } from '../patients/patient-row.tsx'
import { nameOf, numberOf } from '../patients/patient-words.ts'
import { instantOf } from '../patients/queries.ts'
import { isGone } from '../sealed-channel/platform.ts'
import { Button } from '../ui/button.tsx'
import { Facts } from '../ui/facts.tsx'
import { useInstant } from '../ui/format.ts'
import { Icon } from '../ui/icon.tsx'
import { Page } from '../ui/page.tsx'
import { ProblemNotice } from '../ui/problem-notice.tsx'
import { transferSyntaxNameOf } from '../upload/film.ts'
import { cardOf } from './card.ts'
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
      actions={result.data !== undefined && <Whose result={result.data} />}
      back={
        patient === undefined
          ? { href: '#/patients', words: t('patients.title') }
          : { href: `#/patients/${patient.id}`, words: nameOf(patient) }
      }
    >
      {result.isPending && <p className="quiet">{t('ui.loading')}</p>}
      {isGone(result.error) && <RecordGone of="report" />}
      {result.isError && !isGone(result.error) && <ProblemNotice error={result.error} />}
      {result.data !== undefined && <Loaded result={result.data} />}
    </Page>
  )
}

function Loaded({ result }: { readonly result: Interpretation }): ReactElement {
  const { t } = useTranslation()
  return (
    <>
      <div className="result">
        <FilmViewer film={result.film.id} map={result.evidenceMap} />
        <div className="result-side">
          <Verdict result={result} />
          <Provenance result={result} />
          <SignReport report={result.report} />
        </div>
      </div>
      <p className="disclaimer" role="note">
        <Icon name="info" />
        {t('report.disclaimer')}
      </p>
    </>
  )
}

function Whose({ result }: { readonly result: Interpretation }): ReactElement {
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
  const { task } = cardOf(result.modelCard)
  return (
    <section className="card provenance" aria-labelledby="provenance">
      <h2 id="provenance">{t('report.provenance')}</h2>
      <p>
        <strong data-testid="model-name">
          {model.name} {model.version}
        </strong>
        {task !== undefined && <span className="provenance-task">{task}</span>}
      </p>
      <div className="button-row">
        <Button icon="document" data-testid="model-card-open" onClick={() => setCardOpen(true)}>
          {t('report.modelCard')}
        </Button>
        <ReceiptDownload report={result.report.id ?? ''} path={result.receipt} />
      </div>
      <details className="details">
        <summary>{t('report.fingerprints')}</summary>
        <Facts
          facts={[
            { name: t('report.fact.modelSha256'), value: model.sha256 },
            {
              name: t('report.fact.film'),
              value: `${film.modality} · ${film.columns} × ${film.rows} · ${transferSyntaxNameOf(film.transferSyntax)}`,
            },
            { name: t('report.fact.filmSha256'), value: film.sha256 },
          ]}
        />
        <p className="quiet">{t('report.receiptText')}</p>
      </details>
      {cardOpen && (
        <ModelCard card={result.modelCard} model={model} onClose={() => setCardOpen(false)} />
      )}
    </section>
  )
}
