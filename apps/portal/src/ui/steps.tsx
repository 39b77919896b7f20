import type { ReactElement } from 'react'
import { useTranslation } from 'react-i18next'
import { Icon } from './icon.tsx'

export type StepState = 'waiting' | 'running' | 'done' | 'failed'

export interface Step {
  readonly id: string
  readonly words: string
  readonly state: StepState
  readonly detail?: string | undefined
}

/** What happens one after the other, and how far it is. */
export function Steps({
  label,
  steps,
}: {
  readonly label: string
  readonly steps: readonly Step[]
}): ReactElement {
  const { t } = useTranslation()
  return (
    <ol className="steps" aria-label={label} aria-live="polite">
      {steps.map(({ id, words, state, detail }) => (
        <li key={id} className={`step step-${state}`} data-testid={`step-${id}`}>
          <span className="step-mark" aria-hidden="true">
            {state === 'done' && <Icon name="tick" />}
            {state === 'failed' && <Icon name="cross" />}
            {state === 'running' && <span className="spinner" />}
          </span>
          <span>
            {words}
            <span className="visually-hidden">: {t(`ui.step.${state}`)}</span>
            {detail !== undefined && <span className="step-detail">{detail}</span>}
          </span>
        </li>
      ))}
    </ol>
  )
}
