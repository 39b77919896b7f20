import type { Result } from '@sealward/attestation/bytes'
import { type DicomFile, isDicom, isDicomWithoutPreamble, openDicom } from './dicom-file.ts'
import type { Film, FilmProblem, FilmWarning } from './film.ts'
import { readImageHeader } from './image-header.ts'
import { defaultImagingLimits, type ImagingLimits } from './limits.ts'
import { filmOf, isJpeg, isPng, readJpeg, readPng } from './picture.ts'
import { present } from './presentation.ts'
import { fail, outcomeLater } from './refusal.ts'
import { openFrames } from './stored-pixels.ts'
import { tag } from './tags.ts'
import { codeIn, textIn, uidIn } from './values.ts'

export interface ReadOptions {
  /** What the sender calls the bytes. When given, the content must be that. */
  readonly contentType?: string
  readonly limits?: ImagingLimits
}

/** What bytes say that they are. */
export type FilmFormat = 'dicom' | 'png' | 'jpeg'

/**
 * Reads a film: DICOM Part 10, PNG or JPEG, told apart by content.
 *
 * Of several frames the first is read. Run it in a worker (`decodeInWorker`) when the bytes are
 * somebody else's: its limits bound memory, and only a worker can be stopped.
 *
 * @param bytes of the whole file.
 * @returns the film, or one of {@link FilmProblem}'s codes; it does not throw for any bytes.
 */
export async function readFilm(
  bytes: Uint8Array,
  { contentType, limits = defaultImagingLimits }: ReadOptions = {},
): Promise<Result<Film, FilmProblem>> {
  return outcomeLater(async () => {
    const format = formatOf(bytes, limits, contentType)
    switch (format) {
      case 'png':
        return filmOf(readPng(bytes, limits), 'png', 'PNG')
      case 'jpeg':
        return filmOf(await readJpeg(bytes, limits), 'jpeg', 'JPEG')
      case 'dicom':
        return await dicomFilm(openDicom(bytes, limits), limits)
    }
  })
}

const contentTypes: Readonly<Record<string, FilmFormat>> = {
  'application/dicom': 'dicom',
  'image/png': 'png',
  'image/jpeg': 'jpeg',
  'image/jpg': 'jpeg',
}

/**
 * Tells formats apart by their first bytes.
 *
 * Refuses with `empty`, `too-large`, `unknown-format`, `no-preamble`, `content-type-differs`.
 */
export function formatOf(
  bytes: Uint8Array,
  limits: ImagingLimits,
  contentType?: string,
): FilmFormat {
  if (bytes.length === 0) fail('empty', '@0x0', 'no bytes')
  if (bytes.length > limits.fileBytesMax) {
    fail('too-large', '@0x0', `more than ${limits.fileBytesMax} bytes`)
  }
  const format = sniff(bytes)
  const essence = contentType?.split(';')[0]?.trim().toLowerCase()
  if (essence !== undefined && essence !== 'application/octet-stream') {
    if (contentTypes[essence] !== format) {
      fail('content-type-differs', '@0x0', 'the content is not of the type that was announced')
    }
  }
  return format
}

function sniff(bytes: Uint8Array): FilmFormat {
  if (isDicom(bytes)) return 'dicom'
  if (isPng(bytes)) return 'png'
  if (isJpeg(bytes)) return 'jpeg'
  if (isDicomWithoutPreamble(bytes)) {
    fail('no-preamble', '@0x0', 'DICOM without the preamble of a file')
  }
  return fail('unknown-format', '@0x0', 'neither DICOM, PNG nor JPEG')
}

async function dicomFilm(file: DicomFile, limits: ImagingLimits): Promise<Film> {
  const { dataSet, meta, transferSyntax, transferSyntaxUid } = file
  const header = readImageHeader(dataSet, limits)
  const reader = openFrames(file, header, limits)
  const frame = await reader.frame(0)
  const presented = present(dataSet, header, frame)
  const warnings: FilmWarning[] = [...presented.warnings]
  if (header.frames > 1) {
    warnings.push({
      code: 'first-frame-of-many',
      detail: `The file holds ${header.frames} frames; the first was read.`,
    })
  }
  if (textIn(dataSet, tag.burnedInAnnotation) === 'YES') {
    warnings.push({
      code: 'burned-in-annotation',
      detail: 'The file says that text is drawn into the picture; it may name a person.',
    })
  }
  if (frame.isMislabelled) {
    warnings.push({
      code: 'mislabelled',
      detail: 'The picture is compressed in another way than the file says.',
    })
  }
  if (frame.hasOtherBits) {
    warnings.push({
      code: 'bits-outside-stored',
      detail: 'The pixels use bits that by the file carry no picture; those were left out.',
    })
  }
  const isLossy = transferSyntax.lossy !== frame.isMislabelled
  if (isLossy || textIn(dataSet, tag.lossyImageCompression) === '01') {
    warnings.push({ code: 'lossy', detail: 'The picture was compressed with loss.' })
  }
  if (reader.isLong) {
    warnings.push({
      code: 'length-of-pixels',
      detail: 'The file holds more pixels than it announces; the rest was not read.',
    })
  }
  if (dataSet.damagedAfterPixels) {
    warnings.push({
      code: 'damaged-after-pixels',
      detail: 'The file is damaged after its picture.',
    })
  }
  return {
    source: 'dicom',
    rows: header.rows,
    columns: header.columns,
    grey: presented.grey,
    colour: presented.colour,
    modality: codeIn(dataSet, tag.modality),
    bodyPart: codeIn(dataSet, tag.bodyPartExamined),
    viewPosition: codeIn(dataSet, tag.viewPosition),
    photometricInterpretation: header.photometric,
    bitsStored: header.bitsStored,
    transferSyntaxUid,
    encoding: transferSyntax.name,
    sopClassUid: uidIn(dataSet, tag.sopClassUid) ?? uidIn(meta, tag.mediaStorageSopClassUid),
    studyInstanceUid: uidIn(dataSet, tag.studyInstanceUid),
    seriesInstanceUid: uidIn(dataSet, tag.seriesInstanceUid),
    sopInstanceUid: uidIn(dataSet, tag.sopInstanceUid),
    numberOfFrames: header.frames,
    warnings,
  }
}
