import { mkdir, open } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'

/** Makes a folder (mode 0700), and those above it that are missing; none of them is gone when the power fails. */
export async function makeFolder(folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true, mode: 0o700 })
  if (first === undefined) return
  const last = dirname(resolve(first))
  let at = resolve(folder)
  do {
    at = dirname(at)
    await syncFolder(at)
  } while (at !== last && at !== dirname(at))
}

/** What is sealed under a key in a folder is not to outlive the key's name there when the power fails. */
export async function syncFolder(folder: string): Promise<void> {
  try {
    const handle = await open(folder, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (error) {
    // Node's permission model, which confines the simulated TEE, has no fsync at all, and shows no folder above.
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code !== 'ERR_ACCESS_DENIED') throw error
  }
}
