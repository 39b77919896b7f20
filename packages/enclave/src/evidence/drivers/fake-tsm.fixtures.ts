/**
 * Linux's `configfs-tsm` as far as a guest sees it: entries, their attributes and their generations.
 *
 * @see Linux, drivers/virt/coco/guest/report.c and fs/configfs/file.c
 * @module
 */

import type { FileSystem, OpenFile } from './device-files.ts'

export interface FakeTsmOptions {
  readonly root: string
  readonly provider: string
  /** What firmware and host answer. */
  report(inblob: Uint8Array): { readonly outblob: Uint8Array; readonly auxblob?: Uint8Array }
  readonly privilegeLevelFloor?: number
  /** Runs before an operation on an attribute; it may throw an error of the system, or write as somebody else. */
  before?(operation: 'open' | 'read' | 'write', attribute: string, entry: FakeEntry): void
  /** How many bytes of a write are taken. All, unless said. */
  taken?(attribute: string, length: number): number
  readonly removal?: string
}

export interface FakeEntry {
  generation: number
  readGeneration: number
  inblob: Uint8Array
  readonly written: string[]
  blobs: { readonly outblob: Uint8Array; readonly auxblob?: Uint8Array } | undefined
}

export interface FakeTsm extends FileSystem {
  readonly entries: ReadonlyMap<string, FakeEntry>
  /** Every entry that there ever was. */
  readonly made: readonly FakeEntry[]
}

/** An error as the system gives it. */
export function systemError(code: string): Error {
  return Object.assign(new Error(code), { code })
}

export function createFakeTsm(options: FakeTsmOptions): FakeTsm {
  const entries = new Map<string, FakeEntry>()
  const made: FakeEntry[] = []
  const { root, privilegeLevelFloor: floor } = options

  const show = (entry: FakeEntry, attribute: string): Uint8Array => {
    const line = (text: string): Uint8Array => new TextEncoder().encode(`${text}\n`)
    switch (attribute) {
      case 'provider':
        return line(options.provider)
      case 'generation':
        return line(`${entry.generation}`)
      case 'privlevel_floor':
        return line(`${floor}`)
      case 'outblob':
      case 'auxblob':
      case 'manifestblob':
        break
      default:
        throw systemError('EACCES')
    }
    if (entry.inblob.length === 0) throw systemError('EINVAL')
    if (entry.blobs === undefined || entry.readGeneration !== entry.generation) {
      entry.blobs = options.report(entry.inblob)
      entry.readGeneration = entry.generation
    }
    if (attribute === 'manifestblob') return new TextEncoder().encode('manifest')
    return entry.blobs[attribute] ?? new Uint8Array(0)
  }

  const store = (entry: FakeEntry, attribute: string, bytes: Uint8Array): void => {
    if (attribute === 'privlevel') {
      const level = Number(new TextDecoder().decode(bytes))
      if (level < (floor ?? 0) || level > 3) throw systemError('EINVAL')
    }
    entry.generation++
    if (attribute === 'inblob') entry.inblob = bytes.slice()
  }

  return {
    entries,
    made,
    async makeFolder(path) {
      if (!path.startsWith(`${root}/`)) throw systemError('ENOENT')
      if (entries.has(path)) throw systemError('EEXIST')
      const entry: FakeEntry = {
        generation: 0,
        readGeneration: 0,
        inblob: new Uint8Array(0),
        written: [],
        blobs: undefined,
      }
      entries.set(path, entry)
      made.push(entry)
    },
    async removeFolder(path) {
      if (options.removal !== undefined) throw systemError(options.removal)
      if (!entries.delete(path)) throw systemError('ENOENT')
    },
    async open(path, mode): Promise<OpenFile> {
      const at = path.lastIndexOf('/')
      const attribute = path.slice(at + 1)
      const entry = entries.get(path.slice(0, at))
      const sevOnly = ['privlevel', 'privlevel_floor', 'service_provider', 'manifestblob']
      if (entry === undefined) throw systemError('ENOENT')
      if (floor === undefined && sevOnly.includes(attribute)) throw systemError('ENOENT')
      options.before?.('open', attribute, entry)
      // What is read is fixed at the first read; what was written of a binary attribute is acted on at the
      // end, and nobody is told whether that went well.
      let shown: Uint8Array | undefined
      let offset = 0
      let buffered: Uint8Array | undefined
      return {
        async read(buffer) {
          if (mode !== 'read') throw systemError('EBADF')
          options.before?.('read', attribute, entry)
          shown ??= show(entry, attribute)
          const part = shown.subarray(offset, offset + Math.min(buffer.length, 4096))
          buffer.set(part)
          offset += part.length
          return part.length
        },
        async write(bytes) {
          if (mode !== 'write') throw systemError('EBADF')
          if (attribute === 'inblob' && bytes.length > 64) throw systemError('EFBIG')
          options.before?.('write', attribute, entry)
          const taken = options.taken?.(attribute, bytes.length) ?? bytes.length
          entry.written.push(attribute)
          if (attribute === 'inblob') buffered = bytes.slice(0, taken)
          else store(entry, attribute, bytes.subarray(0, taken))
          return taken
        },
        async close() {
          if (buffered !== undefined) store(entry, attribute, buffered)
        },
      }
    },
  }
}
