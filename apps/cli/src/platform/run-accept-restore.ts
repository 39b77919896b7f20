import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto'
import { ok } from '@sealward/attestation/bytes'
import { type AnchorState, restorerOf, signRestoreStatement } from '@sealward/enclave/anchor'
import { bytesIn } from '../evidence/read-file.ts'
import { failed } from '../failed.ts'
import { badInput, type ExitCode, type Outcome } from '../problem.ts'
import type { Surroundings } from '../surroundings.ts'

export interface AcceptRestoreFlags {
  readonly signWith: string
  readonly deployment: string
  readonly anchor: string
  readonly database: string
  readonly reason: string
}

type Around = Pick<Surroundings, 'effects' | 'out' | 'err'>

/** `sealward platform accept-restore`. */
export async function runAcceptRestore(
  surroundings: Around,
  flags: AcceptRestoreFlags,
): Promise<ExitCode> {
  const key = await keyIn(flags.signWith, '--sign-with', createPrivateKey)
  if (!key.ok) return failed(surroundings, key.problem)
  const anchor = stateIn(flags.anchor, '--anchor')
  if (!anchor.ok) return failed(surroundings, anchor.problem)
  const database = stateIn(flags.database, '--database')
  if (!database.ok) return failed(surroundings, database.problem)
  const reason = flags.reason.trim()
  if (reason === '' || reason.length > 1000) {
    return failed(surroundings, problemOf('--reason', 'a reason of at most 1000 characters'))
  }
  const statement = {
    deployment: flags.deployment,
    anchor: anchor.value,
    database: database.value,
    reason,
    at: surroundings.effects.clock.now(),
  }
  surroundings.out(`${signRestoreStatement(statement, key.value)}\n`)
  return 0
}

/** `sealward platform restorer`. */
export async function runRestorer(surroundings: Around, file: string): Promise<ExitCode> {
  const key = await keyIn(file, 'FILE', createPublicKey)
  if (!key.ok) return failed(surroundings, key.problem)
  surroundings.out(`${restorerOf(key.value)}\n`)
  return 0
}

async function keyIn(
  file: string,
  option: string,
  make: (pem: Buffer) => KeyObject,
): Promise<Outcome<KeyObject>> {
  const bytes = await bytesIn(file, option)
  if (!bytes.ok) return bytes
  try {
    const key = make(Buffer.from(bytes.value))
    const { asymmetricKeyDetails: details } = key
    if (details?.namedCurve === 'prime256v1') return ok(key)
  } catch {
    // Said below.
  }
  return badInput('key-malformed', option, 'PEM of a key of P-256 without a passphrase expected')
}

function stateIn(text: string, option: string): Outcome<AnchorState> {
  const [, sequence, digest] = /^\s*(\d{1,15}) ([0-9a-f]{64})\s*$/.exec(text) ?? []
  return sequence === undefined || digest === undefined
    ? badInput('usage', option, 'a number and a digest of 64 hex digits, as the refusal tells them')
    : ok({ sequence: Number(sequence), digest })
}

function problemOf(option: string, detail: string) {
  const refused = badInput('usage', option, detail)
  return refused.problem
}
