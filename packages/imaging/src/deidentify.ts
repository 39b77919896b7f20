import type { Result } from '@sealward/attestation/bytes'
import type { FilmProblem } from './film.ts'
import type { ImagingLimits } from './limits.ts'

/** What is left of a file when nothing that identifies leaves. */
export interface Deidentified {
  /** Keywords of the identifying elements that the file holds, sorted: `PatientName`. Never values. */
  readonly removed: readonly string[]
}

export function deidentify(
  _bytes: Uint8Array,
  _limits?: ImagingLimits,
): Result<Deidentified, FilmProblem> {
  throw new Error('being built')
}
