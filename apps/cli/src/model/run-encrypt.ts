import { createReadStream } from 'node:fs'
import { open, rm, stat } from 'node:fs/promises'
import { basename, extname } from 'node:path'
import { ok } from '@sealward/attestation/bytes'
import {
  brokerWrapper,
  encryptModel,
  keyNameForm,
  localWrapper,
  type ModelKeyWrapper,
} from '@sealward/enclave/encrypted-model'
import { openKeyFile } from '@sealward/enclave/sealing'
import { type Printed, printed } from '../attestation-policy/printed.ts'
import { askBroker, openBroker } from '../audit/ask-broker.ts'
import { badInput, type CommandProblem, type ExitCode, type Outcome } from '../problem.ts'
import { openProgress } from '../progress.ts'
import type { Surroundings } from '../surroundings.ts'

export interface EncryptFlags {
  readonly in: string
  readonly out: string
  readonly key: string
  readonly keyName?: string
  readonly broker?: string
  readonly tokenFile?: string
  readonly json?: true
}

/** Encrypts a model into a file that is whole or not there. */
export function runEncrypt(surroundings: Surroundings, flags: EncryptFlags): Promise<ExitCode> {
  return printed(surroundings, flags, async (): Promise<Outcome<Printed>> => {
    const size = await stat(flags.in).catch(() => undefined)
    if (size?.isFile() !== true) {
      return badInput('model-unreadable', '--in', `${flags.in} cannot be read.`)
    }
    // Whose answer is another kind of problem than this side's.
    let asked: CommandProblem | undefined
    const wrapper = await wrapperOf(surroundings, flags, (problem) => {
      asked = problem
    })
    if (!wrapper.ok) return wrapper
    const file = await open(flags.out, 'wx', 0o600).catch(() => undefined)
    if (file === undefined) {
      const detail = `${flags.out} is there already, or cannot be written.`
      return badInput('file-unwritable', '--out', detail)
    }
    const progress = await openProgress(surroundings.terminal, 'Encrypting', size.size)
    let written = 0
    let isWhole = false
    try {
      const encrypted = await encryptModel({
        read: () => createReadStream(flags.in),
        write: async (piece) => {
          await file.write(piece)
          written += piece.length
          progress.set('Encrypting', Math.min(written, size.size))
        },
        wrapper: wrapper.value,
        random: surroundings.effects.random,
      })
      if (asked !== undefined) return { ok: false, problem: asked }
      if (!encrypted.ok) {
        const { code, at, detail } = encrypted.problem
        return badInput(code, at, detail)
      }
      await file.sync()
      isWhole = true
      const { bytes, key, sha256 } = encrypted.value
      const { name, version } = key
      const named = { name, ...(version === undefined ? {} : { version }) }
      return ok({
        json: { file: flags.out, bytes, sha256, key: named },
        out: `${flags.out}: ${bytes} bytes, SHA-256 ${sha256}, under the key ${name}.\n`,
      })
    } finally {
      progress.close()
      await file.close()
      if (!isWhole) await rm(flags.out, { force: true })
    }
  })
}

async function wrapperOf(
  surroundings: Surroundings,
  flags: EncryptFlags,
  onProblem: (problem: CommandProblem) => void,
): Promise<Outcome<ModelKeyWrapper>> {
  if (flags.broker !== undefined) {
    if (!keyNameForm.test(flags.key)) return badName('--key')
    const broker = await openBroker(surroundings, { ...flags, broker: flags.broker })
    if (!broker.ok) return broker
    return ok(
      brokerWrapper(flags.key, async (path, body) => {
        const answer = await askBroker(surroundings, broker.value, path, { method: 'POST', body })
        if (!answer.ok) onProblem(answer.problem)
        return answer
      }),
    )
  }
  const name = flags.keyName ?? basename(flags.key, extname(flags.key))
  if (!keyNameForm.test(name)) return badName('--key-name')
  const key = await openKeyFile(flags.key, surroundings.effects.random, { make: false })
  if (!key.ok) return badInput(key.problem.code, '--key', key.problem.detail)
  return ok(localWrapper(name, key.value))
}

function badName(at: string): Outcome<never> {
  return badInput('key-name-malformed', at, 'A key’s name has letters, digits and hyphens.')
}
