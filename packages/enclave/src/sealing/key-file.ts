import { randomUUID } from 'node:crypto'
import { link, mkdir, open, rm } from 'node:fs/promises'
import { dirname } from 'node:path'
import {
  base64UrlOf,
  bytesOfBase64Url,
  ok,
  type Problem,
  type Result,
  refuse,
  textOf,
} from '@sealward/attestation/bytes'
import type { Random } from '../effects/index.ts'
import type { MasterKey } from './master-key.ts'

/**
 * The key of a service that runs in no TEE: 32 bytes, base64url, in a file that its owner alone can read.
 * Made the first time. Replicas on other machines are given a copy of the file.
 *
 * @returns the key, or `key-file-refused`: others can read the file, or it holds something else.
 */
export async function openKeyFile(
  file: string,
  random: Random,
): Promise<Result<MasterKey, Problem<'key-file-refused'>>> {
  await mkdir(dirname(file), { recursive: true, mode: 0o700 })
  let found = await readIfThere(file)
  if (found === undefined) {
    await make(file, random)
    found = await readIfThere(file)
  }
  if (found === undefined) throw new Error('a key file that was made is not there')
  if ((found.mode & 0o077) !== 0) {
    return refused(`${file} can be read by others. Let its owner alone read it (chmod 600).`)
  }
  const key = bytesOfBase64Url(found.content.trim())
  return key?.length === keyBytes
    ? ok(key as MasterKey)
    : refused(`${file} does not hold a key of ${keyBytes} bytes, base64url.`)
}

function refused(detail: string): Result<never, Problem<'key-file-refused'>> {
  return refuse('key-file-refused', 'stateFolder', detail)
}

const keyBytes = 32

/** Of two that make it at once the first one's is kept, and the other reads it. */
async function make(file: string, random: Random): Promise<void> {
  const draft = `${file}.${randomUUID()}`
  const handle = await open(draft, 'wx', 0o600)
  try {
    await handle.writeFile(`${base64UrlOf(random.bytes(keyBytes))}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  try {
    await link(draft, file)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  } finally {
    await rm(draft)
  }
}

async function readIfThere(
  file: string,
): Promise<{ readonly mode: number; readonly content: string } | undefined> {
  const handle = await open(file).catch((error: unknown) => {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  })
  if (handle === undefined) return undefined
  try {
    const { mode, size } = await handle.stat()
    if (size > fileBytesMax) return { mode, content: '' }
    return { mode, content: textOf(await handle.readFile()) ?? '' }
  } finally {
    await handle.close()
  }
}

const fileBytesMax = 1024

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
