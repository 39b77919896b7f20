import type { Result } from '@sealward/attestation/bytes'
import type { Film, FilmProblem } from './film.ts'
import type { ImagingLimits } from './limits.ts'

export interface ReadOptions {
  /** What the sender calls the bytes. When given, the content must be that. */
  readonly contentType?: string
  readonly limits?: ImagingLimits
}

export function readFilm(
  _bytes: Uint8Array,
  _options?: ReadOptions,
): Promise<Result<Film, FilmProblem>> {
  throw new Error('being built')
}
