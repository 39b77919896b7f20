/**
 * What MRENCLAVE is in a simulated TEE: a hash over the files of a workload and the program that runs them.
 *
 * @see docs/spec/simulated-tee.md
 * @module
 */

import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { lstat, readdir, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { hexOf, utf8Of } from '@sealward/attestation/bytes'
import { evidenceLimits } from '../limits.ts'

/** What was measured, and what came out. */
export interface Measurement {
  /** Hex, 64 digits. */
  readonly mrEnclave: string
  /** SHA-256, hex, of the program that runs the files. */
  readonly runtime: string
  /** SHA-256, hex, by path relative to the folder, with `/`; in the order in which they were hashed. */
  readonly files: Readonly<Record<string, string>>
}

/**
 * Measures all files below `folder` and the program that runs them.
 *
 * @param options.runtimePath - the program; this process's own unless said.
 * @throws MeasurementFailure when the folder holds a symbolic link or anything but files and folders, a
 *   path that is not UTF-8, too much, or nothing at all.
 * @see docs/spec/simulated-tee.md
 */
export async function measureTree(
  folder: string,
  options: { readonly runtimePath?: string } = {},
): Promise<Measurement> {
  const runtime = await digestOfRuntime(options.runtimePath ?? process.execPath)
  const found = await filesBelow(folder)
  const files: Record<string, string> = {}
  const whole = createHash('sha256')
  const field = (bytes: Uint8Array): void => {
    const length = new Uint8Array(4)
    new DataView(length.buffer).setUint32(0, bytes.length)
    whole.update(length).update(bytes)
  }
  field(utf8Of(domain))
  field(utf8Of('runtime'))
  field(runtime)
  for (const path of found) {
    const digest = await digestOfFile(join(folder, path))
    files[path] = hexOf(digest)
    field(utf8Of('file'))
    field(utf8Of(path))
    field(digest)
  }
  return { mrEnclave: whole.digest('hex'), runtime: hexOf(runtime), files }
}

/** A folder that cannot be measured. `code` says why. */
export class MeasurementFailure extends Error {
  override readonly name = 'MeasurementFailure'
  readonly code: 'nothing-to-measure' | 'too-much-to-measure' | 'not-a-file' | 'path-not-utf8'
  constructor(code: MeasurementFailure['code'], detail: string) {
    super(detail)
    this.code = code
  }
}

const domain = 'sealward simulated tee 1'

/** Paths of all files, relative, with `/`, sorted by their UTF-8 bytes. */
async function filesBelow(folder: string): Promise<readonly string[]> {
  const paths: string[] = []
  let bytes = 0
  const visit = async (relative: string): Promise<void> => {
    // Names as bytes: text would turn what is not UTF-8 into one and the same replacement character.
    const names = await readdir(join(folder, relative), { encoding: 'buffer' })
    for (const nameBytes of names) {
      const name = nameBytes.toString('utf8')
      if (!Buffer.from(name, 'utf8').equals(nameBytes)) {
        throw new MeasurementFailure('path-not-utf8', 'a file name is not UTF-8')
      }
      const path = relative === '' ? name : `${relative}/${name}`
      const entry = await lstat(join(folder, path))
      if (entry.isDirectory()) {
        await visit(path)
      } else if (entry.isFile()) {
        paths.push(path)
        bytes += entry.size
      } else {
        throw new MeasurementFailure('not-a-file', `${path} is neither a file nor a folder`)
      }
      if (
        paths.length > evidenceLimits.measuredFilesMax ||
        bytes > evidenceLimits.measuredBytesMax
      ) {
        throw new MeasurementFailure('too-much-to-measure', `${folder} holds too much to measure`)
      }
    }
  }
  await visit('')
  if (paths.length === 0) {
    throw new MeasurementFailure('nothing-to-measure', `${folder} holds no file`)
  }
  return paths.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
}

async function digestOfFile(path: string): Promise<Uint8Array> {
  const hash = createHash('sha256')
  await pipeline(createReadStream(path, { highWaterMark: 1024 * 1024 }), hash)
  return hash.digest()
}

const runtimeDigests = new Map<string, Uint8Array>()

/** The program is large and the same for all workloads: hashed again only when it has changed. */
async function digestOfRuntime(path: string): Promise<Uint8Array> {
  const target = await realpath(path)
  const { mtimeMs, ctimeMs, size, ino } = await lstat(target)
  const key = JSON.stringify([target, mtimeMs, ctimeMs, size, ino])
  const known = runtimeDigests.get(key)
  if (known !== undefined) return known
  const digest = await digestOfFile(target)
  runtimeDigests.set(key, digest)
  return digest
}
