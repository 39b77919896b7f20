import { randomUUID } from 'node:crypto'
import { link, mkdir, open, readFile, rename, rm } from 'node:fs/promises'
import { dirname } from 'node:path'

/** Where the wraps of a secret are kept: outside the TEE, in the hands of whoever. */
export interface SecretPlace {
  read(): Promise<Uint8Array | undefined>
  /** Writes where nothing is; `false` where something is. */
  create(bytes: Uint8Array): Promise<boolean>
  /** Writes in the place of what is there, all of it or nothing. */
  replace(bytes: Uint8Array): Promise<void>
}

/** A file, made with its folder (mode 0700). */
export function secretFile(path: string): SecretPlace {
  const draftOf = async (bytes: Uint8Array): Promise<string> => {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 })
    const draft = `${path}.${randomUUID()}`
    const handle = await open(draft, 'wx', 0o600)
    try {
      await handle.writeFile(bytes)
      await handle.sync()
    } finally {
      await handle.close()
    }
    return draft
  }
  return {
    async read() {
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
        await link(draft, path)
        return true
      } catch (error) {
        if (codeOf(error) === 'EEXIST') return false
        throw error
      } finally {
        await rm(draft, { force: true })
      }
    },
    async replace(bytes) {
      await rename(await draftOf(bytes), path)
    },
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
