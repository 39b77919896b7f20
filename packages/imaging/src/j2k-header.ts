import { fail } from './refusal.ts'

/** What the SIZ marker of a JPEG 2000 codestream says. */
export interface J2kHeader {
  readonly rows: number
  readonly columns: number
  readonly components: number
  readonly precision: number
}

const tilesMax = 16_384

/**
 * Reads the image size of a JPEG 2000 codestream, bare or in a JP2 file, so that no decoder takes
 * memory for a picture that the data set does not announce.
 *
 * @see ITU-T T.800, annex A.5.1
 */
export function readJ2kHeader(bytes: Uint8Array): J2kHeader {
  const start = startOf(bytes)
  if (start === -1 || bytes.length - start < 41) {
    return fail('malformed-pixels', '(7fe0,0010)', 'no JPEG 2000 codestream')
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset + start, bytes.length - start)
  const [right, bottom, left, top, tileWidth, tileHeight] = [8, 12, 16, 20, 24, 28].map((offset) =>
    view.getUint32(offset),
  ) as [number, number, number, number, number, number]
  const components = view.getUint16(40)
  if (view.byteLength < 42 + components * 3 || components === 0) {
    return fail('malformed-pixels', '(7fe0,0010)', 'a size marker that is cut')
  }
  const columns = right - left
  const rows = bottom - top
  if (columns <= 0 || rows <= 0 || tileWidth === 0 || tileHeight === 0) {
    return fail('malformed-pixels', '(7fe0,0010)', 'a size marker without size')
  }
  if (Math.ceil(right / tileWidth) * Math.ceil(bottom / tileHeight) > tilesMax) {
    return fail('image-too-large', '(7fe0,0010)', `more than ${tilesMax} tiles`)
  }
  let precision = 0
  for (let component = 0; component < components; component++) {
    const depth = view.getUint8(42 + component * 3)
    precision = Math.max(precision, (depth & 0x7f) + 1)
    if (view.getUint16(43 + component * 3) !== 0x0101) {
      return fail('unsupported-pixels', '(7fe0,0010)', 'components of different resolution')
    }
  }
  return { rows, columns, components, precision }
}

/** Where SOC and SIZ are: at once, or in the first boxes of a JP2 file. */
function startOf(bytes: Uint8Array): number {
  const last = Math.min(bytes.length - 4, 4_096)
  for (let offset = 0; offset <= last; offset++) {
    const isStart =
      bytes[offset] === 0xff &&
      bytes[offset + 1] === 0x4f &&
      bytes[offset + 2] === 0xff &&
      bytes[offset + 3] === 0x51
    if (isStart) return offset
    // A bare codestream starts at once; only a JP2 file has boxes before it.
    if (offset === 0 && bytes[0] !== 0) return -1
  }
  return -1
}
