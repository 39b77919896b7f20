import { closeSync, type Dirent, openSync, readdirSync, readSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { tracesOf } from './traces.ts'

/** A file that holds what it must not. */
export interface Finding {
  readonly file: string
  readonly canary: string
  readonly encoding: string
}

/** What was looked through. */
export interface Sweep {
  readonly files: number
  readonly bytes: number
  readonly findings: readonly Finding[]
}

/**
 * Looks through every file below `folder` that was written since `since`.
 *
 * @param options - `since` in Unix milliseconds; `except` are folders and files of the hospital's own and of the recorder's.
 */
export function sweepFiles(options: {
  readonly folder: string
  readonly since: number
  readonly canaries: readonly string[]
  readonly except: readonly string[]
}): Sweep {
  const forms = options.canaries.flatMap((canary) =>
    tracesOf(canary).map((trace) => ({ canary, ...trace })),
  )
  const tally = { files: 0, bytes: 0 }
  const findings: Finding[] = []
  for (const file of writtenSince(options.folder, options)) {
    tally.files += 1
    for (const piece of piecesOf(file)) {
      tally.bytes += piece.length
      for (const { canary, encoding, bytes } of forms) {
        if (piece.includes(bytes)) findings.push({ file, canary, encoding })
      }
    }
  }
  return { ...tally, findings }
}

/** What the kernel makes up as it is read. */
const notFiles: ReadonlySet<string> = new Set(['/proc', '/sys'])

function* writtenSince(
  folder: string,
  options: { readonly since: number; readonly except: readonly string[] },
): Generator<string> {
  if (notFiles.has(folder)) return
  for (const entry of entriesOf(folder)) {
    const path = join(folder, entry.name)
    if (options.except.includes(path)) continue
    if (entry.isDirectory()) yield* writtenSince(path, options)
    else if (entry.isFile() && (modifiedAt(path) ?? 0) >= options.since) yield path
  }
}

function entriesOf(folder: string): readonly Dirent[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
  } catch {
    // It went away while it was looked for.
    return []
  }
}

function modifiedAt(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs
}

const pieceBytes = 16 * 1024 * 1024
/** Longer than any form of a canary. */
const overlapBytes = 4096

function* piecesOf(file: string): Generator<Buffer> {
  const descriptor = opened(file)
  if (descriptor === undefined) return
  try {
    for (let position = 0; ; position += pieceBytes - overlapBytes) {
      const buffer = Buffer.alloc(pieceBytes)
      const read = readSync(descriptor, buffer, 0, pieceBytes, position)
      if (read > 0) yield buffer.subarray(0, read)
      if (read < pieceBytes) return
    }
  } finally {
    closeSync(descriptor)
  }
}

function opened(file: string): number | undefined {
  try {
    return openSync(file, 'r')
  } catch {
    return undefined
  }
}
