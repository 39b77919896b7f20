/**
 * The evidence map's arithmetic: what each of 8 x 8 cells adds to the logit, and how it is painted.
 *
 * @module
 */

/** Rows of the map, each of as many cells; positive speaks for the finding, negative against. */
export type EvidenceMap = readonly (readonly number[])[]

/** The largest difference at which two numbers of the model count as the same. */
export const agreementTolerance = 1e-4

/** The mean of all cells, which is the model's logit by construction. */
export function meanOf(map: EvidenceMap): number {
  const cells = map.flat()
  return cells.reduce((sum, cell) => sum + cell, 0) / cells.length
}

export function probabilityOf(logit: number): number {
  return 1 / (1 + Math.exp(-logit))
}

/** The value that is painted in full colour: the largest in the map, whatever its sign. */
export function scaleOf(map: EvidenceMap): number {
  return Math.max(...map.flat().map(Math.abs), Number.EPSILON)
}

/**
 * Enlarges the map by Catmull-Rom interpolation between the centres of its cells; the border
 * cells continue outwards.
 *
 * @returns `width * height` values, row by row.
 */
export function upsample(map: EvidenceMap, width: number, height: number): Float32Array {
  const rows = map.length
  const columns = map[0]?.length ?? 0
  const across = tapsOf(width, columns)
  const down = tapsOf(height, rows)
  const values = new Float32Array(width * height)
  for (const [y, rowTaps] of down.entries()) {
    for (const [x, columnTaps] of across.entries()) {
      let value = 0
      for (const [row, rowWeight] of rowTaps)
        for (const [column, columnWeight] of columnTaps)
          value += rowWeight * columnWeight * (map[row]?.[column] ?? 0)
      values[y * width + x] = value
    }
  }
  return values
}

/** For each pixel of one axis, the four cells around it and their weights. */
function tapsOf(
  pixels: number,
  cells: number,
): readonly (readonly (readonly [number, number])[])[] {
  return Array.from({ length: pixels }, (_, pixel) => {
    const position = ((pixel + 0.5) * cells) / pixels - 0.5
    const first = Math.floor(position)
    const t = position - first
    const weights = [
      ((-t + 2) * t - 1) * t * 0.5,
      ((3 * t - 5) * t * t + 2) * 0.5,
      ((-3 * t + 4) * t + 1) * t * 0.5,
      (t - 1) * t * t * 0.5,
    ]
    return weights.map(
      (weight, tap) => [Math.min(Math.max(first + tap - 1, 0), cells - 1), weight] as const,
    )
  })
}

/** Red for the finding, blue against; told apart by every common kind of colour blindness. */
const colourFor = [214, 39, 40] as const
const colourAgainst = [31, 104, 224] as const

/** RGBA bytes: the colour is the sign, the opacity the strength. */
export function paint(values: Float32Array, scale: number): Uint8ClampedArray<ArrayBuffer> {
  const pixels = new Uint8ClampedArray(values.length * 4)
  for (const [index, value] of values.entries()) {
    const [red, green, blue] = value > 0 ? colourFor : colourAgainst
    pixels.set([red, green, blue, (255 * Math.abs(value)) / scale], index * 4)
  }
  return pixels
}
