import type { DataSet } from './data-set.ts'
import type { ImagingLimits } from './limits.ts'
import { fail } from './refusal.ts'
import { tag } from './tags.ts'
import { textIn, wordIn } from './values.ts'

export type Photometric =
  | 'MONOCHROME1'
  | 'MONOCHROME2'
  | 'PALETTE COLOR'
  | 'RGB'
  | 'YBR_FULL'
  | 'YBR_FULL_422'
  | 'YBR_RCT'
  | 'YBR_ICT'

/** How the pixels of a data set are laid out, within limits and free of contradiction. */
export interface ImageHeader {
  readonly rows: number
  readonly columns: number
  readonly frames: number
  readonly samplesPerPixel: 1 | 3
  readonly photometric: Photometric
  /** The colours of a frame follow each other as planes. */
  readonly planar: boolean
  readonly bitsAllocated: 1 | 8 | 16 | 32
  readonly bitsStored: number
  readonly highBit: number
  readonly signed: boolean
}

const photometrics: ReadonlyMap<string, 1 | 3> = new Map<Photometric, 1 | 3>([
  ['MONOCHROME1', 1],
  ['MONOCHROME2', 1],
  ['PALETTE COLOR', 1],
  ['RGB', 3],
  ['YBR_FULL', 3],
  ['YBR_FULL_422', 3],
  ['YBR_RCT', 3],
  ['YBR_ICT', 3],
])

/**
 * Reads the Image Pixel module.
 *
 * Refuses with `no-pixels`, `malformed-image-header`, `unsupported-pixels`, `image-too-large`,
 * `too-many-frames`.
 *
 * @see PS3.3, C.7.6.3
 */
export function readImageHeader(dataSet: DataSet, limits: ImagingLimits): ImageHeader {
  if (!dataSet.elements.has(tag.pixelData)) {
    if (
      dataSet.elements.has(tag.floatPixelData) ||
      dataSet.elements.has(tag.doubleFloatPixelData)
    ) {
      fail('unsupported-pixels', '(7fe0,0008)', 'pixels of floating point')
    }
    fail('no-pixels', '(7fe0,0010)', 'the file holds no picture')
  }
  const rows = required(dataSet, tag.rows, '(0028,0010)')
  const columns = required(dataSet, tag.columns, '(0028,0011)')
  if (rows === 0 || columns === 0) {
    fail('malformed-image-header', '(0028,0010)', 'a picture without rows or columns')
  }
  if (rows > limits.sideMax || columns > limits.sideMax || rows * columns > limits.pixelsMax) {
    fail('image-too-large', '(0028,0010)', `more than ${limits.pixelsMax} pixels`)
  }
  const frames = framesOf(dataSet, limits)

  const photometric = textIn(dataSet, tag.photometricInterpretation)
  if (photometric === undefined) {
    fail('malformed-image-header', '(0028,0004)', 'black and white are not told apart')
  }
  const samples = photometrics.get(photometric)
  if (samples === undefined) {
    fail('unsupported-pixels', '(0028,0004)', 'a photometric interpretation that is not read')
  }
  const samplesPerPixel = wordIn(dataSet, tag.samplesPerPixel) ?? 1
  if (samplesPerPixel !== samples) {
    fail('malformed-image-header', '(0028,0002)', 'samples contradict photometric interpretation')
  }

  const bitsAllocated = required(dataSet, tag.bitsAllocated, '(0028,0100)')
  if (bitsAllocated !== 1 && bitsAllocated !== 8 && bitsAllocated !== 16 && bitsAllocated !== 32) {
    fail('unsupported-pixels', '(0028,0100)', 'neither 1, 8, 16 nor 32 bits allocated')
  }
  const bitsStored = wordIn(dataSet, tag.bitsStored) ?? bitsAllocated
  const highBit = wordIn(dataSet, tag.highBit) ?? bitsStored - 1
  if (bitsStored === 0 || highBit >= bitsAllocated || highBit + 1 < bitsStored) {
    fail('malformed-image-header', '(0028,0101)', 'the stored bits are not among those allocated')
  }
  const isColour = samplesPerPixel === 3
  if (isColour && (bitsAllocated !== 8 || bitsStored !== 8)) {
    fail('unsupported-pixels', '(0028,0100)', 'colour of other than 8 bits')
  }
  const representation = wordIn(dataSet, tag.pixelRepresentation) ?? 0
  if (representation > 1) {
    fail('malformed-image-header', '(0028,0103)', 'neither signed nor unsigned')
  }
  return {
    rows,
    columns,
    frames,
    samplesPerPixel: samples,
    photometric: photometric as Photometric,
    planar: isColour && (wordIn(dataSet, tag.planarConfiguration) ?? 0) === 1,
    bitsAllocated,
    bitsStored,
    highBit,
    signed: representation === 1,
  }
}

function required(dataSet: DataSet, wanted: number, at: string): number {
  const value = wordIn(dataSet, wanted)
  return value ?? fail('malformed-image-header', at, 'it is missing')
}

function framesOf(dataSet: DataSet, limits: ImagingLimits): number {
  const at = '(0028,0008)'
  const text = textIn(dataSet, tag.numberOfFrames) ?? '1'
  if (!/^\+?\d{1,12}$/.test(text)) fail('malformed-image-header', at, 'frames are not a number')
  const frames = Number(text)
  if (frames === 0) fail('malformed-image-header', at, 'no frame')
  if (frames > limits.framesMax) fail('too-many-frames', at, `more than ${limits.framesMax} frames`)
  return frames
}
