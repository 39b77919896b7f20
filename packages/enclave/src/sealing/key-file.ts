import { randomUUID } from 'node:crypto'
import { constants, link, open, rm } from 'node:fs/promises'
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
import { makeFolder, syncFolder } from './folder.ts'
import type { MasterKey } from './master-key.ts'

/**
 * The key of a service that runs in no TEE: 32 bytes, base64url, in a file that its owner alone can read.
 * Replicas on other machines are given a copy of the file.
 *
 * @param options.make - whether a key is drawn where there is no file; so it is, unless said.
 * @returns the key, or `key-file-refused`: others can read the file, or own it, or it holds something else, or is not there.
 */
export async function openKeyFile(
  file: string,
  random: Random,
  { make = true }: { readonly make?: boolean } = {},
): Promise<Result<MasterKey, Problem<'key-file-refused'>>> {
  let found = await readIfThere(file)
  if (found === undefined) {
    if (!make) {
      return refused(`${file} is not there. None is made: what a key sealed opens with no other.`)
    }
    await makeFolder(dirname(file))
    await draw(file, random)
    found = await readIfThere(file)
  }
  if (found === undefined) throw new Error('a key file that was made is not there')
  if ((found.mode & 0o077) !== 0) {
    return refused(`${file} can be read by others. Let its owner alone read it (chmod 600).`)
  }
  if (!found.isOwn)
    return refused(`${file} belongs to another user, who could put another key in it.`)
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
async function draw(file: string, random: Random): Promise<void> {
  const draft = `${file}.${randomUUID()}`
  const handle = await open(draft, 'wx', 0o600)
  try {
    await handle.writeFile(`${base64UrlOf(random.bytes(keyBytes))}\n`)
    await handle.sync()
  } finally {
    await handle.close()
  }
  try {
    await link(draft, file).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error
    })
    await syncFolder(dirname(file))
  } finally {
    await rm(draft)
  }
}

interface FoundFile {
  readonly mode: number
  /** Of this user, or of root. */
  readonly isOwn: boolean
  readonly content: string
}

/** Mode, owner and content of one and the same file, whatever is put in its place meanwhile. */
async function readIfThere(file: string): Promise<FoundFile | undefined> {
  // Whoever puts a pipe there does not make it wait.
  const handle = await open(file, constants.O_RDONLY | constants.O_NONBLOCK).catch(
    (error: unknown) => {
      if (codeOf(error) === 'ENOENT') return undefined
      throw error
    },
  )
  if (handle === undefined) return undefined
  try {
    const stats = await handle.stat()
    const { mode, size, uid } = stats
    const isOwn = process.geteuid === undefined || uid === process.geteuid() || uid === 0
    if (!stats.isFile() || size > fileBytesMax) return { mode, isOwn, content: '' }
    return { mode, isOwn, content: textOf(await handle.readFile()) ?? '' }
  } finally {
    await handle.close()
  }
}

const fileBytesMax = 1024

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined
}
