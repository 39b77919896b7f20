import type { ReactElement, ReactNode } from 'react'
import { Icon, type IconName } from './icon.tsx'

export type Tone = 'good' | 'info' | 'warning' | 'bad'

const icons: Readonly<Record<Tone, IconName>> = {
  good: 'tick',
  info: 'info',
  warning: 'warning',
  bad: 'warning',
}

/** A framed remark. Bad news interrupts a screen reader; the rest is read in turn. */
export function Notice({
  tone,
  title,
  children,
  testId,
}: {
  readonly tone: Tone
  readonly title?: string
  readonly children?: ReactNode
  readonly testId?: string
}): ReactElement {
  return (
    <div
      className={`notice notice-${tone}`}
      role={tone === 'bad' ? 'alert' : 'status'}
      data-testid={testId}
    >
      <Icon name={icons[tone]} />
      <div>
        {title !== undefined && <p className="notice-title">{title}</p>}
        {children}
      </div>
    </div>
  )
}
