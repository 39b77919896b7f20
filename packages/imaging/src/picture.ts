/** PNG and JPEG files: pictures without a data set. */

import { crc32, inflateSync } from 'node:zlib'
import { decode as decodePngFile } from 'fast-png'
import { decodeWith } from './codecs.ts'
import type { Film, FilmWarning } from './film.ts'
import { type JpegHeader, readJpegHeader } from './jpeg-header.ts'
import type { ImagingLimits } from './limits.ts'
import { rgbToGrey } from './presentation.ts'
import { fail } from './refusal.ts'

/** A decoded picture, interleaved, with what was said beside it. */
export interface Picture {
  readonly rows: number
  readonly columns: number
  /** 1 grey, 2 grey and alpha, 3 colour, 4 colour and alpha. */
  readonly channels: 1 | 2 | 3 | 4
  readonly bits: 8 | 16
  readonly samples: Uint8Array | Uint16Array
  readonly warnings: readonly FilmWarning[]
  /** Kinds of text beside the picture: `Exif`, `Comment`, `Text`. */
  readonly notes: readonly string[]
}

export function isPng(bytes: Uint8Array): boolean {
  return pngSignature.every((byte, index) => bytes[index] === byte)
}

export function isJpeg(bytes: Uint8Array): boolean {
  return bytes[0] === 0xff && bytes[1] === 0xd8 && bytes[2] === 0xff
}

/** A picture as a film: grey values and nothing known about it. */
export function filmOf(picture: Picture, source: 'png' | 'jpeg', encoding: string): Film {
  const { rows, columns, channels, samples, bits, warnings } = picture
  const white = bits === 16 ? 65_535 : 255
  const { grey, colour } =
    channels === 3 || channels === 4
      ? rgbToGrey(samples, channels, white)
      : { grey: greyOf(samples, channels, white), colour: 0 }
  return {
    source,
    rows,
    columns,
    grey,
    colour,
    modality: undefined,
    bodyPart: undefined,
    viewPosition: undefined,
    photometricInterpretation: channels > 2 ? 'RGB' : 'MONOCHROME2',
    bitsStored: bits,
    transferSyntaxUid: undefined,
    encoding,
    sopClassUid: undefined,
    studyInstanceUid: undefined,
    seriesInstanceUid: undefined,
    sopInstanceUid: undefined,
    numberOfFrames: 1,
    warnings,
  }
}

function greyOf(samples: Uint8Array | Uint16Array, stride: number, white: number): Float32Array {
  const grey = new Float32Array(Math.floor(samples.length / stride))
  for (let pixel = 0; pixel < grey.length; pixel++) {
    grey[pixel] = (samples[pixel * stride] ?? 0) / white
  }
  return grey
}

/** The header of a JPEG file, within limits and of a kind that is read. */
export function jpegFileHeader(bytes: Uint8Array, limits: ImagingLimits): JpegHeader {
  const header = readJpegHeader(bytes, limits.scansMax)
  const { rows, columns, components, precision, process } = header
  if (process > 0xc2 || precision !== 8) {
    fail('unsupported-pixels', '@0x0', 'neither baseline nor progressive JPEG')
  }
  if (components !== 1 && components !== 3) {
    fail('unsupported-pixels', '@0x0', 'neither grey nor three colours')
  }
  withinLimits(rows, columns, limits)
  return header
}

/** Decodes a JPEG file, baseline or progressive. */
export async function readJpeg(bytes: Uint8Array, limits: ImagingLimits): Promise<Picture> {
  const header = jpegFileHeader(bytes, limits)
  const decoded = await decodeWith('jpeg', bytes)
  const { rows, columns } = header
  const channels = decoded.components === 1 ? 1 : 3
  if (decoded.rows !== rows || decoded.columns !== columns) {
    fail('pixels-contradict-header', '@0x0', 'the codestream has another shape')
  }
  const warnings: FilmWarning[] = [
    { code: 'lossy', detail: 'The picture was compressed with loss.' },
  ]
  if (header.isTurned) {
    warnings.push({
      code: 'orientation-ignored',
      detail: 'The file asks to be turned; it was read as it is stored.',
    })
  }
  const samples = decoded.bytes.subarray(0, rows * columns * channels)
  return { rows, columns, channels, bits: 8, samples, warnings, notes: header.notes }
}

const pngSignature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a] as const

/** Channels and bits of a sample for each PNG colour type. @see PNG (third edition), 11.2.1 */
const pngKinds: Readonly<
  Record<number, { readonly channels: 1 | 2 | 3 | 4; readonly depths: readonly number[] }>
> = {
  0: { channels: 1, depths: [1, 2, 4, 8, 16] },
  2: { channels: 3, depths: [8, 16] },
  3: { channels: 1, depths: [1, 2, 4, 8] },
  4: { channels: 2, depths: [8, 16] },
  6: { channels: 4, depths: [8, 16] },
}

/**
 * Decodes a PNG file. Its chunks are walked and inflated within limits first; the decoder then sees
 * the picture's own chunks only.
 */
export function readPng(bytes: Uint8Array, limits: ImagingLimits): Picture {
  const { header, kept, data, notes } = pngChunks(bytes)
  const view = new DataView(header.buffer, header.byteOffset, header.byteLength)
  const columns = view.getUint32(0)
  const rows = view.getUint32(4)
  const depth = view.getUint8(8)
  const kind = pngKinds[view.getUint8(9)]
  const isInterlaced = view.getUint8(12) === 1
  if (rows === 0 || columns === 0 || !kind?.depths.includes(depth)) {
    fail('malformed-image-header', '@0x8', 'no PNG has this header')
  }
  withinLimits(rows, columns, limits)
  if (isInterlaced && depth < 8) {
    fail('unsupported-pixels', '@0x8', 'interlaced rows of fewer than 8 bits a sample')
  }
  const expected = inflatedLength(rows, columns, kind.channels * depth, isInterlaced)
  const inflated = inflatedPng(data, expected)
  if (inflated.length < expected)
    fail('truncated-pixels', '@0x8', 'rows of the picture are missing')
  // A palette is a mere suggestion where the pixels do not refer to it.
  const isIndexed = view.getUint8(9) === 3
  const own = kept.filter(([type]) => isIndexed || type !== 'PLTE')
  const picture = decodedPng(pngOf([...own, ['IDAT', data]]))
  return { ...picture, rows, columns, notes }
}

/** Kinds of text in a PNG file; nothing is inflated for it. */
export function pngNotes(bytes: Uint8Array): readonly string[] {
  return pngChunks(bytes).notes
}

type Chunk = readonly [type: string, body: Uint8Array]

function decodedPng(bytes: Uint8Array): Omit<Picture, 'rows' | 'columns' | 'notes'> {
  let decoded: ReturnType<typeof decodePngFile>
  try {
    decoded = decodePngFile(bytes)
  } catch {
    // Its chunks, lengths and memory were looked at: what is left is about this picture.
    return fail('malformed-pixels', '@0x8', 'the picture does not decode')
  }
  const { depth, data, palette } = decoded
  const expanded =
    palette === undefined ? undefined : paletteColours(data, decoded.width, depth, palette)
  const channels = (expanded ? 3 : decoded.channels) as 1 | 2 | 3 | 4
  const bits = depth === 16 ? 16 : 8
  const samples =
    expanded ?? (depth < 8 ? unpacked(data, decoded.width, depth, 255 / (2 ** depth - 1)) : data)
  const usesAlpha =
    (channels === 2 || channels === 4) && seesThrough(samples, channels, bits === 16 ? 65_535 : 255)
  const isTransparent =
    usesAlpha ||
    decoded.transparency !== undefined ||
    palette?.some((entry) => (entry[3] ?? 255) < 255)
  const warnings: FilmWarning[] = isTransparent
    ? [
        {
          code: 'transparency-ignored',
          detail: 'The picture has transparent parts; they were read as they are coloured.',
        },
      ]
    : []
  return { channels, bits, samples: samples as Uint8Array | Uint16Array, warnings }
}

function seesThrough(samples: ArrayLike<number>, channels: number, opaque: number): boolean {
  for (let index = channels - 1; index < samples.length; index += channels) {
    if (samples[index] !== opaque) return true
  }
  return false
}

/** One byte a sample, for rows of fewer than 8 bits a sample. */
function unpacked(
  data: ArrayLike<number>,
  columns: number,
  depth: number,
  scale: number,
): Uint8Array {
  const rowBytes = Math.ceil((columns * depth) / 8)
  const rows = Math.floor(data.length / rowBytes)
  const output = new Uint8Array(rows * columns)
  const mask = 2 ** depth - 1
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      const bit = column * depth
      const byte = data[row * rowBytes + (bit >> 3)] ?? 0
      output[row * columns + column] = ((byte >> (8 - depth - (bit & 7))) & mask) * scale
    }
  }
  return output
}

function paletteColours(
  data: ArrayLike<number>,
  columns: number,
  depth: number,
  palette: readonly (readonly number[])[],
): Uint8Array {
  const indices = depth < 8 ? unpacked(data, columns, depth, 1) : data
  const output = new Uint8Array(indices.length * 3)
  for (let pixel = 0; pixel < indices.length; pixel++) {
    const colour = palette[indices[pixel] ?? 0]
    if (colour === undefined) fail('malformed-pixels', '@0x8', 'a colour that the palette has not')
    output[pixel * 3] = colour[0] ?? 0
    output[pixel * 3 + 1] = colour[1] ?? 0
    output[pixel * 3 + 2] = colour[2] ?? 0
  }
  return output
}

function pngChunks(bytes: Uint8Array): {
  readonly header: Uint8Array
  readonly kept: readonly Chunk[]
  readonly data: Uint8Array
  readonly notes: readonly string[]
} {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const kept: Chunk[] = []
  const data: Uint8Array[] = []
  const notes = new Set<string>()
  let header: Uint8Array | undefined
  let offset = pngSignature.length
  for (;;) {
    const at = `@0x${offset.toString(16)}`
    if (bytes.length - offset < 12) fail('truncated-pixels', at, 'the file has no end')
    const length = view.getUint32(offset)
    if (length > bytes.length - offset - 12) fail('truncated-pixels', at, 'a chunk is cut')
    const type = String.fromCharCode(...bytes.subarray(offset + 4, offset + 8))
    const body = bytes.subarray(offset + 8, offset + 8 + length)
    if (
      view.getUint32(offset + 8 + length) !== crc32(bytes.subarray(offset + 4, offset + 8 + length))
    ) {
      fail('malformed-pixels', at, 'a chunk is damaged')
    }
    if (header === undefined && (type !== 'IHDR' || length !== 13)) {
      fail('malformed-image-header', at, 'no PNG header')
    }
    switch (type) {
      case 'IHDR':
        if (header !== undefined) fail('malformed-image-header', at, 'two PNG headers')
        header = body
        kept.push([type, body])
        break
      case 'PLTE':
      case 'tRNS':
        if (length > 1_024) fail('malformed-pixels', at, 'a palette that is too long')
        kept.push([type, body])
        break
      case 'IDAT':
        data.push(body)
        break
      case 'eXIf':
        notes.add('Exif')
        break
      case 'tEXt':
      case 'zTXt':
      case 'iTXt':
        notes.add('Text')
        break
      case 'IEND':
        if (header === undefined) return fail('malformed-image-header', at, 'no PNG header')
        return { header, kept, data: Buffer.concat(data), notes: [...notes] }
      default:
        // Other critical chunks change what the picture is.
        if (/^[A-Z]/.test(type)) fail('unsupported-pixels', at, 'a chunk that is not known')
    }
    offset += length + 12
  }
}

function pngOf(chunks: readonly Chunk[]): Uint8Array {
  const parts: Uint8Array[] = [Uint8Array.from(pngSignature)]
  for (const [type, body] of [...chunks, ['IEND', new Uint8Array()] as const]) {
    const chunk = new Uint8Array(body.length + 12)
    const view = new DataView(chunk.buffer)
    view.setUint32(0, body.length)
    chunk.set(Buffer.from(type, 'latin1'), 4)
    chunk.set(body, 8)
    view.setUint32(8 + body.length, crc32(chunk.subarray(4, 8 + body.length)))
    parts.push(chunk)
  }
  return Buffer.concat(parts)
}

function inflatedPng(data: Uint8Array, expected: number): Uint8Array {
  try {
    return inflateSync(data, { maxOutputLength: expected })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ERR_BUFFER_TOO_LARGE') {
      return fail('inflated-too-large', '@0x8', 'more rows than the header says')
    }
    if (code === 'Z_BUF_ERROR') return fail('truncated-pixels', '@0x8', 'the picture is cut')
    if (typeof code === 'string' && code.startsWith('Z_')) {
      return fail('malformed-pixels', '@0x8', 'the picture does not inflate')
    }
    throw error
  }
}

/** Bytes of all rows, each with its filter byte. @see PNG (third edition), 8 and 7.3 */
function inflatedLength(
  rows: number,
  columns: number,
  bits: number,
  isInterlaced: boolean,
): number {
  const bytes = (across: number, down: number): number =>
    across === 0 ? 0 : down * (1 + Math.ceil((across * bits) / 8))
  if (!isInterlaced) return bytes(columns, rows)
  const passes = [
    [0, 8, 0, 8],
    [4, 8, 0, 8],
    [0, 4, 4, 8],
    [2, 4, 0, 4],
    [0, 2, 2, 4],
    [1, 2, 0, 2],
    [0, 1, 1, 2],
  ] as const
  return passes.reduce(
    (sum, [x, stepX, y, stepY]) =>
      sum +
      bytes(
        Math.max(0, Math.ceil((columns - x) / stepX)),
        Math.max(0, Math.ceil((rows - y) / stepY)),
      ),
    0,
  )
}

function withinLimits(rows: number, columns: number, limits: ImagingLimits): void {
  if (rows === 0 || columns === 0) {
    fail('malformed-image-header', '@0x0', 'a picture without rows or columns')
  }
  if (rows > limits.sideMax || columns > limits.sideMax || rows * columns > limits.pixelsMax) {
    fail('image-too-large', '@0x0', `more than ${limits.pixelsMax} pixels`)
  }
}
