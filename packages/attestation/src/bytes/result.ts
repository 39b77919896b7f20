/**
 * Refusal is a value with a code.
 *
 * @module
 */

/** The two outcomes of handling input that somebody else chose. */
export type Result<T, P extends Problem = Problem> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: P }

/** Why input was refused. Safe to log: it never carries the content of a field. */
export interface Problem<Code extends string = string> {
  /** Stable, documented, never reused. Callers and tests match on this and on nothing else. */
  readonly code: Code
  /** Where in the input: a byte offset (`@0x188`) or a path (`x-ms-runtime.keys[0]`). */
  readonly at: string
  /** One sentence for a person. Free to change in any release. */
  readonly detail: string
}

export const ok = <T>(value: T): { readonly ok: true; readonly value: T } => ({ ok: true, value })

export const refuse = <const C extends string>(
  code: C,
  at: string,
  detail: string,
): { readonly ok: false; readonly problem: Problem<C> } => ({
  ok: false,
  problem: { code, at, detail },
})

/** Compile-time proof that a `switch` is exhaustive. */
export function unreachable(value: never): never {
  throw new Error(`unreachable: ${String(value)}`)
}
