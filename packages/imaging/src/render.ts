import type { Film } from './film.ts'

/** Renders a film as an 8-bit grey PNG, made smaller so that the longest side has at most `longestSideMax` pixels. */
export function renderPng(
  _film: Pick<Film, 'rows' | 'columns' | 'grey'>,
  _options: { readonly longestSideMax: number },
): Uint8Array {
  throw new Error('being built')
}
