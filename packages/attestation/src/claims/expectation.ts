import { bytesOfHex, unreachable } from '../bytes/index.ts'

/**
 * What is asked of one field. Absence is not an answer: to leave a field unchecked, one says so.
 */
export type Expectation<T> =
  | { readonly kind: 'equals'; readonly value: T }
  | { readonly kind: 'one-of'; readonly values: readonly [T, ...T[]] }
  | { readonly kind: 'at-least'; readonly value: T & number }
  /** Of hex of one length: the bits of `mask` are those of `value`. */
  | { readonly kind: 'masked'; readonly value: T & string; readonly mask: string }
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
    case 'masked':
      return typeof actual === 'string' && meetsMask(expectation.value, expectation.mask, actual)
    case 'unchecked':
      return true
    default:
      return unreachable(expectation)
  }
}

/** What was asked for, in words. */
export function wordsOf(expectation: Expectation<string> | Expectation<number>): string {
  switch (expectation.kind) {
    case 'equals':
      return String(expectation.value)
    case 'one-of':
      return `one of ${expectation.values.join(', ')}`
    case 'at-least':
      return `at least ${expectation.value}`
    case 'masked':
      return `${expectation.value} under mask ${expectation.mask}`
    case 'unchecked':
      return 'anything'
    default:
      return unreachable(expectation)
  }
}

function meetsMask(value: string, mask: string, actual: string): boolean {
  const [wanted, bits, found] = [value, mask, actual].map(bytesOfHex)
  if (wanted === undefined || bits === undefined || found === undefined) return false
  if (wanted.length !== bits.length || found.length !== bits.length) return false
  return bits.every((byte, index) => (((wanted[index] ?? 0) ^ (found[index] ?? 0)) & byte) === 0)
}
