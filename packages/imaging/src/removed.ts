import type { Result } from '@sealward/attestation/bytes'
import type { DataSet } from './data-set.ts'
import { openDicom } from './dicom-file.ts'
import type { FilmProblem } from './film.ts'
import { identifyingElements } from './identifying.ts'
import { readJpegHeader } from './jpeg-header.ts'
import { defaultImagingLimits, type ImagingLimits } from './limits.ts'
import { pngNotes } from './picture.ts'
import { formatOf } from './read-film.ts'
import { outcomeOf } from './refusal.ts'

const keywords: ReadonlyMap<number, string> = new Map(identifyingElements)

/**
 * Names the identifying elements that a file holds, at any depth. None of them leaves with the
 * picture: only grey values do. The list is for the clerk, who sees what stays behind.
 *
 * @returns keywords in alphabetical order, never values: those of PS3.15, `PrivateElements`,
 *   `OverlayData`, `CurveData`; of a picture `Exif`, `Xmp`, `Comment`, `Text`.
 */
export function removedElements(
  bytes: Uint8Array,
  limits: ImagingLimits = defaultImagingLimits,
): Result<readonly string[], FilmProblem> {
  return outcomeOf(() => {
    switch (formatOf(bytes, limits)) {
      case 'png':
        return sorted(pngNotes(bytes))
      case 'jpeg':
        return sorted(readJpegHeader(bytes, limits.scansMax).notes)
      case 'dicom':
        return removedOf(openDicom(bytes, limits).dataSet)
    }
  })
}

/** As {@link removedElements}, for a data set that was read already. */
export function removedOf(dataSet: DataSet): readonly string[] {
  const found = new Set<string>()
  collect(dataSet, found)
  return sorted([...found])
}

function collect(dataSet: DataSet, found: Set<string>): void {
  for (const [tag, element] of dataSet.elements) {
    const keyword = keywordOf(tag)
    // An element of no length says nothing.
    if (keyword !== undefined && element.length > 0) found.add(keyword)
    for (const item of element.items ?? []) collect(item, found)
  }
}

function keywordOf(tag: number): string | undefined {
  const group = Math.floor(tag / 0x10000)
  if (group % 2 === 1) return 'PrivateElements'
  if (group >= 0x6000 && group <= 0x60ff) return 'OverlayData'
  if (group >= 0x5000 && group <= 0x50ff) return 'CurveData'
  return keywords.get(tag)
}

function sorted(names: readonly string[]): readonly string[] {
  return [...names].sort()
}
