import type { Result } from '@sealward/attestation/bytes'
import type { Film, GateProblem } from './film.ts'

declare const chest: unique symbol

/** A film whose metadata and size admit interpretation. Only the gate makes one. */
export type ChestRadiograph<F = Film> = F & { readonly [chest]: true }

/** Facts of a film that the gate looks at: all but the pixels. */
export type FilmFacts = Omit<Film, 'grey'>

/** Admits what may be a chest radiograph by its metadata. */
export function chestRadiographGate<F extends FilmFacts>(
  _film: F,
): Result<ChestRadiograph<F>, GateProblem> {
  throw new Error('being built')
}
