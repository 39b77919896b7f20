/**
 * Entries of a deny list, with who, when and why; and requests to add and to remove one.
 *
 * @module
 */

import {
  jsonOf,
  type Problem,
  type Result,
  reading,
  type Shape,
  type UnixSeconds,
} from '@sealward/attestation/bytes'
import { type DenyKind, denyKinds, denyValueForms } from '@sealward/attestation/token'
import type { Person } from '../administration/actor.ts'
import { limits } from '../limits.ts'

/** What is named, and why. */
export interface DenyRequest {
  readonly kind: DenyKind
  readonly value: string
  /** For those who read the history; never published. */
  readonly reason: string
}

export interface DenyEntry extends DenyRequest {
  readonly at: UnixSeconds
  readonly by: Person
  /** Of a token: when the last that it could name has expired. */
  readonly until?: UnixSeconds
}

/** One change, as the history has it. */
export interface DenyChange extends DenyEntry {
  readonly action: 'denied' | 'allowed'
  readonly sequence: number
}

/** Reads `{kind, value, reason}`. */
export function parseDenyRequest(body: Uint8Array): Result<DenyRequest, Problem> {
  const json = jsonOf(body, { bytesMax: limits.denyBodyBytesMax, depthMax: 1 })
  return json.ok
    ? reading(json.value, '', (top) => top.object('refused', ({ required }) => readWhat(required)))
    : json
}

/** Reads entries as {@link JSON.stringify} wrote them. */
export function readEntries(shape: Shape): readonly DenyEntry[] {
  return shape.list(limits.denyEntriesMax, (entry) =>
    entry.object('refused', ({ required, optional }) => {
      const until = optional('until')?.integer(0, Number.MAX_SAFE_INTEGER)
      return {
        ...readWhat(required),
        at: required('at').integer(0, Number.MAX_SAFE_INTEGER),
        by: required('by').object('refused', (by) => ({
          kind: by.required('kind').oneOf(['person']),
          issuer: by.required('issuer').string(nameCharactersMax),
          subject: by.required('subject').string(nameCharactersMax),
        })),
        ...(until === undefined ? {} : { until }),
      }
    }),
  )
}

function readWhat(required: (name: string) => Shape): DenyRequest {
  const kind = required('kind').oneOf(denyKinds)
  return {
    kind,
    value: required('value').string(128, denyValueForms[kind]),
    reason: required('reason').string(limits.denyReasonCharactersMax, /\S/),
  }
}

/** Names are the identity provider's. */
const nameCharactersMax = 1024
