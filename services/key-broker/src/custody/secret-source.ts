/**
 * Where a passphrase or a PIN comes from: never from a command line or the environment, which others on the machine may see.
 *
 * @module
 */

import { fstat, read } from 'node:fs'
import { open } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import * as z from 'zod'

/** One of: a file that its owner alone can read, a credential of systemd, an open file descriptor, whoever sits there. */
export type SecretSource =
  | { readonly file: string }
  | { readonly credential: string }
  | { readonly descriptor: number }
  | { readonly prompt: true }

export const secretSource: z.ZodType<SecretSource, object> = z.union([
  z.strictObject({ file: z.string().min(1) }),
  z.strictObject({ credential: z.string().regex(/^[A-Za-z0-9_.-]{1,128}$/, 'its name') }),
  z.strictObject({ descriptor: z.int().min(0).max(1023) }),
  z.strictObject({ prompt: z.literal(true) }),
])

/** What reading one takes beside the file system. */
export interface SecretSurroundings {
  /** Of systemd: `CREDENTIALS_DIRECTORY`. */
  readonly credentialsFolder?: string | undefined
  /** Asks whoever sits at the terminal; absent where nobody does. */
  readonly prompt?: ((question: string) => Promise<string>) | undefined
}

/**
 * Reads a secret of at most `bytesMax` bytes; one line end is no part of it.
 *
 * @param question - what somebody at a terminal is asked for.
 * @returns it; `secret-unreadable`, or `secret-exposed` where others than the owner can read it.
 */
export async function readSecret(
  source: SecretSource,
  { bytesMax, question }: { readonly bytesMax: number; readonly question: string },
  { credentialsFolder, prompt }: SecretSurroundings,
): Promise<Result<Uint8Array, Problem<'secret-unreadable' | 'secret-exposed'>>> {
  if ('prompt' in source) {
    if (prompt === undefined) return unreadable('Nobody is there to be asked for it.')
    return withoutLineEnd(Buffer.from(await prompt(question)), bytesMax)
  }
  if ('descriptor' in source) {
    const bytes = await readDescriptor(source.descriptor, bytesMax + 2).catch(() => undefined)
    return bytes === undefined
      ? unreadable(`File descriptor ${source.descriptor} cannot be read.`)
      : withoutLineEnd(bytes, bytesMax)
  }
  if ('credential' in source && credentialsFolder === undefined) {
    return unreadable('systemd has given this process no credentials (CREDENTIALS_DIRECTORY).')
  }
  const file = 'file' in source ? source.file : join(credentialsFolder ?? '', source.credential)
  return readSecretFile(file, bytesMax)
}

/** What is looked at is what was opened: nobody can put another file in its place between the two. */
async function readSecretFile(
  file: string,
  bytesMax: number,
): Promise<Result<Uint8Array, Problem<'secret-unreadable' | 'secret-exposed'>>> {
  const handle = await open(file).catch(() => undefined)
  if (handle === undefined) return unreadable(`${file} cannot be read.`)
  try {
    const { mode, uid } = await handle.stat()
    const isOwn = process.getuid === undefined || uid === process.getuid() || uid === 0
    if ((mode & 0o077) !== 0 || !isOwn) {
      const detail = `${file} can be read by others, or is another's. Let this user alone read it (chmod 600).`
      return refuse('secret-exposed', 'secret', detail)
    }
    const buffer = Buffer.alloc(bytesMax + 2)
    const { bytesRead } = await handle.read(buffer, 0, buffer.length, 0)
    return withoutLineEnd(buffer.subarray(0, bytesRead), bytesMax)
  } catch {
    return unreadable(`${file} cannot be read.`)
  } finally {
    await handle.close()
  }
}

/** From where it stands to its end: a pipe has no other way. */
async function readDescriptor(descriptor: number, bytesMax: number): Promise<Uint8Array> {
  await promisify(fstat)(descriptor)
  const buffer = Buffer.alloc(bytesMax)
  let length = 0
  while (length < bytesMax) {
    const { bytesRead } = await promisify(read)(descriptor, buffer, length, bytesMax - length, null)
    if (bytesRead === 0) break
    length += bytesRead
  }
  return buffer.subarray(0, length)
}

function withoutLineEnd(
  bytes: Uint8Array,
  bytesMax: number,
): Result<Uint8Array, Problem<'secret-unreadable'>> {
  let length = bytes.length
  if (bytes[length - 1] === 0x0a) length--
  if (length < bytes.length && bytes[length - 1] === 0x0d) length--
  return length <= bytesMax
    ? ok(Uint8Array.from(bytes.subarray(0, length)))
    : unreadable(`It has more than ${bytesMax} bytes.`)
}

function unreadable(detail: string): Result<never, Problem<'secret-unreadable'>> {
  return refuse('secret-unreadable', 'secret', detail)
}
