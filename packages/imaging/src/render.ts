import { encode } from 'fast-png'
import { areaAverage, type GreyPicture } from './scale.ts'

/**
 * Renders a film as an 8-bit grey PNG, its aspect ratio kept.
 *
 * @param options.longestSideMax in pixels; a larger film is made smaller, a smaller one is left.
 * @returns the bytes of a PNG file that holds the picture and no text.
 */
export function renderPng(
  film: GreyPicture,
  { longestSideMax }: { readonly longestSideMax: number },
): Uint8Array {
  const scale = Math.min(1, longestSideMax / Math.max(film.rows, film.columns))
  const columns = Math.max(1, Math.round(film.columns * scale))
  const rows = Math.max(1, Math.round(film.rows * scale))
  const grey = scale === 1 ? film.grey : areaAverage(film, columns, rows)
  const data = Uint8Array.from(grey, (value) => Math.round(value * 255))
  return encode({ width: columns, height: rows, data, channels: 1, depth: 8 })
}
