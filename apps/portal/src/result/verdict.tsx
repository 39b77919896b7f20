import type { ReactElement } from 'react'
import { useTranslation } from 'react-i18next'
import { useNumbers } from '../ui/format.ts'
import { Icon } from '../ui/icon.tsx'
import { Notice } from '../ui/notice.tsx'
import { agreementTolerance, meanOf, probabilityOf } from './evidence-map.ts'
import type { Interpretation } from './result.ts'

/** The probability, on which side of the operating point it is, and the sum that it comes from. */
export function Verdict({ result }: { readonly result: Interpretation }): ReactElement {
  const { t } = useTranslation()
  const { percent, probability: words, signed } = useNumbers()
  const { probability, logit, operatingPoint } = result
  const above = probability >= operatingPoint.threshold
  const mean = meanOf(result.evidenceMap)
  const agrees =
    Math.abs(mean - logit) <= agreementTolerance &&
    Math.abs(probabilityOf(logit) - probability) <= agreementTolerance
  return (
    <section className="card verdict" aria-labelledby="verdict">
      <h2 id="verdict">{t('report.probabilityOf')}</h2>
      <p className="verdict-number" data-testid="result-probability">
        {words(probability)}
      </p>
      <Gauge probability={probability} threshold={operatingPoint.threshold} />
      <div data-testid="operating-point" data-side={above ? 'above' : 'below'}>
        <p className={`verdict-side verdict-side-${above ? 'above' : 'below'}`}>
          <Icon name={above ? 'warning' : 'info'} />
          {t(above ? 'report.above' : 'report.below', {
            threshold: percent(operatingPoint.threshold),
          })}
        </p>
        <p className="quiet">
          {t('report.operatingPoint', {
            sensitivity: percent(operatingPoint.sensitivity),
            specificity: percent(operatingPoint.specificity),
          })}
        </p>
      </div>
      <details className="details">
        <summary>{t('report.arithmetic')}</summary>
        <p>{t('report.arithmeticText')}</p>
        <dl className="sum">
          <div>
            <dt>{t('report.mean')}</dt>
            <dd data-testid="result-mean">{signed(mean, 4)}</dd>
          </div>
          <div>
            <dt>{t('report.logit')}</dt>
            <dd data-testid="result-logit">{signed(logit, 4)}</dd>
          </div>
          <div>
            <dt>{t('report.recomputed')}</dt>
            <dd data-testid="result-recomputed">{words(probabilityOf(mean))}</dd>
          </div>
        </dl>
        {agrees && (
          <p className="verified-line" data-testid="result-agrees">
            <Icon name="tick" />
            {t('report.agrees')}
          </p>
        )}
      </details>
      {!agrees && (
        <Notice tone="bad" title={t('report.disagreesTitle')} testId="result-disagrees">
          <p>{t('report.disagrees')}</p>
        </Notice>
      )}
    </section>
  )
}

/** From 0 to 100 %, with the operating point marked. The words beside it say the same. */
function Gauge({
  probability,
  threshold,
}: {
  readonly probability: number
  readonly threshold: number
}): ReactElement {
  const { t } = useTranslation()
  const width = 320
  const line = threshold * width
  const anchor = threshold < 0.12 ? 'start' : threshold > 0.88 ? 'end' : 'middle'
  return (
    <svg
      className="gauge"
      viewBox={`0 -4 ${width} 44`}
      preserveAspectRatio="xMinYMid"
      aria-hidden="true"
    >
      <rect className="gauge-track" x="0" y="6" width={width} height="10" rx="5" />
      <rect
        className={probability >= threshold ? 'gauge-above' : 'gauge-below'}
        x="0"
        y="6"
        width={Math.max(10, probability * width)}
        height="10"
        rx="5"
      />
      <line className="gauge-line" x1={line} x2={line} y1="0" y2="22" />
      <text className="gauge-words" x={line} y="36" textAnchor={anchor}>
        {t('report.threshold')}
      </text>
    </svg>
  )
}
