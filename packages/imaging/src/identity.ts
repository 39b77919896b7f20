import type { Result } from '@sealward/attestation/bytes'
import type { FilmIdentity, FilmProblem } from './film.ts'
import type { ImagingLimits } from './limits.ts'

export function readIdentity(
  _bytes: Uint8Array,
  _limits?: ImagingLimits,
): Result<FilmIdentity, FilmProblem> {
  throw new Error('being built')
}
