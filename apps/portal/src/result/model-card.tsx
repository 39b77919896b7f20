import type { ReactElement } from 'react'
import { useTranslation } from 'react-i18next'
import { Dialog } from '../ui/dialog.tsx'
import { Facts } from '../ui/facts.tsx'
import { useNumbers } from '../ui/format.ts'
import { Notice } from '../ui/notice.tsx'
import { cardOf, type OperatingFigures, type Published, wordsOfName } from './card.ts'
import type { Interpretation } from './result.ts'

/** The model's card as the diagnostic provider wrote it: what it is for, how well it does, its limits. */
export function ModelCard({
  card: json,
  model,
  onClose,
}: {
  readonly card: unknown
  readonly model: Interpretation['model']
  readonly onClose: () => void
}): ReactElement {
  const { t } = useTranslation()
  const card = cardOf(json)
  return (
    <Dialog title={t('report.modelCard')} shape="sheet" onClose={onClose} testId="model-card">
      <div className="model-card">
        {card.task !== undefined && <p className="lead">{card.task}</p>}
        {card.use !== undefined && <Notice tone="warning">{card.use}</Notice>}
        <Facts
          facts={[
            { name: t('report.fact.model'), value: `${model.name} ${model.version}` },
            { name: t('report.fact.modelSha256'), value: model.sha256 },
          ]}
        />
        {card.limits.length > 0 && (
          <section>
            <h3>{t('card.limits')}</h3>
            <ul>
              {card.limits.map((limit) => (
                <li key={limit}>{limit}</li>
              ))}
            </ul>
          </section>
        )}
        {card.points.length > 0 && (
          <section>
            <h3>{t('card.points')}</h3>
            <div className="confusions">
              {card.points.map((point) => (
                <Confusion key={point.name} point={point} />
              ))}
            </div>
          </section>
        )}
        {card.published.length > 0 && <PublishedTable entries={card.published} />}
        {Object.entries(card.rest).map(([name, value]) => (
          <section key={name}>
            <h3>{wordsOfName(name)}</h3>
            <Value value={value} depth={4} />
          </section>
        ))}
      </div>
    </Dialog>
  )
}

/** Four numbers: what the model said, against what was so. */
function Confusion({ point }: { readonly point: OperatingFigures }): ReactElement {
  const { t } = useTranslation()
  const { percent } = useNumbers()
  const { truePositives, falseNegatives, trueNegatives, falsePositives } = point
  return (
    <div>
      <table className="plain-table">
        <caption>
          {wordsOfName(point.name)} · {percent(point.threshold)}
        </caption>
        <thead>
          <tr>
            <td />
            <th scope="col">{t('card.saidYes')}</th>
            <th scope="col">{t('card.saidNo')}</th>
          </tr>
        </thead>
        <tbody>
          <tr>
            <th scope="row">{t('card.wasYes')}</th>
            <td className="cell-right">{truePositives}</td>
            <td>{falseNegatives}</td>
          </tr>
          <tr>
            <th scope="row">{t('card.wasNo')}</th>
            <td>{falsePositives}</td>
            <td className="cell-right">{trueNegatives}</td>
          </tr>
        </tbody>
      </table>
      <p className="quiet">
        {t('card.rates', {
          sensitivity: percent(truePositives / (truePositives + falseNegatives)),
          specificity: percent(trueNegatives / (trueNegatives + falsePositives)),
        })}
      </p>
    </div>
  )
}

function PublishedTable({ entries }: { readonly entries: readonly Published[] }): ReactElement {
  const { t } = useTranslation()
  const { fixed } = useNumbers()
  const figure = (value: number | undefined): string =>
    value === undefined ? '–' : fixed(value, 3)
  return (
    <section>
      <h3>{t('card.published')}</h3>
      <table className="plain-table">
        <thead>
          <tr>
            <th scope="col">{t('card.who')}</th>
            <th scope="col">AUC</th>
            <th scope="col">{t('card.accuracy')}</th>
          </tr>
        </thead>
        <tbody>
          {entries.map(({ name, auc, accuracy, note }) => (
            <tr key={name}>
              <th scope="row">
                {name}
                {note !== undefined && <small>{note}</small>}
              </th>
              <td>{figure(auc)}</td>
              <td>{figure(accuracy)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  )
}

/** Any JSON: objects as sections, lists as lists, the rest as text. */
function Value({
  value,
  depth,
}: {
  readonly value: unknown
  readonly depth: number
}): ReactElement {
  if (Array.isArray(value)) {
    return (
      <ul>
        {value.map((item, index) => (
          // biome-ignore lint/suspicious/noArrayIndexKey: the list never changes
          <li key={index}>
            <Value value={item} depth={depth} />
          </li>
        ))}
      </ul>
    )
  }
  if (typeof value !== 'object' || value === null) return <p>{wordsOf(value)}</p>
  const entries = Object.entries(value)
  const nested = entries.filter(([, item]) => typeof item === 'object' && item !== null)
  const flat = entries.filter(([, item]) => typeof item !== 'object' || item === null)
  return (
    <>
      {flat.length > 0 && (
        <Facts
          facts={flat.map(([name, item]) => ({ name: wordsOfName(name), value: String(item) }))}
        />
      )}
      {nested
        .filter(([, item]) => Object.keys(item as object).length > 0)
        .map(([name, item]) => (
          <div key={name} className="model-card-part">
            {depth === 4 ? <h4>{wordsOfName(name)}</h4> : <h5>{wordsOfName(name)}</h5>}
            <Value value={item} depth={depth + 1} />
          </div>
        ))}
    </>
  )
}

/** A value of JSON that is neither object nor list. */
function wordsOf(value: unknown): string {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
    ? String(value)
    : ''
}
