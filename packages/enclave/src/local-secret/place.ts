import { randomUUID } from 'node:crypto'
import { constants, link, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { makeFolder, syncFolder } from '../sealing/index.ts'

/** Where the wraps of a secret are kept: outside the TEE, in the hands of whoever. */
export interface SecretPlace {
  read(): Promise<Uint8Array | undefined>
  /** Writes where nothing is; `false` where something is. */
  create(bytes: Uint8Array): Promise<boolean>
  /** Writes in the place of what is there, all of it or nothing. */
  replace(bytes: Uint8Array): Promise<void>
}

/** A file, made with its folder (mode 0700). What a process left behind that was killed while it wrote is removed. */
export function secretFile(path: string): SecretPlace {
  const folder = dirname(path)
  const draftOf = async (bytes: Uint8Array): Promise<string> => {
    await makeFolder(folder)
    const draft = `${path}.${randomUUID()}`
    const handle = await open(draft, writtenThrough, 0o600)
    try {
      await handle.writeFile(bytes)
    } finally {
      await handle.close()
    }
    return draft
  }
  return {
    async read() {
      await removeDrafts(path).catch(() => {})
      try {
        return new Uint8Array(await readFile(path))
      } catch (error) {
        if (codeOf(error) === 'ENOENT') return undefined
        throw error
      }
    },
    async create(bytes) {
      const draft = await draftOf(bytes)
      try {
        const isFirst = await link(draft, path).then(
          () => true,
          (error: unknown) => {
            if (codeOf(error) === 'EEXIST') return false
            throw error
          },
        )
        // Whoever comes second goes on with the first one's, which may not have been written through yet.
        await syncFolder(folder)
        return isFirst
      } finally {
        await rm(draft, { force: true })
      }
    },
    async replace(bytes) {
      await rename(await draftOf(bytes), path)
      await syncFolder(folder)
    },
  }
}

/** Drafts nobody writes any more: a wrap in one would be for a security version of long ago. */
async function removeDrafts(path: string): Promise<void> {
  const folder = dirname(path)
  const name = basename(path)
  for (const entry of await readdir(folder)) {
    if (!entry.startsWith(`${name}.`) || !uuid.test(entry.slice(name.length + 1))) continue
    const draft = join(folder, entry)
    const age = await stat(draft).then(
      ({ mtimeMs }) => Date.now() - mtimeMs,
      () => 0,
    )
    if (age > draftMsMax) await rm(draft, { force: true })
  }
}

/** A new file, each write to which is on the disk when it returns. */
const writtenThrough = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_SYNC
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const draftMsMax = 60_000

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
