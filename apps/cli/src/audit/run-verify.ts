/**
 * What `sealward audit verify` does.
 *
 * @module
 */

import { jsonOf, ok, type Problem, reading, textOf } from '@sealward/attestation/bytes'
import {
  type AuditKeyJwk,
  auditKeysOf,
  auditLimits,
  type Checkpoint,
  createLogVerifier,
  type LogVerdict,
  type LogVerifier,
  verifyCheckpoint,
} from '@sealward/key-broker/audit'
import { bytesIn } from '../evidence/read-file.ts'
import { failed } from '../failed.ts'
import { limits } from '../limits.ts'
import { badInput, type ExitCode, type Outcome, refused } from '../problem.ts'
import { openProgress } from '../progress.ts'
import type { Surroundings } from '../surroundings.ts'
import { freshCheckpoint, openBroker } from './ask-broker.ts'
import { isCheckpoint, type LogLines, linesOfBroker, linesOfFile } from './log-lines.ts'

export interface VerifyFlags {
  readonly broker?: string
  readonly tokenFile?: string
  readonly key?: string
  readonly checkpoint: readonly string[]
  readonly unsigned?: true
  readonly json?: true
}

/** Says whether the log is whole, and if not, what was done to it and where. */
export async function runVerify(
  surroundings: Surroundings,
  file: string | undefined,
  flags: VerifyFlags,
): Promise<ExitCode> {
  const verified = await verify(surroundings, file, flags)
  if (!verified.ok) {
    const { code, at, detail } = verified.problem
    if (flags.json === true) {
      surroundings.out(`${JSON.stringify({ problem: { code, at, detail } })}\n`)
    }
    return failed(surroundings, verified.problem)
  }
  const { verdict, isSigned } = verified.value
  surroundings.out(
    flags.json === true ? `${JSON.stringify(verdict)}\n` : textOfVerdict(verdict, isSigned),
  )
  return verdict.whole ? 0 : 1
}

/** What `--json` prints. */
interface Verdict extends Omit<LogVerdict, 'findings'> {
  readonly whole: boolean
  /** Findings, and checkpoints that are none. */
  readonly findings: readonly (Problem & { readonly sequence?: number })[]
}

interface Verified {
  readonly verdict: Verdict
  readonly isSigned: boolean
}

async function verify(
  surroundings: Surroundings,
  file: string | undefined,
  flags: VerifyFlags,
): Promise<Outcome<Verified>> {
  if ((file === undefined) === (flags.broker === undefined)) {
    return badInput('usage', 'FILE', 'Name an exported log, or --broker, and not both.')
  }
  if ((flags.key === undefined) !== (flags.unsigned === true)) {
    const detail = 'Name the key that signs checkpoints (--key), or do without (--unsigned).'
    return badInput('usage', '--key', detail)
  }
  const keys = flags.key === undefined ? undefined : await readAuditKeys(flags.key)
  if (keys !== undefined && !keys.ok) return keys
  if (keys === undefined && flags.checkpoint.length > 0) {
    return badInput('usage', '--checkpoint', 'A checkpoint takes the key that signed it (--key).')
  }
  const verifier = createLogVerifier()
  const kept: Checkpoint[] = []
  for (const name of flags.checkpoint) {
    const checkpoint = await readCheckpoint(name, keys?.value ?? [])
    if (!checkpoint.ok) return checkpoint
    kept.push(checkpoint.value)
  }
  for (const checkpoint of kept) verifier.addCheckpoint(checkpoint)
  const log =
    flags.broker === undefined
      ? await linesOfFile(file ?? '')
      : await linesOfLive(surroundings, { ...flags, broker: flags.broker }, keys?.value, verifier)
  if (!log.ok) return log
  const read = await readLines(surroundings, log.value, verifier, keys?.value)
  return read.ok ? ok(concluded(verifier.end(), read.value, keys !== undefined)) : read
}

/** A broker signs how its log ends, and must then show all of it. */
async function linesOfLive(
  surroundings: Surroundings,
  flags: VerifyFlags & { readonly broker: string },
  keys: readonly AuditKeyJwk[] | undefined,
  verifier: LogVerifier,
): Promise<Outcome<LogLines>> {
  const broker = await openBroker(surroundings, flags)
  if (!broker.ok) return broker
  const fresh = await freshCheckpoint(surroundings, broker.value)
  if (!fresh.ok) return fresh
  if (keys === undefined) {
    const end = unverified(fresh.value)
    if (!end.ok) return end
    return ok(linesOfBroker(surroundings, broker.value, { after: 0, to: end.value.sequence }))
  }
  const checkpoint = verifyCheckpoint(fresh.value, keys)
  if (!checkpoint.ok) return refused(checkpoint.problem)
  const { sequence, at } = checkpoint.value
  if (Math.abs(surroundings.effects.clock.now() - at) > limits.checkpointAgeSecondsMax) {
    const detail = `The broker shows a checkpoint of ${new Date(at * 1000).toISOString()} for one of now: an old one is played again, or a clock is wrong.`
    return refused({ code: 'checkpoint-stale', at: 'checkpoint', detail })
  }
  verifier.addCheckpoint(checkpoint.value)
  return ok(linesOfBroker(surroundings, broker.value, { after: 0, to: sequence }))
}

async function readLines(
  { terminal, interrupted }: Surroundings,
  log: LogLines,
  verifier: LogVerifier,
  keys: readonly AuditKeyJwk[] | undefined,
): Promise<Outcome<readonly Problem[]>> {
  const problems: Problem[] = []
  const progress = await openProgress(terminal, 'Reading the log', Math.max(log.total, 1))
  let number = 0
  try {
    for await (const line of log.lines) {
      if (!line.ok) return line
      interrupted.throwIfAborted()
      number++
      if (number % 1000 === 0) progress.set('Reading the log', log.read())
      const jws = checkpointIn(line.value)
      if (jws === undefined) {
        verifier.add(line.value)
        continue
      }
      if (keys === undefined) continue
      const checkpoint = verifyCheckpoint(jws, keys)
      if (checkpoint.ok) verifier.addCheckpoint(checkpoint.value)
      else if (problems.length < auditLimits.findingsMax) {
        const { code, detail } = checkpoint.problem
        problems.push({
          code,
          at: `line ${number}`,
          detail: `The checkpoint in line ${number}: ${detail}`,
        })
      }
    }
  } finally {
    progress.close()
  }
  return ok(problems)
}

/** A line that is no entry but a checkpoint: its JWS. */
function checkpointIn(line: Uint8Array): string | undefined {
  return isCheckpoint(line) ? fieldCheckpoint(line) : undefined
}

function fieldCheckpoint(bytes: Uint8Array): string | undefined {
  const json = jsonOf(bytes, { bytesMax: 2 * auditLimits.checkpointCharactersMax, depthMax: 1 })
  const read = json.ok
    ? reading(json.value, '', (top) =>
        top.object('ignored', ({ required }) =>
          required('checkpoint').string(auditLimits.checkpointCharactersMax),
        ),
      )
    : json
  return read.ok ? read.value : undefined
}

function concluded(verdict: LogVerdict, problems: readonly Problem[], isSigned: boolean): Verified {
  const unsigned: readonly Problem[] =
    isSigned && verdict.signedTo === 0 && verdict.findingCount + problems.length === 0
      ? [
          {
            code: 'log-unsigned',
            at: 'log',
            detail:
              'No checkpoint vouches for any of it: it agrees with itself, and anybody may have written it.',
          },
        ]
      : []
  const findings = [...verdict.findings, ...problems, ...unsigned]
  const findingCount = verdict.findingCount + problems.length + unsigned.length
  const whole = findingCount === 0
  return { verdict: { whole, ...verdict, findings, findingCount }, isSigned }
}

function textOfVerdict(verdict: Verdict, isSigned: boolean): string {
  const { whole, entries, last, signedTo, findings, findingCount } = verdict
  if (!whole) {
    const more = findingCount - findings.length
    return [
      'The log is not whole.',
      ...findings.map(({ code, detail }) => `  ${code}: ${detail}`),
      ...(more > 0 ? [`  and ${more} more.`] : []),
      '',
    ].join('\n')
  }
  const sentences = [`The log is whole: ${entries} entries, up to entry ${last?.sequence ?? 0}.`]
  if (!isSigned) sentences.push('It agrees with itself; who wrote it was not asked (--unsigned).')
  else if (signedTo === last?.sequence) sentences.push('Checkpoints vouch for all of it.')
  else
    sentences.push(
      `Checkpoints vouch for it up to entry ${signedTo}; for what comes after, nobody yet.`,
    )
  return `${sentences.join('\n')}\n`
}

/** Reads a key or a set of keys. */
export async function readAuditKeys(file: string): Promise<Outcome<readonly AuditKeyJwk[]>> {
  const bytes = await bytesIn(file, '--key')
  if (!bytes.ok) return bytes
  const json = jsonOf(bytes.value, { bytesMax: limits.documentBytesMax, depthMax: limits.depthMax })
  const keys = json.ok ? auditKeysOf(json.value) : json
  if (keys.ok) return keys
  const detail = `${file} holds no public key of P-256 (JWK), nor a set of them.`
  return badInput('audit-key-malformed', '--key', detail)
}

async function readCheckpoint(
  file: string,
  keys: readonly AuditKeyJwk[],
): Promise<Outcome<Checkpoint>> {
  const bytes = await bytesIn(file, '--checkpoint')
  if (!bytes.ok) return bytes
  const text = textOf(bytes.value)?.trim() ?? ''
  // As `audit checkpoint` prints it, with or without --json, or as a line of an export.
  const jws = text.startsWith('{') ? fieldCheckpoint(bytes.value) : text
  const checkpoint = verifyCheckpoint(jws ?? '', keys)
  if (checkpoint.ok) return checkpoint
  const { code, detail } = checkpoint.problem
  return refused({ code, at: file, detail: `The checkpoint that was kept: ${detail}` })
}

/** What a checkpoint says that nobody has verified: how much there is to read. */
export function unverified(jws: string): Outcome<Pick<Checkpoint, 'at' | 'sequence'>> {
  const json = jsonOf(Buffer.from(jws.split('.')[1] ?? '', 'base64url'), {
    bytesMax: 2048,
    depthMax: 1,
  })
  const read = json.ok
    ? reading(json.value, '', (top) =>
        top.object('ignored', ({ required }) => ({
          sequence: required('sequence').integer(1, Number.MAX_SAFE_INTEGER),
          at: required('at').integer(0, Number.MAX_SAFE_INTEGER),
        })),
      )
    : json
  return read.ok
    ? read
    : badInput('checkpoint-malformed', 'checkpoint', 'It is no signed checkpoint.')
}
