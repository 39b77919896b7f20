import { randomBytes } from 'node:crypto'
import { link, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bytesOf } from '@sealward/attestation/bytes'

/**
 * The host's secret, from its state folder; made there the first time. 32 bytes.
 *
 * @throws when the folder cannot be written, or holds a secret of another length.
 */
export async function hostSecretOf(stateFolder: string): Promise<Uint8Array> {
  await mkdir(stateFolder, { recursive: true, mode: 0o700 })
  const file = join(stateFolder, 'host-secret')
  const draft = `${file}.${process.pid}.${randomBytes(8).toString('hex')}`
  const known = await readIfThere(file)
  if (known === undefined) {
    await writeFile(draft, randomBytes(32), { mode: 0o600, flag: 'wx', flush: true })
    // Linked, not renamed: of two launchers that start at once, the first wins and both read the same.
    await link(draft, file).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    })
    await rm(draft)
  }
  const secret = bytesOf(32, known ?? (await readFile(file)))
  if (secret === undefined) throw new Error(`${file} is not a host secret of 32 bytes`)
  return secret
}

async function readIfThere(file: string): Promise<Uint8Array | undefined> {
  try {
    return await readFile(file)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
