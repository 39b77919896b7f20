/**
 * A folder of endorsements that outlives the process.
 *
 * @see docs/spec/endorsements.md
 * @module
 */

import { createHash, randomBytes } from 'node:crypto'
import { mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import {
  base64Of,
  hexOf,
  jsonOf,
  reading,
  type UnixSeconds,
  utf8Of,
} from '@sealward/attestation/bytes'
import type { Clock } from '../effects/index.ts'
import { causeOf } from '../http/http-client.ts'
import type { EndorsementItem, EndorsementPiece } from './item.ts'
import { endorsementsLimits } from './limits.ts'
import { pieceFieldsOf, readPieceFields } from './piece-json.ts'
import { readPiece } from './read-piece.ts'

/** An endorsement, and when it was fetched. */
export interface KeptPiece {
  readonly piece: EndorsementPiece
  readonly fetchedAt: UnixSeconds
}

export interface PieceFolder {
  /** `undefined` when there is none, or none that is whole and what its name says. */
  read(item: EndorsementItem, address: string): Promise<KeptPiece | undefined>
  /** Never rejects: what cannot be written is not kept. */
  write(address: string, kept: KeptPiece): Promise<void>
}

export interface PieceFolderOptions {
  /** Made (mode 0700) where missing. Several processes may share it. */
  readonly path: string
  readonly clock: Clock
  readonly entriesMax?: number
  readonly bytesMax?: number
  /** Told the cause, without a path, when something cannot be written. */
  readonly onUnwritten?: (cause: string) => void
}

/** Opens a folder. A file in it that is damaged, foreign or too large counts as not there. */
export function openPieceFolder(options: PieceFolderOptions): PieceFolder {
  const fileOf = (address: string): string =>
    join(options.path, `${hexOf(createHash('sha256').update(address).digest())}${suffix}`)
  return {
    async read(item, address) {
      const bytes = await readLimited(fileOf(address))
      return bytes && keptOf(item, address, bytes)
    },
    async write(address, kept) {
      const bytes = utf8Of(`${JSON.stringify(entryOf(address, kept))}\n`)
      try {
        await mkdir(options.path, { recursive: true, mode: 0o700 })
        await writeWhole(fileOf(address), bytes)
        await tidy(options)
      } catch (error) {
        options.onUnwritten?.(causeOf(error))
      }
    },
  }
}

const format = 'sealward-endorsement-1'
const suffix = '.endorsement'
const draftSuffix = '.draft'

function entryOf(address: string, { piece, fetchedAt }: KeptPiece): object {
  return { format, address, fetchedAt, sha256: sha256Of(piece), ...pieceFieldsOf(piece) }
}

function keptOf(item: EndorsementItem, address: string, bytes: Uint8Array): KeptPiece | undefined {
  const json = jsonOf(bytes, { bytesMax: endorsementsLimits.entryBytesMax, depthMax: 2 })
  if (!json.ok) return undefined
  const entry = reading(json.value, '', (top) =>
    top.object('refused', (fields) => {
      fields.required('format').oneOf([format])
      fields.required('address').oneOf([address])
      return {
        fetchedAt: fields.required('fetchedAt').integer(0, Number.MAX_SAFE_INTEGER),
        sha256: fields.required('sha256').string(64),
        found: readPieceFields(fields),
      }
    }),
  )
  if (!entry.ok || sha256Of(entry.value.found) !== entry.value.sha256) return undefined
  // Its dates come from what is in it, as they did when it was fetched.
  const piece = readPiece(item, entry.value.found)
  return piece.ok ? { piece: piece.value, fetchedAt: entry.value.fetchedAt } : undefined
}

/** Against disks, not against people: whoever may write here may write the digest as well. */
function sha256Of({ body, issuerChain }: Pick<EndorsementPiece, 'body' | 'issuerChain'>): string {
  return createHash('sha256')
    .update(base64Of(body))
    .update('\n')
    .update(issuerChain ?? '')
    .digest('hex')
}

async function readLimited(path: string): Promise<Uint8Array | undefined> {
  try {
    const file = await open(path)
    try {
      const { size } = await file.stat()
      return size > endorsementsLimits.entryBytesMax
        ? undefined
        : new Uint8Array(await file.readFile())
    } finally {
      await file.close()
    }
  } catch {
    return undefined
  }
}

/** Whoever reads sees the old file or the new one, whatever ends when. */
async function writeWhole(path: string, bytes: Uint8Array): Promise<void> {
  const draft = `${path}.${randomBytes(8).toString('hex')}${draftSuffix}`
  try {
    const file = await open(draft, 'wx', 0o600)
    try {
      await file.writeFile(bytes)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(draft, path)
  } catch (error) {
    await rm(draft, { force: true })
    throw error
  }
}

/** Removes the oldest entries beyond the limits, and drafts that were left behind. */
async function tidy({ path, clock, ...options }: PieceFolderOptions): Promise<void> {
  const {
    entriesMax = endorsementsLimits.folderEntriesMax,
    bytesMax = endorsementsLimits.folderBytesMax,
  } = options
  const entries: { readonly file: string; readonly bytes: number; readonly at: number }[] = []
  for (const name of await readdir(path)) {
    const file = join(path, name)
    // Another process may have removed it.
    const stats = await stat(file).catch(() => undefined)
    if (stats === undefined) continue
    const isDraft = name.endsWith(draftSuffix)
    const age = clock.now() - stats.mtimeMs / 1000
    if (isDraft && age > endorsementsLimits.draftSecondsMax) await rm(file, { force: true })
    if (name.endsWith(suffix)) entries.push({ file, bytes: stats.size, at: stats.mtimeMs })
  }
  entries.sort((one, other) => other.at - one.at)
  let bytes = 0
  for (const [index, entry] of entries.entries()) {
    bytes += entry.bytes
    if (index >= entriesMax || bytes > bytesMax) await rm(entry.file, { force: true })
  }
}
