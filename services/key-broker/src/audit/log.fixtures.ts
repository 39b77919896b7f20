import { generateKeyPairSync } from 'node:crypto'
import { utf8Of } from '@sealward/attestation/bytes'
import type { AuditEvent } from './audit-event.ts'
import {
  type AuditKeyJwk,
  auditKeyJwkOf,
  type Checkpoint,
  signCheckpoint,
  verifyCheckpoint,
} from './checkpoint.ts'
import { entryLine, lineHash, noEntry } from './entry.ts'
import { createLogVerifier, type LogVerdict } from './verify-log.ts'

/** Lines of a log of `count` entries. */
export function sampleLog(count: number, salt = ''): string[] {
  return chained(
    Array.from({ length: count }, (_, index) => ({
      at: 1_800_000_000 + index,
      actor: { kind: 'person', subject: `officer-${index % 3}` },
      action: index % 2 === 0 ? 'key-create' : 'key-release',
      target: `keys/key-${index}${salt}/1`,
      outcome: index % 5 === 4 ? 'policy-not-met' : 'done',
    })),
  )
}

/** Events as the log that they make. */
export function chained(events: readonly AuditEvent[]): string[] {
  const lines: string[] = []
  for (const event of events) {
    const before = lines.at(-1)
    const previous = before === undefined ? noEntry : lineHash(before)
    lines.push(entryLine({ sequence: lines.length + 1, previous }, event))
  }
  return lines
}

/** Whoever signs checkpoints. */
export interface SampleSigner {
  readonly jwk: AuditKeyJwk
  /** Of the first `sequence` lines. */
  sign(lines: readonly string[], sequence?: number, at?: number): string
}

export function sampleSigner(): SampleSigner {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const jwk = auditKeyJwkOf(publicKey)
  return {
    jwk,
    sign: (lines, sequence = lines.length, at = 1_800_000_000 + sequence) =>
      signCheckpoint(
        { log: lineHash(lines[0] ?? ''), sequence, head: lineHash(lines[sequence - 1] ?? ''), at },
        { kid: jwk.kid, privateKey },
      ),
  }
}

/** What is found in a log, given what was signed of it. */
export function verdictOf(
  lines: readonly string[],
  checkpoints: readonly string[] = [],
  keys: readonly AuditKeyJwk[] = [],
): LogVerdict {
  const verifier = createLogVerifier()
  for (const jws of checkpoints) verifier.addCheckpoint(opened(jws, keys))
  for (const line of lines) verifier.add(utf8Of(line))
  return verifier.end()
}

function opened(jws: string, keys: readonly AuditKeyJwk[]): Checkpoint {
  const checkpoint = verifyCheckpoint(jws, keys)
  if (!checkpoint.ok) throw new Error(checkpoint.problem.code)
  return checkpoint.value
}
