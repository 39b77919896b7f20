import { writeFile } from 'node:fs/promises'
import { policyHashOf, printPolicy } from '@sealward/attestation/policy'
import { failed } from '../failed.ts'
import { badInput, type ExitCode } from '../problem.ts'
import { readPolicy } from './read-policy.ts'
import type { PolicySurroundings } from './surroundings.ts'
import { unreadable } from './unreadable.ts'

export interface FormatFlags {
  readonly write?: true
  readonly check?: true
  readonly json?: true
}

/** `sealward policy format`. */
export async function runFormat(
  surroundings: PolicySurroundings,
  file: string,
  flags: FormatFlags,
): Promise<ExitCode> {
  const { out, err } = surroundings
  if (flags.write === true && (flags.check === true || file === '-')) {
    const detail = file === '-' ? 'standard input is no file' : '--check writes nothing'
    return failed(surroundings, badInput('usage', '--write', detail).problem)
  }
  const read = await readPolicy(file, 'FILE')
  if (!read.ok) return unreadable(surroundings, file, read.problem, flags)
  const { policy, form } = read.value
  const text = printPolicy(policy)
  const changed = text !== policy.text
  if (flags.write === true && form === 'jws') {
    const detail = 'a JWS stays as it was signed'
    return failed(surroundings, badInput('usage', '--write', detail).problem)
  }
  if (flags.write === true && changed) {
    try {
      await writeFile(file, text)
    } catch {
      const detail = `${file} cannot be written`
      return failed(surroundings, badInput('file-unwritable', 'FILE', detail).problem)
    }
  }
  const hashes = { before: await policyHashOf(policy.text), after: await policyHashOf(text) }
  if (flags.json === true) {
    out(`${JSON.stringify({ file, changed, policyHash: hashes, text })}\n`)
  } else if (flags.check === true) {
    if (changed) err(`${file} is not in canonical form.\n`)
  } else if (flags.write === true) {
    const what = changed
      ? `written; x-ms-policy-hash was ${hashes.before}, and is ${hashes.after}`
      : 'as it was'
    err(`${file}: ${what}.\n`)
  } else {
    out(text)
  }
  return flags.check === true && changed ? 1 : 0
}
