import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'

/** The folders that are written through to the disk while `work` is done, in order. */
export async function syncedDuring(work: () => Promise<unknown>): Promise<readonly string[]> {
  const synced: string[] = []
  const { open } = fs
  fs.open = async (path, ...rest) => {
    const handle = await open(path, ...rest)
    const isFolder = (await handle.stat()).isDirectory()
    const sync = handle.sync.bind(handle)
    handle.sync = async () => {
      await sync()
      if (isFolder) synced.push(String(path))
    }
    return handle
  }
  syncBuiltinESMExports()
  try {
    await work()
  } finally {
    fs.open = open
    syncBuiltinESMExports()
  }
  return synced
}
