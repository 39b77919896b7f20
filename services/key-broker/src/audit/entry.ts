/**
 * An entry as bytes: one line of JSON, which names the hash of the line before it.
 *
 * @see docs/spec/audit-log.md
 * @module
 */

import { hash } from 'node:crypto'
import {
  jsonOf,
  type Problem,
  type Result,
  reading,
  refuse,
  textOf,
  utf8Of,
} from '@sealward/attestation/bytes'
import { type AuditActor, type AuditEvent, detailsOf } from './audit-event.ts'
import { limits } from './limits.ts'

/** Where an entry stands: after which, and what it is. */
export interface EntryLink {
  /** From 1, without a gap. */
  readonly sequence: number
  /** Hex SHA-256 of the line before; of the first one, {@link noEntry}. */
  readonly previous: string
}

/** What an entry says, as far as whoever verifies a log has to know it. */
export interface ReadEntry extends EntryLink {
  readonly at: number
  readonly action: string
  readonly target: string
  readonly outcome: string
  readonly actor: Readonly<Record<string, unknown>>
  readonly details?: Readonly<Record<string, unknown>>
}

/** What the first entry names as the hash of the one before it. */
export const noEntry: string = '0'.repeat(64)

/**
 * An event as the line that is kept: fields in this order, no white space, and no line end.
 *
 * @throws when it is not one that may be written.
 */
export function entryLine({ sequence, previous }: EntryLink, event: AuditEvent): string {
  const { at, action, target, outcome } = event
  if (!word.test(action) || !word.test(outcome)) throw new Error('an audit entry names codes')
  if (target.length > limits.targetCharactersMax) throw new Error('an audit entry is short')
  const details = detailsOf(event.details)
  const line = JSON.stringify({
    sequence,
    at,
    actor: actorOf(event.actor),
    action,
    target,
    outcome,
    ...(details === undefined ? {} : { details }),
    previous,
  })
  if (!line.isWellFormed() || utf8Of(line).length > limits.entryBytesMax) {
    throw new Error('an audit entry is short, and of whole characters')
  }
  return line
}

const word = /^[A-Za-z][A-Za-z0-9-]{0,63}$/

function actorOf(actor: AuditActor): AuditActor {
  switch (actor.kind) {
    case 'person':
      return { kind: 'person', subject: actor.subject.slice(0, limits.subjectCharactersMax) }
    case 'workload':
      return {
        kind: 'workload',
        token: actor.token.slice(0, limits.subjectCharactersMax),
        issuer: actor.issuer.slice(0, limits.subjectCharactersMax),
      }
    default:
      return { kind: actor.kind }
  }
}

/** Hex SHA-256 of a line. */
export function lineHash(line: string | Uint8Array): string {
  return hash('sha256', line, 'hex')
}

/**
 * Reads a line. Names of actors and details that a later version may write are let through.
 *
 * @returns it; `entry-malformed` where it is no entry, or not in the one form that entries have.
 */
export function readEntry(line: Uint8Array): Result<ReadEntry, Problem<'entry-malformed'>> {
  const json = jsonOf(line, { bytesMax: limits.entryBytesMax, depthMax: limits.entryDepthMax })
  if (!json.ok) return malformed(json.problem)
  const entry = reading<ReadEntry>(json.value, '', (top) =>
    top.object('refused', ({ required, optional }) => {
      const head = {
        sequence: required('sequence').integer(1, Number.MAX_SAFE_INTEGER),
        at: required('at').integer(0, Number.MAX_SAFE_INTEGER),
        actor: required('actor').object('ignored', (fields) => {
          fields.required('kind').string(64, word)
          return (json.value as { readonly actor: Readonly<Record<string, unknown>> }).actor
        }),
        action: required('action').string(64, word),
        target: required('target').string(limits.targetCharactersMax),
        outcome: required('outcome').string(64, word),
      }
      const details = optional('details')?.object(
        'ignored',
        () => (json.value as { readonly details: Readonly<Record<string, unknown>> }).details,
      )
      return {
        ...head,
        ...(details === undefined ? {} : { details }),
        previous: required('previous').string(64, hexHash),
      }
    }),
  )
  if (!entry.ok) return malformed(entry.problem)
  return JSON.stringify(json.value) === textOf(line)
    ? entry
    : malformed({ code: '', at: '', detail: 'not written as entries are' })
}

const hexHash = /^[0-9a-f]{64}$/

function malformed({ at, detail }: Problem): Result<never, Problem<'entry-malformed'>> {
  return refuse('entry-malformed', at, detail)
}
