import type { Film } from './film.ts'

/** Grey values and their layout: all of a film that scaling needs. */
export type GreyPicture = Pick<Film, 'rows' | 'columns' | 'grey'>

/**
 * Mean grey value of the area that each target pixel covers, the aspect ratio ignored.
 *
 * A pixel that lies across a border counts on each side by the part that is there.
 *
 * @returns `columns * rows` values in [0,1], row by row.
 */
export function areaAverage(picture: GreyPicture, columns: number, rows: number): Float32Array {
  const across = sharesOf(picture.columns, columns)
  const down = sharesOf(picture.rows, rows)
  // Only the rows that the current target row covers are kept.
  const line = new Float64Array(columns)
  const output = new Float32Array(columns * rows)
  const sums = new Float64Array(columns)
  for (let target = 0; target < rows; target++) {
    const { first, weights } = down[target] ?? nothing
    sums.fill(0)
    for (let step = 0; step < weights.length; step++) {
      const start = (first + step) * picture.columns
      averageRow(picture.grey, start, across, line)
      const weight = weights[step] ?? 0
      for (let column = 0; column < columns; column++) {
        sums[column] = (sums[column] ?? 0) + weight * (line[column] ?? 0)
      }
    }
    output.set(sums, target * columns)
  }
  return output
}

interface Share {
  /** First source index that the target index covers. */
  readonly first: number
  /** Part of the mean that each source index from there on has; they sum to 1. */
  readonly weights: Float64Array
}

const nothing: Share = { first: 0, weights: new Float64Array() }

function sharesOf(from: number, to: number): readonly Share[] {
  const scale = from / to
  return Array.from({ length: to }, (_, index) => {
    const start = index * scale
    const end = Math.min((index + 1) * scale, from)
    const first = Math.floor(start)
    const last = Math.min(Math.max(Math.ceil(end), first + 1), from)
    const weights = Float64Array.from({ length: last - first }, (_unused, step) => {
      const source = first + step
      return Math.max(0, Math.min(end, source + 1) - Math.max(start, source)) / (end - start)
    })
    return { first, weights }
  })
}

function averageRow(
  grey: Float32Array,
  start: number,
  across: readonly Share[],
  line: Float64Array,
): void {
  for (let column = 0; column < line.length; column++) {
    const { first, weights } = across[column] ?? nothing
    let sum = 0
    for (let step = 0; step < weights.length; step++) {
      sum += (weights[step] ?? 0) * (grey[start + first + step] ?? 0)
    }
    line[column] = sum
  }
}
