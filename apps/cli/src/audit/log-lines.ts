import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { ok, textOf } from '@sealward/attestation/bytes'
import { auditLimits } from '@sealward/key-broker/audit'
import type { Outcome } from '../problem.ts'
import { badInput } from '../problem.ts'
import type { Surroundings } from '../surroundings.ts'
import type { AskedBroker } from './ask-broker.ts'
import { askBroker } from './ask-broker.ts'

/** Lines of a log, and how much of it has been read. */
export interface LogLines {
  /** In the unit of {@link read}. */
  readonly total: number
  read(): number
  lines: AsyncIterable<Outcome<Uint8Array>>
}

const lineBytesMax = 2 * auditLimits.entryBytesMax

/** Of a file; `-` is standard input. A line that is too long is cut, and then is no entry. */
export async function linesOfFile(file: string): Promise<Outcome<LogLines>> {
  const stats = file === '-' ? undefined : await stat(file).catch(() => null)
  if (stats === null || stats?.isDirectory() === true) {
    return badInput('file-unreadable', 'FILE', `${file} cannot be read.`)
  }
  const stream: AsyncIterable<Buffer> = file === '-' ? process.stdin : createReadStream(file)
  let bytes = 0
  async function* lines(): AsyncGenerator<Outcome<Uint8Array>> {
    let rest = Buffer.alloc(0)
    try {
      for await (const part of stream) {
        bytes += part.length
        rest = Buffer.concat([rest, part])
        let begin = 0
        for (;;) {
          const end = rest.indexOf(0x0a, begin)
          if (end === -1) break
          yield ok(rest.subarray(begin, end))
          begin = end + 1
        }
        rest = rest.subarray(begin)
        if (rest.length > lineBytesMax) rest = rest.subarray(0, lineBytesMax)
      }
    } catch {
      yield badInput('file-unreadable', 'FILE', `${file} cannot be read.`)
      return
    }
    if (rest.length > 0) yield ok(rest)
  }
  return ok({ total: stats?.size ?? 0, read: () => bytes, lines: lines() })
}

/** Of a broker, page by page, up to the entry `to`. */
export function linesOfBroker(
  surroundings: Surroundings,
  broker: AskedBroker,
  { after, to }: { readonly after: number; readonly to: number },
): LogLines {
  let last = after
  async function* lines(): AsyncGenerator<Outcome<Uint8Array>> {
    while (last < to) {
      const limit = Math.min(auditLimits.pageMax, to - last)
      const page = await askBroker(surroundings, broker, `/audit?after=${last}&limit=${limit}`)
      if (!page.ok) {
        yield page
        return
      }
      const before = last
      for (const line of (textOf(page.value) ?? '').split('\n')) {
        if (line === '') continue
        const bytes = Buffer.from(line)
        if (!isCheckpoint(bytes)) last++
        yield ok(bytes)
      }
      // The end, though more was signed: whoever verifies says what is missing.
      if (last === before) return
    }
  }
  return { total: to - after, read: () => last - after, lines: lines() }
}

/** Whether a line is no entry, but what was signed of those before it. */
export function isCheckpoint(line: Uint8Array): boolean {
  return textOf(line.subarray(0, 13)) === '{"checkpoint"'
}
