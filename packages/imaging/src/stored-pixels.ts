import { type Decoded, decodeWith } from './codecs.ts'
import type { DataSet, Element, Fragment } from './data-set.ts'
import type { DicomFile } from './dicom-file.ts'
import type { ImageHeader, Photometric } from './image-header.ts'
import { readJ2kHeader } from './j2k-header.ts'
import { readJpegHeader } from './jpeg-header.ts'
import type { ImagingLimits } from './limits.ts'
import { decodeLosslessJpeg } from './lossless-jpeg.ts'
import { fail } from './refusal.ts'
import { decodeRle } from './rle.ts'
import { tag } from './tags.ts'

export type Samples = Uint8Array | Int8Array | Uint16Array | Int16Array | Uint32Array | Int32Array

/** Stored values of one frame: interleaved by pixel, other bits masked away, the sign extended. */
export interface StoredFrame {
  readonly samples: Samples
  /** What the samples mean now: decoders undo some colour transforms. */
  readonly photometric: Exclude<Photometric, 'YBR_FULL_422' | 'YBR_RCT' | 'YBR_ICT'>
  /** Bits that are not among the stored ones were set: an old overlay, or a wrong header. */
  readonly hasOtherBits: boolean
  /** The codestream is of another kind than its label: lossy JPEG labelled lossless. */
  readonly isMislabelled: boolean
}

/** Reads frames of a film by index, one at a time. */
export interface FrameReader {
  /** Native pixel data that are longer than the header says. */
  readonly isLong: boolean
  frame(index: number): Promise<StoredFrame>
}

/**
 * Prepares reading of the pixels; refuses with `truncated-pixels` when frames are missing, before
 * any is decoded.
 *
 * @see PS3.5, section 8 and annex A
 */
export function openFrames(
  file: DicomFile,
  header: ImageHeader,
  limits: ImagingLimits,
): FrameReader {
  const { dataSet, transferSyntax } = file
  const element = dataSet.elements.get(tag.pixelData)
  if (element === undefined) return fail('no-pixels', at, 'the file holds no picture')
  if (transferSyntax.pixels === 'unsupported') {
    fail('unsupported-transfer-syntax', '(0002,0010)', `${transferSyntax.name} is not read`)
  }
  if (transferSyntax.pixels === 'native') return nativeFrames(dataSet, element, header)
  if (element.fragments === undefined) {
    fail('malformed-pixels', at, `labelled ${transferSyntax.name}, but not encapsulated`)
  }
  const frames = fragmentsByFrame(dataSet, element.fragments, header, transferSyntax.pixels)
  const coding = transferSyntax.pixels
  return {
    isLong: false,
    frame: async (index) => {
      const codestream = joined(dataSet.bytes, frames[index] ?? [])
      return decodeFrame(codestream, coding, header, limits)
    },
  }
}

const at = '(7fe0,0010)'

type EncapsulatedCoding = 'rle' | 'jpeg-baseline' | 'jpeg-lossless' | 'jpeg-ls' | 'jpeg-2000'

function nativeFrames(dataSet: DataSet, element: Element, header: ImageHeader): FrameReader {
  if (element.fragments !== undefined) {
    fail('malformed-pixels', at, 'encapsulated, but labelled uncompressed')
  }
  const { rows, columns, frames, samplesPerPixel, bitsAllocated, photometric } = header
  const isHalved = photometric === 'YBR_FULL_422'
  if (isHalved && (columns % 2 !== 0 || header.planar)) {
    fail('unsupported-pixels', '(0028,0004)', 'YBR_FULL_422 of an odd width, or in planes')
  }
  if (photometric === 'YBR_RCT' || photometric === 'YBR_ICT') {
    fail('malformed-image-header', '(0028,0004)', 'a JPEG 2000 transform without JPEG 2000')
  }
  const samples = rows * columns * (isHalved ? 2 : samplesPerPixel)
  const frameBits = samples * bitsAllocated
  const bytesNeeded = Math.ceil((frameBits * frames) / 8)
  if (element.length < bytesNeeded) {
    fail('truncated-pixels', at, `${bytesNeeded} bytes needed, ${element.length} are there`)
  }
  const { littleEndian } = dataSet.encoding
  if (!littleEndian && bitsAllocated === 32) {
    fail('unsupported-pixels', '(0028,0100)', '32 bits in big endian')
  }
  const value = dataSet.bytes.subarray(element.offset, element.offset + element.length)
  // Two bytes of one word: big-endian OW swaps them, whatever the samples are.
  const isSwapped = !littleEndian && (element.vr === 'OW' || bitsAllocated === 16)
  return {
    isLong: element.length > bytesNeeded + 1,
    frame: async (index) => {
      if (bitsAllocated === 1) {
        return plainFrame(bitsOf(value, index * frameBits, samples), mono(header))
      }
      const frameBytes = frameBits / 8
      const start = index * frameBytes
      const bytes = isSwapped
        ? swapped(value, start, frameBytes)
        : value.slice(start, start + frameBytes)
      if (isHalved) return plainFrame(spread422(bytes), 'YBR_FULL')
      const raw = header.planar ? interleaved(bytes, rows * columns, 1) : bytes
      return frameOf(raw, header, ownPhotometric(header))
    },
  }
}

function mono(header: ImageHeader): 'MONOCHROME1' | 'MONOCHROME2' {
  if (header.photometric !== 'MONOCHROME1' && header.photometric !== 'MONOCHROME2') {
    fail('unsupported-pixels', '(0028,0004)', 'single bits that are not grey')
  }
  return header.photometric
}

async function decodeFrame(
  codestream: Uint8Array,
  coding: EncapsulatedCoding,
  header: ImageHeader,
  limits: ImagingLimits,
): Promise<StoredFrame> {
  const { rows, columns, samplesPerPixel, bitsAllocated } = header
  if (bitsAllocated === 1) fail('unsupported-pixels', '(0028,0100)', 'single bits, compressed')
  switch (coding) {
    case 'rle': {
      const raw = decodeRle(codestream, rows * columns, samplesPerPixel, bitsAllocated / 8)
      return frameOf(raw, header, ownPhotometric(header))
    }
    case 'jpeg-baseline':
    case 'jpeg-lossless':
      return decodeJpegFrame(codestream, coding, header, limits)
    case 'jpeg-ls': {
      const marks = readJpegHeader(codestream, limits.scansMax)
      if (marks.process !== 0xf7) fail('malformed-pixels', at, 'labelled JPEG-LS, but is JPEG')
      agree(marks, header)
      const decoded = await decodeWith('jpeg-ls', codestream)
      return frameOf(bytesOf(decoded, header), header, ownPhotometric(header))
    }
    case 'jpeg-2000': {
      agree(readJ2kHeader(codestream), header)
      const decoded = await decodeWith('jpeg-2000', codestream)
      const isTransformed = header.photometric === 'YBR_RCT' || header.photometric === 'YBR_ICT'
      const photometric = isTransformed ? 'RGB' : ownPhotometric(header)
      return frameOf(bytesOf(decoded, header), header, photometric)
    }
  }
}

/**
 * JPEG as the codestream says that it is: there are files labelled lossless that are not, and
 * decoding them as labelled gives another picture without a word.
 */
async function decodeJpegFrame(
  codestream: Uint8Array,
  coding: 'jpeg-baseline' | 'jpeg-lossless',
  header: ImageHeader,
  limits: ImagingLimits,
): Promise<StoredFrame> {
  const marks = readJpegHeader(codestream, limits.scansMax)
  agree(marks, header)
  if (marks.process === 0xc3) {
    const { rows, columns, samplesPerPixel: components } = header
    const { samples } = decodeLosslessJpeg(codestream, { rows, columns, components })
    const frame = frameOf(widened(samples, header), header, ownPhotometric(header))
    return { ...frame, isMislabelled: coding !== 'jpeg-lossless' }
  }
  if (marks.process <= 0xc2 && marks.precision === 12) {
    fail('unsupported-transfer-syntax', '(0002,0010)', 'JPEG extended with 12 bits is not read')
  }
  if (marks.process > 0xc2 || marks.precision !== 8) {
    fail('unsupported-pixels', at, 'neither baseline, progressive nor lossless JPEG of process 14')
  }
  const decoded = await decodeWith('jpeg', codestream)
  // The codestream's own markers say whether it is YCbCr; what comes out is RGB.
  const photometric = header.samplesPerPixel === 3 ? 'RGB' : ownPhotometric(header)
  const frame = frameOf(bytesOf(decoded, header), header, photometric)
  return { ...frame, isMislabelled: coding !== 'jpeg-baseline' }
}

interface CodestreamShape {
  readonly rows: number
  readonly columns: number
  readonly components: number
  readonly precision: number
}

function agree(marks: CodestreamShape, header: ImageHeader): void {
  const differs =
    marks.rows !== header.rows ||
    marks.columns !== header.columns ||
    marks.components !== header.samplesPerPixel ||
    marks.precision > header.bitsAllocated
  if (differs) fail('pixels-contradict-header', at, 'the codestream has another shape')
}

/** The header's interpretation, for coding that changes no colours. */
function ownPhotometric({ photometric }: ImageHeader): StoredFrame['photometric'] {
  switch (photometric) {
    case 'YBR_FULL_422':
      return 'YBR_FULL'
    case 'YBR_RCT':
    case 'YBR_ICT':
      return fail('malformed-image-header', '(0028,0004)', 'a transform of JPEG 2000 without it')
    default:
      return photometric
  }
}

/** Little-endian bytes, interleaved, with as many bits a sample as the header allocates. */
function bytesOf(decoded: Decoded, header: ImageHeader): Uint8Array {
  const { rows, columns, samplesPerPixel } = header
  const count = rows * columns * samplesPerPixel
  const bytesPerSample = decoded.bitsPerSample > 8 ? 2 : 1
  if (decoded.bytes.length < count * bytesPerSample) {
    fail('pixels-contradict-header', at, 'the codestream holds another number of pixels')
  }
  const bytes = decoded.planar
    ? interleaved(decoded.bytes, rows * columns, bytesPerSample)
    : decoded.bytes.subarray(0, count * bytesPerSample)
  return widened(bytesPerSample === 2 ? words(bytes) : bytes, header)
}

/** Little-endian bytes with as many bits as the header allocates. */
function widened(samples: Uint8Array | Uint16Array, { bitsAllocated }: ImageHeader): Uint8Array {
  if (bitsAllocated === 8) return samples instanceof Uint8Array ? samples : Uint8Array.from(samples)
  const wide = bitsAllocated === 16 ? Uint16Array.from(samples) : Uint32Array.from(samples)
  return new Uint8Array(wide.buffer)
}

/** The frame of little-endian samples. */
function frameOf(
  bytes: Uint8Array,
  header: ImageHeader,
  photometric: StoredFrame['photometric'],
): StoredFrame {
  const { bitsAllocated, bitsStored, highBit, signed } = header
  const raw = bitsAllocated === 8 ? bytes : bitsAllocated === 16 ? words(bytes) : longs(bytes)
  const samples = signedLike(raw, signed)
  if (bitsStored === bitsAllocated) return plainFrame(samples, photometric)
  const left = 31 - highBit
  const right = 32 - bitsStored
  const low = highBit + 1 - bitsStored
  let hasOtherBits = false
  for (let index = 0; index < samples.length; index++) {
    const before = samples[index] ?? 0
    const word = before << left
    const after = signed ? word >> right : word >>> right
    if (after << low !== before) hasOtherBits = true
    samples[index] = after
  }
  return { samples, photometric, hasOtherBits, isMislabelled: false }
}

function plainFrame(samples: Samples, photometric: StoredFrame['photometric']): StoredFrame {
  return { samples, photometric, hasOtherBits: false, isMislabelled: false }
}

function signedLike(raw: Uint8Array | Uint16Array | Uint32Array, signed: boolean): Samples {
  if (!signed) return raw
  if (raw instanceof Uint8Array) return new Int8Array(raw.buffer, raw.byteOffset, raw.length)
  return raw instanceof Uint16Array
    ? new Int16Array(raw.buffer, raw.byteOffset, raw.length)
    : new Int32Array(raw.buffer, raw.byteOffset, raw.length)
}

function words(bytes: Uint8Array): Uint16Array {
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : bytes.slice()
  return new Uint16Array(aligned.buffer, aligned.byteOffset, aligned.length >> 1)
}

function longs(bytes: Uint8Array): Uint32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice()
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length >> 2)
}

function bitsOf(bytes: Uint8Array, start: number, count: number): Uint8Array {
  return Uint8Array.from({ length: count }, (_, index) => {
    const bit = start + index
    return ((bytes[bit >> 3] ?? 0) >> (bit & 7)) & 1
  })
}

function swapped(bytes: Uint8Array, start: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => bytes[(start + index) ^ 1] ?? 0)
}

/** Three planes, one after the other, as one. */
function interleaved(bytes: Uint8Array, pixels: number, bytesPerSample: number): Uint8Array {
  const output = new Uint8Array(pixels * 3 * bytesPerSample)
  for (let sample = 0; sample < 3; sample++) {
    for (let pixel = 0; pixel < pixels; pixel++) {
      for (let byte = 0; byte < bytesPerSample; byte++) {
        output[(pixel * 3 + sample) * bytesPerSample + byte] =
          bytes[(sample * pixels + pixel) * bytesPerSample + byte] ?? 0
      }
    }
  }
  return output
}

/** Y Y Cb Cr to Y Cb Cr, Y Cb Cr. */
function spread422(bytes: Uint8Array): Uint8Array {
  const output = new Uint8Array((bytes.length >> 1) * 3)
  for (let pair = 0; pair < bytes.length >> 2; pair++) {
    const from = pair * 4
    const blue = bytes[from + 2] ?? 0
    const red = bytes[from + 3] ?? 0
    output.set([bytes[from] ?? 0, blue, red, bytes[from + 1] ?? 0, blue, red], pair * 6)
  }
  return output
}

/** Which fragments make which frame. */
function fragmentsByFrame(
  dataSet: DataSet,
  fragments: readonly Fragment[],
  header: ImageHeader,
  coding: EncapsulatedCoding,
): readonly (readonly Fragment[])[] {
  const { bytes } = dataSet
  const [offsetTable, ...parts] = fragments
  if (offsetTable === undefined || parts.length === 0) {
    return fail('truncated-pixels', at, 'no fragment of a picture')
  }
  if (header.frames === 1) return [parts]
  if (parts.length === header.frames) return parts.map((part) => [part])
  const starts = startsOf(bytes, offsetTable, parts, header.frames, coding)
  if (starts.length !== header.frames) {
    return fail('truncated-pixels', at, 'frames are missing, or are not told apart')
  }
  return starts.map((start, index) => parts.slice(start, starts[index + 1]))
}

/** Index of each frame's first fragment: by the offset table, else by the start of a codestream. */
function startsOf(
  bytes: Uint8Array,
  offsetTable: Fragment,
  parts: readonly Fragment[],
  frames: number,
  coding: EncapsulatedCoding,
): readonly number[] {
  if (offsetTable.length === frames * 4) {
    const view = new DataView(bytes.buffer, bytes.byteOffset + offsetTable.offset, frames * 4)
    const first = (parts[0]?.offset ?? 0) - 8
    const byOffset = new Map(parts.map((part, index) => [part.offset - 8 - first, index]))
    return Array.from({ length: frames }, (_, frame) =>
      byOffset.get(view.getUint32(frame * 4, true)),
    ).filter((index) => index !== undefined)
  }
  if (coding === 'rle') return []
  const second = coding === 'jpeg-2000' ? 0x4f : 0xd8
  return parts.flatMap((part, index) =>
    bytes[part.offset] === 0xff && bytes[part.offset + 1] === second ? [index] : [],
  )
}

function joined(bytes: Uint8Array, parts: readonly Fragment[]): Uint8Array {
  const [only, ...others] = parts
  if (only !== undefined && others.length === 0) {
    return bytes.subarray(only.offset, only.offset + only.length)
  }
  const output = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0))
  let written = 0
  for (const { offset, length } of parts) {
    output.set(bytes.subarray(offset, offset + length), written)
    written += length
  }
  return output
}
