import { open } from 'node:fs/promises'
import { ok } from '@sealward/attestation/bytes'
import { headBytesMax, readHeader, sealedBytesOf } from '@sealward/enclave/encrypted-model'
import { type Printed, printed } from '../attestation-policy/printed.ts'
import { badInput, type ExitCode, type Outcome } from '../problem.ts'
import type { Surroundings } from '../surroundings.ts'

export interface InspectFlags {
  readonly json?: true
}

/** Says what the header says: nobody has verified it, and only who has the key can. */
export function runInspect(
  surroundings: Surroundings,
  path: string,
  flags: InspectFlags,
): Promise<ExitCode> {
  return printed(surroundings, flags, async (): Promise<Outcome<Printed>> => {
    const file = await beginningOf(path)
    if (file === undefined) {
      return badInput('model-unreadable', 'file', `${path} cannot be read.`)
    }
    const head = readHeader(file.head)
    if (!head.ok) return badInput(head.problem.code, 'file', head.problem.detail)
    const { header, bytes: headBytes } = head.value
    if (file.bytes !== sealedBytesOf(header, headBytes.length)) {
      const detail = 'The encrypted model has not the length it says.'
      return badInput('model-truncated', 'file', detail)
    }
    const { bytes, key, sha256 } = header
    const { name, version } = key
    return ok({
      json: { bytes, sha256, key: { name, ...(version === undefined ? {} : { version }) } },
      out: [
        `Model    ${bytes} bytes, SHA-256 ${sha256}`,
        `Key      ${name}${version === undefined ? '' : `, version ${version}`}`,
        'Whether it is whole is seen when it is decrypted.\n',
      ].join('\n'),
    })
  })
}

async function beginningOf(
  path: string,
): Promise<{ readonly head: Uint8Array; readonly bytes: number } | undefined> {
  const file = await open(path, 'r').catch(() => undefined)
  if (file === undefined) return undefined
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(headBytesMax), 0, headBytesMax, 0)
    const { size } = await file.stat()
    return { head: new Uint8Array(buffer.subarray(0, bytesRead)), bytes: size }
  } catch {
    return undefined
  } finally {
    await file.close()
  }
}
