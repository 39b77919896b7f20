import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import { filmBytesMax } from '../limits.ts'

export type FilmMediaType = 'application/dicom' | 'image/png' | 'image/jpeg'

export type FilmFileCode = 'film-empty' | 'film-too-large' | 'film-not-recognised'

const dicomPreambleBytes = 128

/** How each kind of film begins, and at which byte. */
const beginnings: readonly (readonly [FilmMediaType, number, readonly number[]])[] = [
  ['application/dicom', dicomPreambleBytes, [0x44, 0x49, 0x43, 0x4d]],
  ['image/png', 0, [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]],
  ['image/jpeg', 0, [0xff, 0xd8, 0xff]],
]

/** As much of a file as says what it is. Bytes. */
export const beginningBytes: number = dicomPreambleBytes + 4

/**
 * Recognises a film by how its bytes begin; a file's name says nothing reliable.
 *
 * @param beginning its first {@link beginningBytes}, or all it has; `size` of the whole in bytes.
 * @returns the media type, or `film-empty`, `film-too-large`, `film-not-recognised`.
 */
export function recogniseFilm(
  beginning: Uint8Array,
  size: number,
): Result<FilmMediaType, Problem<FilmFileCode>> {
  if (size === 0) return refuse('film-empty', '@0x0', 'the file is empty')
  if (size > filmBytesMax) {
    return refuse('film-too-large', '@0x0', `more than ${filmBytesMax} bytes`)
  }
  const known = beginnings.find(([, offset, bytes]) =>
    bytes.every((byte, index) => beginning[offset + index] === byte),
  )
  return known === undefined
    ? refuse('film-not-recognised', '@0x0', 'neither DICOM, PNG nor JPEG')
    : ok(known[0])
}
