/**
 * The files of a device or of a kernel interface: where one write is one request, and an error number an answer.
 *
 * @module
 */

import { constants, mkdir, open, rmdir } from 'node:fs/promises'
import { ok, type Problem, refuse } from '@sealward/attestation/bytes'
import type { Driven, DriverCode } from './evidence-source.ts'
import { driverLimits } from './limits.ts'
import { withinSeconds } from './within-seconds.ts'

/** The calls of the system that drivers make. They reject with `code` set to the error's name, as Node's do. */
export interface FileSystem {
  open(path: string, mode: 'read' | 'write' | 'read-write'): Promise<OpenFile>
  makeFolder(path: string): Promise<void>
  removeFolder(path: string): Promise<void>
}

export interface OpenFile {
  /** One read(2) into `buffer`. Resolves with the number of bytes; 0 is the end. */
  read(buffer: Uint8Array): Promise<number>
  /** One write(2). Resolves with the number of bytes that were taken. */
  write(bytes: Uint8Array): Promise<number>
  close(): Promise<void>
}

/** The system that this process runs on. It creates no file and truncates none. */
export const systemFiles: FileSystem = {
  async open(path, mode) {
    const flags = {
      read: constants.O_RDONLY,
      write: constants.O_WRONLY,
      'read-write': constants.O_RDWR,
    }
    const handle = await open(path, flags[mode])
    return {
      read: async (buffer) => (await handle.read(buffer, 0, buffer.length, null)).bytesRead,
      write: async (bytes) => (await handle.write(bytes, 0, bytes.length, null)).bytesWritten,
      close: () => handle.close(),
    }
  },
  makeFolder: async (path) => {
    await mkdir(path, { mode: 0o700 })
  },
  removeFolder: (path) => rmdir(path),
}

/** Files whose refusals are values. */
export interface DeviceFiles {
  /** The whole file, of `bytesMin` to `bytesMax` bytes. */
  read(path: string, size: { bytesMin?: number; bytesMax: number }): Promise<Driven<Uint8Array>>
  /** One line of ASCII, without its end. */
  readLine(path: string): Promise<Driven<string>>
  /** Writes in one call and closes: what is taken in parts is not what was asked for. */
  write(path: string, bytes: Uint8Array): Promise<Driven<void>>
  makeFolder(path: string): Promise<Driven<void>>
  removeFolder(path: string): Promise<Driven<void>>
}

/** {@link DeviceFiles} of `files`. Each call ends within {@link driverLimits}`.operationSecondsMax`. */
export function deviceFiles(files: FileSystem): DeviceFiles {
  const timely = <T>(path: string, work: () => Promise<Driven<T>>): Promise<Driven<T>> =>
    withinSeconds(driverLimits.operationSecondsMax, nameOf(path), async () => {
      try {
        return await work()
      } catch (error) {
        return { ok: false, problem: problemOf(error, nameOf(path)) }
      }
    })

  const read: DeviceFiles['read'] = (path, { bytesMin = 0, bytesMax }) =>
    timely(path, async () => {
      const bytes = await using(files, path, 'read', (file) => readAll(file, bytesMax + 1))
      if (bytes.length > bytesMax) {
        return refuse('read-oversize', nameOf(path), `more than ${bytesMax} bytes`)
      }
      return bytes.length < bytesMin
        ? refuse('read-short', nameOf(path), `${bytes.length} bytes of at least ${bytesMin}`)
        : ok(bytes)
    })

  return {
    read,
    async readLine(path) {
      const bytes = await read(path, { bytesMin: 1, bytesMax: driverLimits.lineBytesMax })
      if (!bytes.ok) return bytes
      const line = /^([ -~]+)\n?$/.exec(Buffer.from(bytes.value).toString('latin1'))?.[1]
      return line === undefined
        ? refuse('evidence-malformed', nameOf(path), 'not one line of text')
        : ok(line)
    },
    write: (path, bytes) =>
      timely(path, async () => {
        const taken = await using(files, path, 'write', (file) => file.write(bytes))
        return taken === bytes.length
          ? ok(undefined)
          : refuse('write-short', nameOf(path), `${taken} of ${bytes.length} bytes were taken`)
      }),
    makeFolder: (path) => timely(path, async () => ok(await files.makeFolder(path))),
    removeFolder: (path) => timely(path, async () => ok(await files.removeFolder(path))),
  }
}

/**
 * Runs `work` on an open file. Closing counts: configfs and Gramine act on what was written when the
 * file is closed, and answer then.
 */
export async function using<T>(
  files: FileSystem,
  path: string,
  mode: 'read' | 'write' | 'read-write',
  work: (file: OpenFile) => Promise<T>,
): Promise<T> {
  const file = await files.open(path, mode)
  let result: T
  try {
    result = await work(file)
  } catch (error) {
    await file.close().catch(() => {})
    throw error
  }
  await file.close()
  return result
}

/** What an error of the system means here. Anything that carries no error number is a broken program, and thrown. */
export function problemOf(error: unknown, at: string): Problem<DriverCode> {
  const name = error instanceof Error && 'code' in error ? error.code : undefined
  if (typeof name !== 'string' || !/^E[A-Z0-9]+$/.test(name)) throw error
  return { code: codes[name] ?? 'device-failed', at, detail: `the system answered ${name}` }
}

const codes: Readonly<Record<string, DriverCode>> = {
  ENOENT: 'device-missing',
  ENOTDIR: 'device-missing',
  ENXIO: 'device-missing',
  ENODEV: 'device-missing',
  ECONNREFUSED: 'device-missing',
  EACCES: 'device-not-permitted',
  EPERM: 'device-not-permitted',
  EROFS: 'device-not-permitted',
  EBUSY: 'device-busy',
  EAGAIN: 'device-busy',
  EWOULDBLOCK: 'device-busy',
  EINTR: 'device-busy',
  ETIMEDOUT: 'device-timeout',
  ETIME: 'device-timeout',
  EFBIG: 'read-oversize',
}

async function readAll(file: OpenFile, bytesMax: number): Promise<Uint8Array> {
  const buffer = new Uint8Array(bytesMax)
  let length = 0
  while (length < bytesMax) {
    const count = await file.read(buffer.subarray(length))
    if (count === 0) break
    length += count
  }
  return buffer.slice(0, length)
}

/** The last part of a path: a problem names no folder of the machine. */
function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}
