import type { Result } from '@sealward/attestation/bytes'
import { decodeText } from './character-set.ts'
import type { DataSet } from './data-set.ts'
import { openDicom } from './dicom-file.ts'
import type { FilmIdentity, FilmProblem } from './film.ts'
import { defaultImagingLimits, type ImagingLimits, textBytesMax } from './limits.ts'
import { formatOf } from './read-film.ts'
import { fail, outcomeOf } from './refusal.ts'
import { tag } from './tags.ts'
import { bytesIn, itemsIn, textIn } from './values.ts'

/**
 * Reads who a DICOM file says is on the film, for comparing with the chosen patient and for
 * registering a new one. What it returns is patient data.
 *
 * Text is as the file has it, control characters taken out; whoever shows it escapes it.
 *
 * @returns the identity, or a problem of the file; `unknown-format` for PNG and JPEG, which name nobody.
 */
export function readIdentity(
  bytes: Uint8Array,
  limits: ImagingLimits = defaultImagingLimits,
): Result<FilmIdentity, FilmProblem> {
  return outcomeOf(() => {
    if (formatOf(bytes, limits) !== 'dicom') {
      fail('unknown-format', '@0x0', 'a picture names nobody; only DICOM does')
    }
    return identityOf(openDicom(bytes, limits).dataSet)
  })
}

/** As {@link readIdentity}, for a data set that was read already. */
export function identityOf(dataSet: DataSet): FilmIdentity {
  const characterSets = textIn(dataSet, tag.specificCharacterSet)?.split('\\') ?? []
  const text = (wanted: number, from: DataSet = dataSet): string | undefined => {
    const value = bytesIn(from, wanted)
    if (value === undefined || value.length > textBytesMax) return undefined
    const decoded = decodeText(value, characterSets)
    return decoded === '' ? undefined : decoded
  }
  // Alphabetic, ideographic and phonetic representation: the first that is there.
  const name = text(tag.patientName)
    ?.split('=')
    .map((group) => group.replace(/[\^ ]+$/, ''))
    .find((group) => group !== '')
  const [family, given, middle] = (name?.split('^') ?? []).map((part) => part.trim())
  const allGiven = [given, middle].filter((part) => part !== undefined && part !== '').join(' ')
  return {
    patientId: text(tag.patientId),
    issuerOfPatientId: text(tag.issuerOfPatientId),
    name,
    family: family === '' ? undefined : family,
    given: allGiven === '' ? undefined : allGiven,
    birthDate: dateIn(dataSet, tag.patientBirthDate),
    sex: sexes[textIn(dataSet, tag.patientSex) ?? ''],
    accessionNumber: text(tag.accessionNumber),
    studyDate: dateIn(dataSet, tag.studyDate),
    otherPatientIds: [
      ...(text(tag.otherPatientIds)?.split('\\') ?? []),
      ...itemsIn(dataSet, tag.otherPatientIdsSequence).map((item) => text(tag.patientId, item)),
    ].filter((id): id is string => id !== undefined && id !== ''),
  }
}

const sexes: Readonly<Record<string, 'male' | 'female' | 'other'>> = {
  M: 'male',
  F: 'female',
  O: 'other',
}

/** `YYYY-MM-DD` of a DICOM date that exists in the calendar. The old form has dots. */
function dateIn(dataSet: DataSet, wanted: number): string | undefined {
  const match = /^(\d{4})\.?(\d{2})\.?(\d{2})$/.exec(textIn(dataSet, wanted) ?? '')
  if (match === null) return undefined
  const date = `${match[1]}-${match[2]}-${match[3]}`
  const time = Date.parse(`${date}T00:00:00Z`)
  return Number.isNaN(time) || !new Date(time).toISOString().startsWith(date) ? undefined : date
}
