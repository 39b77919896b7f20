import { unreachable } from '../bytes/index.ts'

/**
 * What is asked of one field. Absence is not an answer: to leave a field unchecked, one says so.
 */
export type Expectation<T> =
  | { readonly kind: 'equals'; readonly value: T }
  | { readonly kind: 'one-of'; readonly values: readonly [T, ...T[]] }
  | { readonly kind: 'at-least'; readonly value: T & number }
  | { readonly kind: 'unchecked'; readonly reason: string }

/** Whether `actual` is what was asked for. */
export function meets<T>(expectation: Expectation<T>, actual: T): boolean {
  switch (expectation.kind) {
    case 'equals':
      return expectation.value === actual
    case 'one-of':
      return expectation.values.includes(actual)
    case 'at-least':
      return typeof actual === 'number' && actual >= expectation.value
    case 'unchecked':
      return true
    default:
      return unreachable(expectation)
  }
}
