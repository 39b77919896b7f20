/**
 * From stored values to what a screen would show: modality transform, values of interest,
 * photometric interpretation.
 *
 * @module
 * @see PS3.3, C.11.1 and C.11.2; PS3.4, annex N
 */

import type { DataSet } from './data-set.ts'
import type { FilmWarning } from './film.ts'
import type { ImageHeader } from './image-header.ts'
import { fail } from './refusal.ts'
import type { Samples, StoredFrame } from './stored-pixels.ts'
import { tag } from './tags.ts'
import { bytesIn, decimalsIn, itemsIn, textIn, wordIn, wordsIn } from './values.ts'

export interface Presented {
  readonly grey: Float32Array
  /** See `Film.colour`. */
  readonly colour: number
  readonly warnings: readonly FilmWarning[]
}

/** Grey values of a frame, 0 black to 1 white. */
export function present(dataSet: DataSet, header: ImageHeader, frame: StoredFrame): Presented {
  switch (frame.photometric) {
    case 'MONOCHROME1':
    case 'MONOCHROME2':
      return monochrome(dataSet, header, frame.samples, frame.photometric === 'MONOCHROME1')
    case 'PALETTE COLOR':
      return { ...palette(dataSet, frame.samples), warnings: [] }
    case 'RGB':
      return { ...rgbToGrey(frame.samples, 3), warnings: [] }
    case 'YBR_FULL':
      return { ...ybrToGrey(frame.samples), warnings: [] }
  }
}

/** Luma of interleaved 8-bit colours, `stride` samples a pixel. @see ITU-R BT.601 */
export function rgbToGrey(
  samples: ArrayLike<number>,
  stride: 3 | 4,
  scale = 255,
): { readonly grey: Float32Array; readonly colour: number } {
  const pixels = Math.floor(samples.length / stride)
  const grey = new Float32Array(pixels)
  let difference = 0
  for (let pixel = 0; pixel < pixels; pixel++) {
    const red = samples[pixel * stride] ?? 0
    const green = samples[pixel * stride + 1] ?? 0
    const blue = samples[pixel * stride + 2] ?? 0
    grey[pixel] = luma(red, green, blue) / scale
    difference += Math.max(red, green, blue) - Math.min(red, green, blue)
  }
  return { grey, colour: difference / (pixels * scale) }
}

function luma(red: number, green: number, blue: number): number {
  return 0.299 * red + 0.587 * green + 0.114 * blue
}

function ybrToGrey(samples: Samples): { readonly grey: Float32Array; readonly colour: number } {
  const rgb = new Uint8ClampedArray(samples.length)
  for (let index = 0; index + 2 < samples.length; index += 3) {
    const y = samples[index] ?? 0
    const blue = (samples[index + 1] ?? 0) - 128
    const red = (samples[index + 2] ?? 0) - 128
    rgb[index] = y + 1.402 * red
    rgb[index + 1] = y - 0.344136 * blue - 0.714136 * red
    rgb[index + 2] = y + 1.772 * blue
  }
  return rgbToGrey(rgb, 3)
}

function palette(
  dataSet: DataSet,
  samples: Samples,
): { readonly grey: Float32Array; readonly colour: number } {
  const red = lookUp(dataSet, tag.redPaletteDescriptor, tag.redPaletteData, false)
  const green = lookUp(dataSet, tag.greenPaletteDescriptor, tag.greenPaletteData, false)
  const blue = lookUp(dataSet, tag.bluePaletteDescriptor, tag.bluePaletteData, false)
  if (red === undefined || green === undefined || blue === undefined) {
    return fail('unsupported-pixels', '(0028,1101)', 'a palette that is missing or segmented')
  }
  const rgb = new Uint8Array(samples.length * 3)
  for (let pixel = 0; pixel < samples.length; pixel++) {
    const value = samples[pixel] ?? 0
    rgb[pixel * 3] = eightBits(red, value)
    rgb[pixel * 3 + 1] = eightBits(green, value)
    rgb[pixel * 3 + 2] = eightBits(blue, value)
  }
  return rgbToGrey(rgb, 3)
}

function eightBits(table: LookUpTable, value: number): number {
  const found = entryOf(table, value)
  return table.bits > 8 ? found >> (table.bits - 8) : found
}

interface LookUpTable {
  /** Stored value of the first entry. */
  readonly first: number
  readonly entries: readonly number[]
  readonly bits: number
}

/** Values before the first entry get the first, after the last the last. */
function entryOf({ first, entries }: LookUpTable, value: number): number {
  const index = Math.min(Math.max(Math.round(value) - first, 0), entries.length - 1)
  return entries[index] ?? 0
}

function lookUp(
  dataSet: DataSet,
  descriptor: number,
  data: number,
  signed: boolean,
): LookUpTable | undefined {
  const [count, firstWord, bits] = wordsIn(dataSet, descriptor) ?? []
  const bytes = bytesIn(dataSet, data)
  if (count === undefined || firstWord === undefined || bits === undefined) return undefined
  if (bytes === undefined || bits < 8 || bits > 16) return undefined
  const length = count === 0 ? 65_536 : count
  const isPacked = bits === 8 && bytes.length < length * 2
  const entries = isPacked ? Array.from(bytes.subarray(0, length)) : wordsIn(dataSet, data)
  if (entries === undefined || entries.length < length) return undefined
  const first = signed && firstWord > 0x7fff ? firstWord - 0x10000 : firstWord
  return { first, entries: entries.slice(0, length), bits }
}

type Transform = (value: number) => number

function monochrome(
  dataSet: DataSet,
  header: ImageHeader,
  samples: Samples,
  isInverted: boolean,
): Presented {
  const warnings: FilmWarning[] = []
  const groups = functionalGroups(dataSet)
  const toModality = modalityTransform([dataSet, ...groups], header)
  const toScreen = voiTransform(dataSet, groups, header, samples, toModality, warnings)
  const shape = textIn(dataSet, tag.presentationLutShape)
  if ((shape === 'INVERSE' && !isInverted) || (shape === 'IDENTITY' && isInverted)) {
    warnings.push({
      code: 'presentation-shape',
      detail: 'The file contradicts itself on which end of the scale is white.',
    })
  }
  const shown: Transform = (stored) => {
    const value = Math.min(Math.max(toScreen(toModality(stored)), 0), 1)
    return isInverted ? 1 - value : value
  }
  return { grey: mapped(samples, header, shown), colour: 0, warnings }
}

/** Applies a transform to all samples: by a table of all possible values, where that is smaller. */
function mapped(samples: Samples, header: ImageHeader, transform: Transform): Float32Array {
  const grey = new Float32Array(samples.length)
  const size = 2 ** header.bitsStored
  if (header.bitsStored > 16 || size > samples.length) {
    for (let index = 0; index < grey.length; index++) grey[index] = transform(samples[index] ?? 0)
    return grey
  }
  const lowest = header.signed ? -size / 2 : 0
  const table = Float32Array.from({ length: size }, (_, index) => transform(index + lowest))
  for (let index = 0; index < grey.length; index++) {
    grey[index] = table[(samples[index] ?? 0) - lowest] ?? 0
  }
  return grey
}

/** Shared and first-frame functional groups of an enhanced object; their transforms are in items. */
function functionalGroups(dataSet: DataSet): readonly DataSet[] {
  const frame = itemsIn(dataSet, tag.perFrameFunctionalGroupsSequence)[0]
  const shared = itemsIn(dataSet, tag.sharedFunctionalGroupsSequence)[0]
  return [frame, shared].flatMap((group) => [
    ...itemsIn(group, tag.pixelValueTransformationSequence).slice(0, 1),
    ...itemsIn(group, tag.frameVoiLutSequence).slice(0, 1),
  ])
}

function modalityTransform(places: readonly DataSet[], header: ImageHeader): Transform {
  for (const place of places) {
    const item = itemsIn(place, tag.modalityLutSequence)[0]
    const table = item && lookUp(item, tag.lutDescriptor, tag.lutData, header.signed)
    if (table !== undefined) return (stored) => entryOf(table, stored)
    const slope = decimalsIn(place, tag.rescaleSlope)?.[0]
    if (slope !== undefined && slope !== 0) {
      const intercept = decimalsIn(place, tag.rescaleIntercept)?.[0] ?? 0
      return (stored) => stored * slope + intercept
    }
  }
  return (stored) => stored
}

/** From modality values to [0,1]; what is outside is cut off later. */
function voiTransform(
  dataSet: DataSet,
  groups: readonly DataSet[],
  header: ImageHeader,
  samples: Samples,
  toModality: Transform,
  warnings: FilmWarning[],
): Transform {
  for (const place of [dataSet, ...groups]) {
    const window = windowOf(place)
    if (window === 'unusable') {
      warnings.push({ code: 'window-unusable', detail: 'The window in the file has no width.' })
    } else if (window !== undefined) {
      return window
    }
    const item = itemsIn(place, tag.voiLutSequence)[0]
    const table = item && lookUp(item, tag.lutDescriptor, tag.lutData, true)
    if (table !== undefined) {
      const white = 2 ** table.bits - 1
      return (value) => entryOf(table, value) / white
    }
  }
  const isRaw = toModality(0) === 0 && toModality(1) === 1
  if (header.bitsStored <= 8 && !header.signed && isRaw) {
    const white = 2 ** header.bitsStored - 1
    return (value) => value / white
  }
  warnings.push({
    code: 'window-from-pixels',
    detail: 'The file names no window; black and white are the least and greatest value in it.',
  })
  const [low, high] = rangeOf(dataSet, header, samples, toModality)
  return (value) => (high > low ? (value - low) / (high - low) : 0)
}

function windowOf(place: DataSet): Transform | 'unusable' | undefined {
  const center = decimalsIn(place, tag.windowCenter)?.[0]
  const width = decimalsIn(place, tag.windowWidth)?.[0]
  if (center === undefined || width === undefined) return undefined
  const shape = textIn(place, tag.voiLutFunction) ?? 'LINEAR'
  switch (shape) {
    case 'SIGMOID':
      if (width <= 0) return 'unusable'
      return (value) => 1 / (1 + Math.exp((-4 * (value - center)) / width))
    case 'LINEAR_EXACT':
      if (width <= 0) return 'unusable'
      return (value) => (value - center) / width + 0.5
    default:
      if (width < 1) return 'unusable'
      if (width === 1) return (value) => (value <= center - 0.5 ? 0 : 1)
      return (value) => (value - (center - 0.5)) / (width - 1) + 0.5
  }
}

/** Least and greatest modality value, padding left out. */
function rangeOf(
  dataSet: DataSet,
  header: ImageHeader,
  samples: Samples,
  toModality: Transform,
): readonly [number, number] {
  const padding = signedWord(wordIn(dataSet, tag.pixelPaddingValue), header)
  const limit = signedWord(wordIn(dataSet, tag.pixelPaddingRangeLimit), header) ?? padding
  const paddingLow = Math.min(padding ?? Number.NaN, limit ?? Number.NaN)
  const paddingHigh = Math.max(padding ?? Number.NaN, limit ?? Number.NaN)
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (let index = 0; index < samples.length; index++) {
    const stored = samples[index] ?? 0
    if (stored >= paddingLow && stored <= paddingHigh) continue
    if (stored < low) low = stored
    if (stored > high) high = stored
  }
  if (low > high) return [0, 0]
  const ends = [toModality(low), toModality(high)] as const
  return [Math.min(...ends), Math.max(...ends)]
}

function signedWord(word: number | undefined, { signed }: ImageHeader): number | undefined {
  return word !== undefined && signed && word > 0x7fff ? word - 0x10000 : word
}
