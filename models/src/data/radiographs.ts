/**
 * The labelled chest radiographs of `../shared/imaging`: read, never copied.
 *
 * @module
 */

import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { areaAverage, readFilm } from '@sealward/imaging'
import { inputSide } from '../network/parameters.ts'

export type Split = 'train' | 'val' | 'test' | 'native'

/** One row of `labels.csv`. */
export interface Row {
  readonly path: string
  readonly pneumonia: boolean
  readonly subtype: string
  readonly patient: string
  readonly split: Split
  readonly sha256: string
  /** Path of the image that this one repeats. */
  readonly duplicateOf: string | undefined
}

/** Rows and their images: grey in [0, 1], 64 x 64 each, one after the other. */
export interface Radiographs {
  readonly rows: readonly Row[]
  readonly pixels: Float32Array
}

/** The folder of test data beside the project, or the one that SEALWARD_SHARED names. */
export function sharedFolder(
  env: Readonly<Record<string, string | undefined>> = process.env,
): string {
  return env['SEALWARD_SHARED'] ?? join(import.meta.dirname, '..', '..', '..', '..', 'shared')
}

/** Whether the labelled films are there. */
export function hasRadiographs(shared: string): boolean {
  return existsSync(join(shared, 'imaging', 'cxr-pneumonia', 'labels.csv'))
}

/** All rows, in the order of the file. A file of another form is a broken installation: it throws. */
export function readRows(shared: string): Row[] {
  const [header, ...lines] = readFileSync(
    join(shared, 'imaging', 'cxr-pneumonia', 'labels.csv'),
    'utf8',
  )
    .trim()
    .split('\n')
  const names = header?.split(',') ?? []
  return lines.map((line) => {
    const fields = line.split(',')
    const field = (name: string): string => {
      const value = fields[names.indexOf(name)]
      if (value === undefined) throw new Error(`labels.csv has no ${name}`)
      return value
    }
    const duplicateOf = field('duplicate_of')
    return {
      path: field('path'),
      pneumonia: field('label') === 'PNEUMONIA',
      subtype: field('subtype'),
      patient: field('patient'),
      split: splitOf(field('split')),
      sha256: field('sha256'),
      duplicateOf: duplicateOf === '' ? undefined : duplicateOf,
    }
  })
}

/** Decodes the images of `rows` and averages them down, as the platform does with a film that it is sent. */
export async function readRadiographs(shared: string, rows: readonly Row[]): Promise<Radiographs> {
  const size = inputSide * inputSide
  const pixels = new Float32Array(rows.length * size)
  for (const [index, row] of rows.entries()) {
    const bytes = readFileSync(join(shared, 'imaging', row.path))
    if (createHash('sha256').update(bytes).digest('hex') !== row.sha256) {
      throw new Error(`${row.path} is not the file that labels.csv names`)
    }
    const film = await readFilm(bytes)
    if (!film.ok) throw new Error(`${row.path}: ${film.problem.code}`)
    pixels.set(areaAverage(film.value, inputSide, inputSide), index * size)
  }
  return { rows, pixels }
}

/** SHA-256 over path, label and digest of each row, in order: which data a model has seen. */
export function digestOfRows(rows: readonly Row[]): string {
  const hash = createHash('sha256')
  for (const row of rows) hash.update(`${row.path} ${row.pneumonia ? 1 : 0} ${row.sha256}\n`)
  return hash.digest('hex')
}

function splitOf(text: string): Split {
  if (text === 'train' || text === 'val' || text === 'test' || text === 'native') return text
  throw new Error('labels.csv has an unknown split')
}
