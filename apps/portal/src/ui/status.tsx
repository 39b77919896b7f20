import type { ReactElement, ReactNode } from 'react'
import type { Tone } from './notice.tsx'

/** A word in a coloured frame. */
export function Status({
  tone,
  children,
  testId,
}: {
  readonly tone: Tone | 'plain'
  readonly children: ReactNode
  readonly testId?: string
}): ReactElement {
  return (
    <span className={`status status-${tone}`} data-testid={testId}>
      {children}
    </span>
  )
}
