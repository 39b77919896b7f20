import type { FilmProblem, FilmProblemCode } from './film.ts'

/**
 * Leaves the depth of a parser and is turned into a Result by {@link outcomeOf}. Nobody outside of
 * this package sees it.
 */
export class Refusal extends Error {
  readonly problem: FilmProblem
  constructor(code: FilmProblemCode, at: string, detail: string) {
    super(detail)
    this.problem = { code, at, detail }
  }
}

/** Refuses what is being read. */
export function fail(code: FilmProblemCode, at: string, detail: string): never {
  throw new Refusal(code, at, detail)
}

type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: FilmProblem }

/** Runs a parser: its value, or its refusal as a value. Any other error is a bug and goes on. */
export function outcomeOf<T>(read: () => T): Outcome<T> {
  try {
    return { ok: true, value: read() }
  } catch (error) {
    return refused(error)
  }
}

/** As {@link outcomeOf}, for what waits for a codec. */
export async function outcomeLater<T>(read: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { ok: true, value: await read() }
  } catch (error) {
    return refused(error)
  }
}

function refused(error: unknown): { readonly ok: false; readonly problem: FilmProblem } {
  if (error instanceof Refusal) return { ok: false, problem: error.problem }
  throw error
}
