import type { ReactElement, ReactNode } from 'react'
import { Copyable } from './copyable.tsx'

/** A name and what it stands for. A string of more than `long` characters can be copied. */
export interface Fact {
  readonly name: string
  readonly value: ReactNode
  readonly testId?: string
}

const longCharacters = 24

/** Names and values in two columns, or one below the other where there is no room. */
export function Facts({ facts }: { readonly facts: readonly Fact[] }): ReactElement {
  return (
    <dl className="facts">
      {facts.map(({ name, value, testId }) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd data-testid={testId}>
            {typeof value === 'string' && value.length > longCharacters && !value.includes(' ') ? (
              <Copyable value={value} label={name} />
            ) : (
              value
            )}
          </dd>
        </div>
      ))}
    </dl>
  )
}
