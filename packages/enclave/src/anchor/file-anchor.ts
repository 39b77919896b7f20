import { randomUUID } from 'node:crypto'
import { constants, link, mkdir, open, readdir, readFile, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ok, type Result, refuse, utf8Of } from '@sealward/attestation/bytes'
import type { Sealer } from '../sealing/index.ts'
import { type Anchor, type AnchorProblem, type AnchorState, sameState } from './anchor.ts'
import { readAnchorState } from './read-state.ts'

/**
 * An anchor in a folder outside the database, sealed: for a machine without a key broker.
 *
 * It notices a database that was put back without the folder: a restored backup, a copy that was
 * forgotten. Whoever puts back both, as one who runs the machine can, is not noticed.
 *
 * @param name - of what is anchored: deployment and role.
 * @throws when the folder cannot be made or written.
 */
export async function openFileAnchor(options: {
  readonly folder: string
  readonly name: string
  readonly sealer: Sealer
}): Promise<Anchor> {
  const { folder, name, sealer } = options
  await mkdir(folder, { recursive: true, mode: 0o700 })

  const addressOf = (after: number) => ({ type: 'anchor', id: name, version: after })
  const stateIn = async (after: number): Promise<AnchorState | undefined> => {
    const sealed = await readFile(join(folder, fileOf(after)))
    const opened = sealer.open(addressOf(after), sealed)
    return opened.ok ? readAnchorState(opened.value) : undefined
  }
  /** The newest, by what it came after. */
  const newest = async (): Promise<Result<AnchorState | undefined, AnchorProblem>> => {
    const last = (await afters(folder)).at(-1)
    if (last === undefined) return ok(undefined)
    const state = await stateIn(last)
    return state === undefined || state.sequence <= last
      ? refuse('anchor-refused', folder, 'The file of the anchor was changed, or is another’s.')
      : ok(state)
  }
  const advance: Anchor['advance'] = async (expected, next) => {
    const known = await newest()
    if (!known.ok) return known
    const after = expected?.sequence ?? 0
    if (!sameState(known.value, expected) || next.sequence <= after) return conflict
    const sealed = sealer.seal(addressOf(after), utf8Of(JSON.stringify(next)))
    // What comes after one state has one name: of two who go on from it at once, one is too late.
    if (!(await linked(folder, fileOf(after), sealed))) return conflict
    const there = await afters(folder)
    if (there.at(-1) !== after) {
      await rm(join(folder, fileOf(after)), { force: true })
      return conflict
    }
    for (const old of there.slice(0, -keptFiles))
      await rm(join(folder, fileOf(old)), { force: true })
    return ok(true)
  }
  return {
    read: () => reachingFolder(newest),
    advance: (expected, next) => reachingFolder(() => advance(expected, next)),
  }
}

const conflict = refuse('anchor-conflict', 'anchor', 'Somebody else has moved the anchor on.')
const keptFiles = 2
/** A new file, each write to which is on the disk when it returns: Node's permission model has no fsync. */
const writtenThrough = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_SYNC

const fileOf = (after: number): string => `after-${after}`

async function afters(folder: string): Promise<readonly number[]> {
  return (await readdir(folder))
    .flatMap((file) => /^after-(\d{1,15})$/.exec(file)?.[1] ?? [])
    .map(Number)
    .sort((one, other) => one - other)
}

/** Writes the whole file or none; `false` where there is one of this name. */
async function linked(folder: string, file: string, bytes: Uint8Array): Promise<boolean> {
  const draft = join(folder, `draft-${randomUUID()}`)
  const handle = await open(draft, writtenThrough, 0o600)
  try {
    await handle.writeFile(bytes)
  } finally {
    await handle.close()
  }
  try {
    await link(draft, join(folder, file))
    return true
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false
    throw error
  } finally {
    await rm(draft, { force: true })
  }
}

/** A disk that is away or full is no reason to end the program. */
async function reachingFolder<T>(
  work: () => Promise<Result<T, AnchorProblem>>,
): Promise<Result<T, AnchorProblem>> {
  try {
    return await work()
  } catch (error) {
    return refuse(
      'anchor-unavailable',
      'anchor',
      `The folder of the anchor fails: ${codeOf(error)}.`,
    )
  }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
}
