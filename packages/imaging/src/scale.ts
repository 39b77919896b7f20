import type { Film } from './film.ts'

/** Area average of a film's grey values, `columns` x `rows`, ignoring the aspect ratio. */
export function areaAverage(
  _film: Pick<Film, 'rows' | 'columns' | 'grey'>,
  _columns: number,
  _rows: number,
): Float32Array {
  throw new Error('being built')
}
