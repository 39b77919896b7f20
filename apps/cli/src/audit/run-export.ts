/**
 * What `sealward audit export`, `audit checkpoint` and `audit key` do.
 *
 * @module
 */

import { open } from 'node:fs/promises'
import { ok } from '@sealward/attestation/bytes'
import { auditKeysOf, verifyCheckpoint } from '@sealward/key-broker/audit'
import { type Printed, printed } from '../attestation-policy/printed.ts'
import { failed } from '../failed.ts'
import { badInput, type ExitCode, type Outcome, refused, unavailable } from '../problem.ts'
import { openProgress } from '../progress.ts'
import type { Surroundings } from '../surroundings.ts'
import { askBrokerJson, type BrokerFlags, freshCheckpoint, openBroker } from './ask-broker.ts'
import { isCheckpoint, linesOfBroker } from './log-lines.ts'
import { readAuditKeys, unverified } from './run-verify.ts'

export interface ExportFlags extends BrokerFlags {
  readonly out: string
  readonly after: number
  readonly json?: true
}

export interface CheckpointFlags extends BrokerFlags {
  readonly key?: string
  readonly json?: true
}

/** Writes entries as they come, and at the end the checkpoint that was signed before the first was read. */
export function runExport(surroundings: Surroundings, flags: ExportFlags): Promise<ExitCode> {
  return printed(surroundings, flags, async () => {
    const broker = await openBroker(surroundings, flags)
    if (!broker.ok) return broker
    const checkpoint = await freshCheckpoint(surroundings, broker.value)
    if (!checkpoint.ok) return checkpoint
    const end = unverified(checkpoint.value)
    if (!end.ok) return end
    const { sequence: to } = end.value
    const file = await open(flags.out, 'wx', 0o600).catch(() => undefined)
    if (file === undefined) {
      return badInput(
        'file-unwritable',
        '--out',
        `${flags.out} is there already, or cannot be written.`,
      )
    }
    const log = linesOfBroker(surroundings, broker.value, { after: flags.after, to })
    const progress = await openProgress(surroundings.terminal, 'Entries', Math.max(log.total, 1))
    let isSigned = false
    try {
      for await (const line of log.lines) {
        if (!line.ok) return line
        isSigned = isCheckpoint(line.value)
        await file.write(line.value)
        await file.write('\n')
        progress.set('Entries', log.read())
      }
      if (log.read() !== log.total) {
        const detail = `The broker signed ${to} entries and shows ${flags.after + log.read()}.`
        return refused({ code: 'log-truncated', at: 'broker', detail })
      }
      if (!isSigned) await file.write(`${JSON.stringify({ checkpoint: checkpoint.value })}\n`)
      await file.sync()
    } finally {
      progress.close()
      await file.close()
    }
    const out = `${log.read()} entries, up to entry ${to}, are in ${flags.out}. Verify them: sealward audit verify ${flags.out} --key …\n`
    return ok({ json: { entries: log.read(), last: to, file: flags.out }, out })
  })
}

/** Prints a checkpoint of now. */
export function runCheckpoint(
  surroundings: Surroundings,
  flags: CheckpointFlags,
): Promise<ExitCode> {
  return printed(surroundings, flags, async (): Promise<Outcome<Printed>> => {
    const broker = await openBroker(surroundings, flags)
    if (!broker.ok) return broker
    const jws = await freshCheckpoint(surroundings, broker.value)
    if (!jws.ok) return jws
    const keys = flags.key === undefined ? undefined : await readAuditKeys(flags.key)
    if (keys !== undefined && !keys.ok) return keys
    const read =
      keys === undefined ? unverified(jws.value) : verifyCheckpoint(jws.value, keys.value)
    if (!read.ok) return refused(read.problem)
    return ok({ json: { checkpoint: jws.value, ...read.value }, out: `${jws.value}\n` })
  })
}

/** Prints the keys, as they are kept. */
export async function runKey(surroundings: Surroundings, flags: BrokerFlags): Promise<ExitCode> {
  const broker = await openBroker(surroundings, flags)
  if (!broker.ok) return failed(surroundings, broker.problem)
  const json = await askBrokerJson(surroundings, broker.value, '/audit/keys')
  if (!json.ok) return failed(surroundings, json.problem)
  const keys = auditKeysOf(json.value)
  if (!keys.ok) {
    const { problem } = unavailable('broker-unavailable', 'broker', 'it did not answer with keys')
    return failed(surroundings, problem)
  }
  surroundings.out(`${JSON.stringify({ keys: keys.value })}\n`)
  return 0
}
