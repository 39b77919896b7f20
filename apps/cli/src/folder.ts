/**
 * A folder of films, into a table.
 *
 * @module
 */

import { open, readdir, rename } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { ok } from '@sealward/attestation/bytes'
import type { Diagnosis } from './diagnose.ts'
import { limits } from './limits.ts'
import { badInput, type Outcome, type ProblemKind } from './problem.ts'

/** What became of the films of a folder. */
export interface FolderReport {
  readonly files: number
  readonly done: number
  readonly refused: number
  /** Why it ended before the last file. */
  readonly stopped?: 'interrupted' | ProblemKind
}

/** Files below `folder` whose names are of films, in order of name. */
export async function filmsBelow(folder: string): Promise<Outcome<readonly string[]>> {
  let names: readonly string[]
  try {
    const entries = await readdir(folder, { recursive: true, withFileTypes: true })
    names = entries
      .filter((entry) => entry.isFile() && isFilmName(entry.name))
      .map((entry) => join(entry.parentPath, entry.name))
      .sort()
  } catch {
    return badInput('folder-unreadable', 'DIR', `${folder} cannot be read`)
  }
  if (names.length === 0) {
    return badInput(
      'folder-empty',
      'DIR',
      `${folder} holds no .dcm, .dicom, .png, .jpg or .jpeg file`,
    )
  }
  if (names.length > limits.filmsMax) {
    return badInput('folder-too-large', 'DIR', `more than ${limits.filmsMax} films`)
  }
  return ok(names)
}

function isFilmName(name: string): boolean {
  return /\.(dcm|dicom|png|jpe?g)$/i.test(name) && !name.startsWith('.')
}

/**
 * Has each film interpreted, one after the other, and writes a row for each as it comes.
 *
 * The table has its name only when it is finished or given up; a run that is killed leaves the rows in
 * `<table>.partial`.
 *
 * @param interpret - a refusal of kind `input` becomes a row; any other ends the run.
 * @param onRow - after each film.
 */
export async function diagnoseFolder(options: {
  readonly folder: string
  readonly films: readonly string[]
  readonly table: string
  readonly interpret: (film: string) => Promise<Outcome<Diagnosis>>
  readonly signal: AbortSignal
  readonly onRow: (done: number) => void
}): Promise<
  Outcome<FolderReport & { readonly problem?: { readonly code: string; readonly detail: string } }>
> {
  const { folder, films, table, signal } = options
  const partial = `${table}.partial`
  const file = await open(partial, 'w', 0o600).catch(() => undefined)
  if (file === undefined) return badInput('table-unwritable', '--csv', `${table} cannot be written`)
  let [done, refused] = [0, 0]
  let stopped: FolderReport['stopped']
  let problem: { readonly code: string; readonly detail: string } | undefined
  try {
    await file.write(rowOf(columns))
    for (const film of films) {
      if (signal.aborted) {
        stopped = 'interrupted'
        break
      }
      const outcome = await interpretUnlessAborted(options, film)
      if (outcome === 'interrupted') {
        stopped = outcome
        break
      }
      if (!outcome.ok && outcome.problem.kind !== 'input') {
        stopped = outcome.problem.kind
        problem = outcome.problem
        break
      }
      if (outcome.ok) done++
      else refused++
      await file.write(rowOf(cellsOf(relative(folder, film), outcome)))
      options.onRow(done + refused)
    }
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(partial, table)
  return ok({
    files: films.length,
    done,
    refused,
    ...(stopped === undefined ? {} : { stopped }),
    ...(problem === undefined ? {} : { problem }),
  })
}

async function interpretUnlessAborted(
  { interpret, signal }: Pick<Parameters<typeof diagnoseFolder>[0], 'interpret' | 'signal'>,
  film: string,
): Promise<Outcome<Diagnosis> | 'interrupted'> {
  try {
    return await interpret(film)
  } catch (error) {
    if (signal.aborted) return 'interrupted'
    throw error
  }
}

const columns = [
  'file',
  'outcome',
  'probability',
  'logit',
  'threshold',
  'model',
  'modelVersion',
  'modelSha256',
  'simulated',
  'receipt',
  'detail',
] as const

function cellsOf(file: string, outcome: Outcome<Diagnosis>): readonly string[] {
  if (!outcome.ok) {
    const { code, detail } = outcome.problem
    return [file, code, '', '', '', '', '', '', '', '', detail]
  }
  const { probability, logit, operatingPoint, model, simulated, receiptPath } = outcome.value
  return [
    file,
    'done',
    String(probability),
    String(logit),
    String(operatingPoint.threshold),
    model.name,
    model.version,
    model.sha256,
    String(simulated),
    receiptPath,
    '',
  ]
}

/** One row of RFC 4180. */
export function rowOf(cells: readonly string[]): string {
  const quoted = cells.map((cell) =>
    /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell,
  )
  return `${quoted.join(',')}\r\n`
}
