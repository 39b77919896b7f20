import { fail } from './refusal.ts'

/** What the markers of a JPEG or JPEG-LS codestream say. Its entropy-coded data were passed over. */
export interface JpegHeader {
  /** The frame marker's low byte: 0xc0 baseline, 0xc2 progressive, 0xc3 lossless, 0xf7 JPEG-LS. */
  readonly process: number
  readonly precision: number
  readonly rows: number
  readonly columns: number
  readonly components: number
  /** Horizontal and vertical sampling of each component. */
  readonly sampling: readonly (readonly [number, number])[]
  /** Exif orientation other than upright. */
  readonly isTurned: boolean
  /** Segments that say more than the picture: Exif, Xmp, Comment. */
  readonly notes: readonly string[]
}

/**
 * Walks the markers of a codestream from SOI to EOI, in time linear in its length.
 *
 * Refuses with `malformed-pixels`, `truncated-pixels`, `too-many-scans`. What follows EOI is not
 * looked at: encapsulated data are padded.
 *
 * @see ITU-T T.81, annex B; T.87, annex C
 */
export function readJpegHeader(bytes: Uint8Array, scansMax: number): JpegHeader {
  if (bytes[0] !== 0xff || bytes[1] !== 0xd8) malformed(0, 'no start of image')
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  let frame: Omit<JpegHeader, 'isTurned' | 'notes'> | undefined
  const notes = new Set<string>()
  let isTurned = false
  let scans = 0
  let offset = 2
  for (;;) {
    offset = nextMarker(bytes, offset)
    const marker = bytes[offset - 1] ?? 0
    if (marker === 0xd9) break
    if (marker === 0xd8 || (marker >= 0xd0 && marker <= 0xd7) || marker === 0x01) continue
    if (bytes.length - offset < 2) truncated(offset)
    const length = view.getUint16(offset)
    if (length < 2) malformed(offset, 'a segment of no length')
    if (length > bytes.length - offset) truncated(offset)
    const body = bytes.subarray(offset + 2, offset + length)
    if (isFrame(marker)) {
      if (frame !== undefined) malformed(offset, 'two frames in one picture')
      frame = frameOf(marker, body, offset)
    } else if (marker === 0xe1 && startsWith(body, 'Exif\0')) {
      notes.add('Exif')
      isTurned = isTurnedBy(body.subarray(6))
    } else if (marker === 0xe1 && startsWith(body, 'http://ns.adobe.com/')) {
      notes.add('Xmp')
    } else if (marker === 0xfe) {
      notes.add('Comment')
    }
    offset += length
    if (marker === 0xda) {
      if (frame === undefined) malformed(offset, 'a scan before the frame')
      scans++
      if (scans > scansMax) fail('too-many-scans', at(offset), `more than ${scansMax} scans`)
      offset = endOfScan(bytes, offset, frame.process === 0xf7)
    }
  }
  if (frame === undefined || scans === 0) malformed(offset, 'no picture before its end')
  return { ...frame, isTurned, notes: [...notes] }
}

/** The offset after the next marker. Fill bytes may stand before it. */
function nextMarker(bytes: Uint8Array, start: number): number {
  let offset = start
  if (offset >= bytes.length) truncated(offset)
  if (bytes[offset] !== 0xff) malformed(offset, 'no marker where one should be')
  while (bytes[offset] === 0xff) offset++
  if (offset >= bytes.length) truncated(offset)
  return offset + 1
}

/** Where the marker after entropy-coded data is. JPEG-LS stuffs a bit, JPEG a zero byte. */
function endOfScan(bytes: Uint8Array, start: number, isJpegLs: boolean): number {
  for (let offset = start; ; offset++) {
    offset = bytes.indexOf(0xff, offset)
    if (offset === -1 || offset + 1 >= bytes.length) truncated(bytes.length)
    const next = bytes[offset + 1] ?? 0
    const stuffed = isJpegLs ? next < 0x80 : next === 0
    if (!stuffed && next !== 0xff && !(next >= 0xd0 && next <= 0xd7)) return offset
  }
}

function isFrame(marker: number): boolean {
  const isOther = marker === 0xc4 || marker === 0xc8 || marker === 0xcc
  return (marker >= 0xc0 && marker <= 0xcf && !isOther) || marker === 0xf7
}

function frameOf(
  process: number,
  body: Uint8Array,
  offset: number,
): Omit<JpegHeader, 'isTurned' | 'notes'> {
  const components = body[5] ?? 0
  if (body.length < 6 + components * 3) malformed(offset, 'a frame header is cut')
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength)
  const sampling = Array.from({ length: components }, (_, index) => {
    const factors = body[7 + index * 3] ?? 0
    return [factors >> 4, factors & 15] as const
  })
  return {
    process,
    precision: body[0] ?? 0,
    rows: view.getUint16(1),
    columns: view.getUint16(3),
    components,
    sampling,
  }
}

/** Whether the Exif orientation (tag 0x0112 of the first directory) is other than upright. */
function isTurnedBy(tiff: Uint8Array): boolean {
  if (tiff.length < 8) return false
  const view = new DataView(tiff.buffer, tiff.byteOffset, tiff.byteLength)
  const littleEndian = tiff[0] === 0x49
  const directory = view.getUint32(4, littleEndian)
  if (directory > tiff.length - 2) return false
  const entries = view.getUint16(directory, littleEndian)
  for (let index = 0; index < entries; index++) {
    const entry = directory + 2 + index * 12
    if (entry + 12 > tiff.length) return false
    if (view.getUint16(entry, littleEndian) === 0x0112) {
      return view.getUint16(entry + 8, littleEndian) > 1
    }
  }
  return false
}

function startsWith(bytes: Uint8Array, text: string): boolean {
  return Array.from(text).every((character, index) => bytes[index] === character.charCodeAt(0))
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
