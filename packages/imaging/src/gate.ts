import { ok, type Result, refuse } from '@sealward/attestation/bytes'
import type { Film, GateProblem } from './film.ts'
import { chestAspectMax, chestColourMax, chestSideMin } from './limits.ts'

declare const chest: unique symbol

/** A film whose metadata and size admit interpretation. Only the gate makes one. */
export type ChestRadiograph<F = Film> = F & { readonly [chest]: true }

/** Facts of a film that the gate looks at: all but the pixels. */
export type FilmFacts = Omit<Film, 'grey'>

/** @see PS3.3, C.7.3.1.1.1 */
const radiography: ReadonlySet<string> = new Set(['CR', 'DX', 'RG'])

/** Frontal projections. @see PS3.3, C.8.1.2 */
const frontal: ReadonlySet<string> = new Set(['AP', 'PA'])

/**
 * Admits what may be a frontal chest radiograph, by what the file says and how large it is. Whether
 * the picture looks like one is the diagnostic provider's gate.
 *
 * @returns the film, or `not-a-chest-radiograph`, `not-a-frontal-view`, `more-than-one-frame`,
 *   `too-small`.
 */
export function chestRadiographGate<F extends FilmFacts>(
  film: F,
): Result<ChestRadiograph<F>, GateProblem> {
  if (film.source === 'dicom') {
    if (film.modality === undefined || !radiography.has(film.modality)) {
      return refuse(
        'not-a-chest-radiograph',
        'Modality',
        'Only radiographs (CR, DX, RG) are interpreted.',
      )
    }
    if (film.bodyPart !== undefined && !isChest(film.bodyPart)) {
      return refuse(
        'not-a-chest-radiograph',
        'BodyPartExamined',
        'The file says that it shows another part of the body than the chest.',
      )
    }
    if (film.viewPosition !== undefined && !frontal.has(film.viewPosition)) {
      return refuse(
        'not-a-frontal-view',
        'ViewPosition',
        'Only frontal views (AP, PA) are interpreted.',
      )
    }
  }
  if (film.numberOfFrames !== 1) {
    return refuse(
      'more-than-one-frame',
      'NumberOfFrames',
      'A film has one frame; send the one that is to be interpreted.',
    )
  }
  if (Math.min(film.rows, film.columns) < chestSideMin) {
    return refuse('too-small', 'Rows', `A side is shorter than ${chestSideMin} pixels.`)
  }
  if (Math.max(film.rows, film.columns) > chestAspectMax * Math.min(film.rows, film.columns)) {
    return refuse('not-a-chest-radiograph', 'Rows', 'The picture is too long for a chest film.')
  }
  if (film.colour > chestColourMax) {
    return refuse(
      'not-a-chest-radiograph',
      'PhotometricInterpretation',
      'The picture has colours; a radiograph is grey.',
    )
  }
  return ok(film as ChestRadiograph<F>)
}

/** CHEST and its neighbours, as scanners write them: `CHEST PA`, `THORAX`. Ribs and spine are other films. */
function isChest(bodyPart: string): boolean {
  const words = bodyPart.toUpperCase().split(/[^A-Z]+/)
  const names = ['CHEST', 'THORAX', 'LUNG', 'LUNGS']
  const others = ['SPINE', 'RIB', 'RIBS', 'ABDOMEN', 'PELVIS']
  return words.some((word) => names.includes(word)) && !words.some((word) => others.includes(word))
}
