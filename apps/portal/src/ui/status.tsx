import type { ReactElement, ReactNode } from 'react'
import type { Tone } from './notice.tsx'

/** A word in a coloured frame. */
export function Status({
  tone,
  children,
  value,
  testId,
}: {
  readonly tone: Tone | 'plain'
  readonly children: ReactNode
  /** What the words stand for, for programs. */
  readonly value?: string
  readonly testId?: string
}): ReactElement {
  return (
    <span className={`status status-${tone}`} data-testid={testId} data-status={value}>
      {children}
    </span>
  )
}
