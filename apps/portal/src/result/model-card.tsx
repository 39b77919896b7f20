import type { ReactElement } from 'react'
import { useTranslation } from 'react-i18next'
import { Dialog } from '../ui/dialog.tsx'
import { Facts } from '../ui/facts.tsx'
import type { Interpretation } from './result.ts'

/** The model's card as the diagnostic provider wrote it. */
export function ModelCard({
  card,
  model,
  onClose,
}: {
  readonly card: unknown
  readonly model: Interpretation['model']
  readonly onClose: () => void
}): ReactElement {
  const { t } = useTranslation()
  return (
    <Dialog title={t('report.modelCard')} shape="sheet" onClose={onClose} testId="model-card">
      <Facts
        facts={[
          { name: t('report.fact.model'), value: `${model.name} ${model.version}` },
          { name: t('report.fact.modelSha256'), value: model.sha256 },
        ]}
      />
      <div className="model-card">
        <Value value={card} depth={3} />
      </div>
    </Dialog>
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
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value)
    const flat = entries.filter(([, item]) => typeof item !== 'object' || item === null)
    const nested = entries.filter(([, item]) => typeof item === 'object' && item !== null)
    return (
      <>
        {flat.length > 0 && (
          <Facts
            facts={flat.map(([name, item]) => ({ name: wordsOf(name), value: String(item) }))}
          />
        )}
        {nested.map(([name, item]) => (
          <section key={name}>
            <Heading depth={depth}>{wordsOf(name)}</Heading>
            <Value value={item} depth={depth + 1} />
          </section>
        ))}
      </>
    )
  }
  return <span className="model-card-text">{String(value ?? '')}</span>
}

function Heading({
  depth,
  children,
}: {
  readonly depth: number
  readonly children: string
}): ReactElement {
  if (depth === 3) return <h3>{children}</h3>
  if (depth === 4) return <h4>{children}</h4>
  return <h5>{children}</h5>
}

/** `trainingData` as `Training data`. */
function wordsOf(name: string): string {
  const spaced = name.replace(/[-_]/g, ' ').replace(/([a-z0-9])([A-Z])/g, '$1 $2')
  return spaced.charAt(0).toUpperCase() + spaced.slice(1).toLowerCase()
}
