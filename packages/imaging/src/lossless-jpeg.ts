/**
 * Lossless JPEG: process 14, Huffman coding, all seven predictors.
 *
 * Written here since the decoder that npm offers decodes some files wrongly without a word.
 *
 * @module
 * @see ITU-T T.81, annex H
 */

import { fail } from './refusal.ts'

/** Decoded samples, interleaved by pixel. */
export interface LosslessPicture {
  readonly rows: number
  readonly columns: number
  readonly components: number
  readonly precision: number
  readonly samples: Uint8Array | Uint16Array
}

/** What the picture must be, checked before memory is taken for it. */
export interface PictureShape {
  readonly rows: number
  readonly columns: number
  readonly components: number
}

interface Frame extends PictureShape {
  readonly precision: number
  readonly componentIds: readonly number[]
}

interface Scan {
  /** Indices of the scan's components within the frame, and the Huffman table of each. */
  readonly components: readonly { readonly index: number; readonly table: Uint16Array }[]
  readonly predictor: number
  readonly pointTransform: number
}

/**
 * Decodes a lossless JPEG codestream.
 *
 * Refuses with `malformed-pixels`, `truncated-pixels`, `pixels-contradict-header` and, for what
 * annex H allows but radiography does not use, `unsupported-pixels`.
 */
export function decodeLosslessJpeg(bytes: Uint8Array, expected: PictureShape): LosslessPicture {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) malformed(0, 'no start of image')
  const tables = new Map<number, Uint16Array>()
  let frame: Frame | undefined
  let samples: Uint8Array | Uint16Array | undefined
  let restartInterval = 0
  const decoded = new Set<number>()
  let offset = 2
  for (;;) {
    if (offset >= bytes.length) truncated(offset)
    if (bytes[offset] !== 0xff) malformed(offset, 'no marker where one should be')
    while (bytes[offset] === 0xff) offset++
    const marker = bytes[offset++]
    if (marker === undefined) truncated(offset)
    if (marker === 0xd9) break
    if (bytes.length - offset < 2) truncated(offset)
    const length = view.getUint16(offset)
    if (length < 2) malformed(offset, 'a segment of no length')
    if (length > bytes.length - offset) truncated(offset)
    const body = bytes.subarray(offset + 2, offset + length)
    offset += length
    switch (marker) {
      case 0xc3:
        if (frame !== undefined) malformed(offset, 'two frames in one picture')
        frame = frameOf(body, offset, expected)
        samples = samplesFor(frame)
        break
      case 0xc4:
        readTables(body, offset, tables)
        break
      case 0xdd:
        if (body.length < 2) malformed(offset, 'a restart interval without value')
        restartInterval = ((body[0] ?? 0) << 8) | (body[1] ?? 0)
        break
      case 0xda: {
        if (frame === undefined || samples === undefined)
          malformed(offset, 'a scan before its frame')
        const scan = scanOf(body, offset, frame, tables)
        for (const { index } of scan.components) {
          if (decoded.has(index)) malformed(offset, 'a component is coded twice')
          decoded.add(index)
        }
        const { segments, end } = entropySegments(bytes, offset)
        decodeScan(frame, scan, segments, restartInterval, samples, offset)
        offset = end
        break
      }
      default:
        if (marker >= 0xc0 && marker <= 0xcf) {
          fail('unsupported-pixels', at(offset), 'another JPEG process than 14')
        }
    }
  }
  if (frame === undefined || samples === undefined || decoded.size !== frame.components) {
    malformed(offset, 'the picture ends before all its components')
  }
  const { rows, columns, components, precision } = frame
  return { rows, columns, components, precision, samples }
}

function samplesFor({ rows, columns, components, precision }: Frame): Uint8Array | Uint16Array {
  const count = rows * columns * components
  return precision > 8 ? new Uint16Array(count) : new Uint8Array(count)
}

function frameOf(body: Uint8Array, offset: number, expected: PictureShape): Frame {
  const components = body[5] ?? 0
  if (body.length < 6 + components * 3) malformed(offset, 'a frame header is cut')
  const precision = body[0] ?? 0
  const rows = ((body[1] ?? 0) << 8) | (body[2] ?? 0)
  const columns = ((body[3] ?? 0) << 8) | (body[4] ?? 0)
  if (precision < 2 || precision > 16) malformed(offset, 'samples of neither 2 to 16 bits')
  const differs =
    rows !== expected.rows || columns !== expected.columns || components !== expected.components
  if (differs) fail('pixels-contradict-header', at(offset), 'the codestream has another shape')
  const componentIds: number[] = []
  for (let index = 0; index < components; index++) {
    const id = body[6 + index * 3] ?? 0
    if (componentIds.includes(id)) malformed(offset, 'two components of one name')
    if (body[7 + index * 3] !== 0x11) {
      fail('unsupported-pixels', at(offset), 'components of different resolution')
    }
    componentIds.push(id)
  }
  return { rows, columns, components, precision, componentIds }
}

function scanOf(
  body: Uint8Array,
  offset: number,
  frame: Frame,
  tables: ReadonlyMap<number, Uint16Array>,
): Scan {
  const count = body[0] ?? 0
  if (count === 0 || body.length < 4 + count * 2) malformed(offset, 'a scan header is cut')
  const components: { readonly index: number; readonly table: Uint16Array }[] = []
  for (let position = 0; position < count; position++) {
    const index = frame.componentIds.indexOf(body[1 + position * 2] ?? 0)
    const table = tables.get((body[2 + position * 2] ?? 0) >> 4)
    if (index === -1) malformed(offset, 'a scan of an unknown component')
    if (table === undefined) malformed(offset, 'a scan without its Huffman table')
    if (components.some((other) => other.index === index)) {
      malformed(offset, 'a scan names a component twice')
    }
    components.push({ index, table })
  }
  const predictor = body[1 + count * 2] ?? 0
  const pointTransform = (body[3 + count * 2] ?? 0) & 15
  if (predictor < 1 || predictor > 7) malformed(offset, 'no predictor of that number')
  if (pointTransform >= frame.precision) malformed(offset, 'all bits are shifted away')
  return { components, predictor, pointTransform }
}

/** Adds the tables of a DHT segment: by the next 16 bits, the code's length and its category. */
function readTables(body: Uint8Array, offset: number, tables: Map<number, Uint16Array>): void {
  let from = 0
  while (from < body.length) {
    const destination = body[from] ?? 0
    if (destination > 3) malformed(offset, 'a Huffman table of another kind')
    if (body.length - from < 17) malformed(offset, 'a Huffman table is cut')
    const table = new Uint16Array(65_536)
    let code = 0
    let value = from + 17
    for (let length = 1; length <= 16; length++) {
      for (let left = body[from + length] ?? 0; left > 0; left--) {
        const category = body[value++]
        if (category === undefined) malformed(offset, 'a Huffman table is cut')
        if (category > 16) malformed(offset, 'a difference of more than 16 bits')
        const first = code << (16 - length)
        const next = (code + 1) << (16 - length)
        if (next > 65_536) malformed(offset, 'a Huffman table with too many codes')
        table.fill((length << 8) | category, first, next)
        code++
      }
      code <<= 1
    }
    tables.set(destination, table)
    from = value
  }
}

/** The entropy-coded data of a scan, one part a restart interval, stuffed zeros taken out. */
function entropySegments(
  bytes: Uint8Array,
  start: number,
): { readonly segments: readonly Uint8Array[]; readonly end: number } {
  const segments: Uint8Array[] = []
  let part = new Uint8Array(bytes.length - start)
  let written = 0
  let from = start
  for (;;) {
    const marker = bytes.indexOf(0xff, from)
    if (marker === -1 || marker + 1 >= bytes.length) truncated(bytes.length)
    part.set(bytes.subarray(from, marker), written)
    written += marker - from
    const next = bytes[marker + 1] ?? 0
    from = marker + 2
    if (next === 0) {
      part[written++] = 0xff
    } else if (next === 0xff) {
      from = marker + 1
    } else {
      segments.push(part.subarray(0, written))
      if (next < 0xd0 || next > 0xd7) return { segments, end: marker }
      part = part.subarray(written)
      written = 0
    }
  }
}

function decodeScan(
  frame: Frame,
  scan: Scan,
  segments: readonly Uint8Array[],
  restartInterval: number,
  samples: Uint8Array | Uint16Array,
  offset: number,
): void {
  const { rows, columns, components: stride, precision } = frame
  if (restartInterval % columns !== 0) {
    fail('unsupported-pixels', at(offset), 'restart intervals of part of a row')
  }
  const rowsPerSegment = restartInterval === 0 ? rows : restartInterval / columns
  if (segments.length < Math.ceil(rows / rowsPerSegment)) truncated(offset)
  const { predictor, pointTransform } = scan
  const initial = 1 << (precision - pointTransform - 1)
  const mask = precision > 8 ? 0xffff : 0xff
  const above = scan.components.map(() => new Int32Array(columns))
  const current = scan.components.map(() => new Int32Array(columns))
  for (let first = 0; first < rows; first += rowsPerSegment) {
    const bits = segments[first / rowsPerSegment] ?? new Uint8Array()
    let position = 0
    const last = Math.min(first + rowsPerSegment, rows)
    for (let row = first; row < last; row++) {
      for (let column = 0; column < columns; column++) {
        for (let order = 0; order < scan.components.length; order++) {
          const component = scan.components[order]
          const up = above[order]
          const line = current[order]
          if (component === undefined || up === undefined || line === undefined) continue

          const entry = component.table[window16(bits, position)] ?? 0
          if (entry === 0) malformed(offset, 'a code that no Huffman table has')
          position += entry >> 8
          const category = entry & 0xff
          let difference = 0
          if (category === 16) {
            difference = 32_768
          } else if (category > 0) {
            const value = window16(bits, position) >> (16 - category)
            position += category
            difference = value < 1 << (category - 1) ? value - (1 << category) + 1 : value
          }

          let prediction: number
          if (row === first) {
            prediction = column === 0 ? initial : (line[column - 1] ?? 0)
          } else if (column === 0) {
            prediction = up[0] ?? 0
          } else {
            const left = line[column - 1] ?? 0
            const over = up[column] ?? 0
            const corner = up[column - 1] ?? 0
            switch (predictor) {
              case 1:
                prediction = left
                break
              case 2:
                prediction = over
                break
              case 3:
                prediction = corner
                break
              case 4:
                prediction = left + over - corner
                break
              case 5:
                prediction = left + ((over - corner) >> 1)
                break
              case 6:
                prediction = over + ((left - corner) >> 1)
                break
              default:
                prediction = (left + over) >> 1
            }
          }
          const value = (prediction + difference) & 0xffff
          line[column] = value
          samples[(row * columns + column) * stride + component.index] =
            (value << pointTransform) & mask
        }
      }
      if (position > bits.length * 8) truncated(offset)
      for (let order = 0; order < above.length; order++) {
        const finished = current[order]
        const spare = above[order]
        if (finished === undefined || spare === undefined) continue
        above[order] = finished
        current[order] = spare
      }
    }
  }
}

/** The 16 bits at a bit position; zeros after the end. */
function window16(bytes: Uint8Array, position: number): number {
  const index = position >> 3
  const word =
    ((bytes[index] ?? 0) << 16) | ((bytes[index + 1] ?? 0) << 8) | (bytes[index + 2] ?? 0)
  return (word >> (8 - (position & 7))) & 0xffff
}

function malformed(offset: number, detail: string): never {
  return fail('malformed-pixels', at(offset), detail)
}

function truncated(offset: number): never {
  return fail('truncated-pixels', at(offset), 'the codestream is cut')
}

function at(offset: number): string {
  return `@0x${offset.toString(16)}`
}
