import { createReadStream } from 'node:fs'
import { readdir, readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { ok } from '@sealward/attestation/bytes'
import { limits } from '../limits.ts'
import { badInput, type Outcome } from '../problem.ts'

/**
 * Reads a file, `-` for standard input, or a pipe.
 *
 * @param option - what is named in a refusal.
 * @returns its bytes; `file-too-large` before more than the limit is read, or `file-unreadable`.
 */
export async function bytesIn(file: string, option: string): Promise<Outcome<Uint8Array>> {
  const unreadable = badInput('file-unreadable', option, `${file} cannot be read`)
  // Not as a file: a pipe whose other end is slow has nothing yet, which is no end and no error.
  if (file === '-') return streamed(process.stdin, option)
  const stats = await stat(file).catch(() => undefined)
  if (stats === undefined) return unreadable
  if (stats.isDirectory()) return badInput('file-unreadable', option, `${file} is a folder`)
  if (!stats.isFile()) return streamed(createReadStream(file), option)
  if (stats.size > limits.evidenceBytesMax) return tooLarge(option)
  const bytes = await readFile(file).catch(() => undefined)
  return bytes === undefined ? unreadable : ok(new Uint8Array(bytes))
}

/** The files in a folder, in the order of their names; `undefined`: it is none. */
export async function filesInFolder(folder: string): Promise<readonly string[] | undefined> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => undefined)
  return entries
    ?.filter((entry) => entry.isFile())
    .map(({ name }) => join(folder, name))
    .sort()
}

async function streamed(
  stream: AsyncIterable<Buffer>,
  option: string,
): Promise<Outcome<Uint8Array>> {
  const parts: Buffer[] = []
  let length = 0
  try {
    for await (const part of stream) {
      parts.push(part)
      length += part.length
      if (length > limits.evidenceBytesMax) return tooLarge(option)
    }
  } catch {
    return badInput('file-unreadable', option, 'the stream cannot be read')
  }
  return ok(new Uint8Array(Buffer.concat(parts)))
}

function tooLarge(option: string): Outcome<never> {
  return badInput('file-too-large', option, `more than ${limits.evidenceBytesMax} bytes`)
}
