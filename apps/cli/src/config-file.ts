import { readFile } from 'node:fs/promises'
import { ok, textOf } from '@sealward/attestation/bytes'
import { limits } from './limits.ts'
import { badInput, type Outcome } from './problem.ts'

/** The JSON object in a configuration file; `file-unreadable` or `config-malformed`. */
export async function readConfigFile(
  file: string,
  option: string = '--config',
): Promise<Outcome<object>> {
  const bytes = await readFile(file).catch(() => undefined)
  if (bytes === undefined || bytes.length > limits.documentBytesMax) {
    return badInput('file-unreadable', option, `${file} cannot be read, or is too large.`)
  }
  try {
    const value: unknown = JSON.parse(textOf(bytes) ?? '')
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return ok(value)
  } catch {
    // Said below.
  }
  return badInput('config-malformed', option, `${file} is not a JSON object.`)
}
