/**
 * A key that is given to a person, without attestation, in an emergency: asked for with a reason, approved by somebody else, used once
 * and before it expires, and told in the audit log and in the log at every step.
 *
 * Nothing here happens by itself but expiry. What is not configured cannot be asked for.
 *
 * @see docs/operations/key-custody.md
 * @module
 */

import { createPublicKey, hash, type KeyObject, randomUUID } from 'node:crypto'
import {
  base64Of,
  bytesOfBase64,
  ok,
  type Problem,
  type Result,
  refuse,
  type UnixSeconds,
} from '@sealward/attestation/bytes'
import { inTransaction, reaching } from '@sealward/enclave/database'
import type { Counter } from '@sealward/enclave/telemetry'
import { sql } from 'kysely'
import type { AuditDetails, AuditEvent } from '../audit/audit.ts'
import type { Broker } from '../broker.ts'
import { createKeyStore, rowName, type StoredVersion } from '../keys/key-store.ts'
import { usable } from '../keys/usable.ts'
import type { Database, DatabaseTransaction } from '../store/open-store.ts'
import type { Tables } from '../store/tables.ts'
import { sealBreakGlassKey } from './break-glass-key.ts'
import {
  type BreakGlassRequest,
  type BreakGlassState,
  type BreakGlassStoreCode,
  isOpen,
  lockRequest,
  readRequest,
  readRequests,
  type StoredRequest,
  writeRequest,
} from './break-glass-record.ts'
import type { BreakGlassSettings } from './break-glass-settings.ts'
import { limits } from './limits.ts'

export type BreakGlassCode =
  | 'break-glass-off'
  | 'break-glass-key'
  | 'break-glass-own'
  | 'break-glass-foreign'
  | 'break-glass-state'
  | 'break-glass-expired'
  | 'break-glass-too-many'
  | 'recipient-refused'
  | 'reason-refused'

export interface BreakGlassQuestion {
  readonly key: string
  readonly version?: string | undefined
  readonly reason: string
  /** RSA of at least 3072 bits, SPKI, base64. */
  readonly recipient: string
}

/** Somebody with the role for it. */
export interface Custodian {
  readonly subject: string
}

export interface BreakGlass {
  request(who: Custodian, question: BreakGlassQuestion): Promise<Result<BreakGlassRequest, Problem>>
  /** By somebody else than who asked. */
  approve(who: Custodian, id: string): Promise<Result<BreakGlassRequest, Problem>>
  /** By anybody: also who asked, who then does not need it any more. */
  refuse(who: Custodian, id: string): Promise<Result<BreakGlassRequest, Problem>>
  /** By who asked, once. The key as a JWK, encrypted to the recipient: a JWE in compact form. */
  use(
    who: Custodian,
    id: string,
  ): Promise<Result<{ readonly request: BreakGlassRequest; readonly jwe: string }, Problem>>
  list(): Promise<Result<readonly BreakGlassRequest[], Problem>>
  /** Writes down which requests have expired since. @returns how many. */
  expire(): Promise<Result<number, Problem>>
}

/** @returns `undefined` where nothing is configured. */
export function createBreakGlass(
  deps: BreakGlassDeps,
  settings: BreakGlassSettings | undefined,
): BreakGlass | undefined {
  return settings === undefined ? undefined : new StoredBreakGlass(deps, settings)
}

export interface BreakGlassDeps
  extends Pick<Broker, 'audit' | 'clock' | 'database' | 'log' | 'sealer'> {
  /** Of steps, by what was tried and how it ended. */
  readonly steps: Counter
}

class StoredBreakGlass implements BreakGlass {
  private readonly deps: BreakGlassDeps
  private readonly settings: BreakGlassSettings

  constructor(deps: BreakGlassDeps, settings: BreakGlassSettings) {
    this.deps = deps
    this.settings = settings
  }

  async request(
    who: Custodian,
    question: BreakGlassQuestion,
  ): Promise<Result<BreakGlassRequest, Problem>> {
    const { key, reason } = question
    const id = randomUUID()
    const refused = (problem: Problem) =>
      this.refused(id, who, problem, { reason: wordsOf(reason) || '-' })
    if (wordsOf(reason) !== reason || reason.trim().length < limits.reasonCharactersMin) {
      const detail = `A reason is one line of ${limits.reasonCharactersMin} to ${limits.reasonCharactersMax} characters; it names no patient.`
      return refused({ code: 'reason-refused', at: 'reason', detail })
    }
    if (!this.isAllowed(key)) return refused(notAllowed)
    const recipient = recipientOf(question.recipient)
    if (recipient === undefined) {
      const detail = `The key is released to an RSA key of at least ${limits.recipientBitsMin} bits (SPKI, base64).`
      return refused({ code: 'recipient-refused', at: 'recipient', detail })
    }
    const stored = await this.usableKey(key, question.version)
    if (!stored.ok) return refused(stored.problem)
    const at = this.deps.clock.now()
    const request: BreakGlassRequest = {
      id,
      key: stored.value.key.name,
      version: stored.value.entry.id,
      reason,
      requestedBy: who.subject,
      requestedAt: at,
      recipient: base64Of(recipient.export({ format: 'der', type: 'spki' })),
      state: 'pending',
      expiresAt: at + this.settings.approvalSeconds,
    }
    const written = await inTransaction<Tables, BreakGlassRequest, Problem>(
      this.deps.database,
      async (transaction) => {
        const open = await readRequests(transaction, this.deps.sealer, { open: true })
        if (!open.ok) return open
        if (open.value.length >= limits.breakGlassOpenMax) {
          const detail = 'Too many requests wait already: have some refused first.'
          return refuse('break-glass-too-many', 'requests', detail)
        }
        await writeRequest(transaction, this.deps.sealer, request, 0)
        await this.append(transaction, 'request', who, request, 'done')
        return ok(request)
      },
    )
    if (!written.ok) return refused(written.problem)
    this.warn('break-glass-request', written)
    return written
  }

  approve(who: Custodian, id: string): Promise<Result<BreakGlassRequest, Problem>> {
    return this.change('approve', who, id, (request, at) => {
      if (request.state !== 'pending') return wrongState(request)
      if (request.requestedBy === who.subject) {
        const detail = 'Whoever asks for a key cannot approve it: a second person has to.'
        return refuse('break-glass-own', 'id', detail)
      }
      return ok({
        ...request,
        state: 'approved',
        approvedBy: who.subject,
        expiresAt: at + this.settings.useSeconds,
      })
    })
  }

  refuse(who: Custodian, id: string): Promise<Result<BreakGlassRequest, Problem>> {
    return this.change('refuse', who, id, (request) =>
      request.state === 'pending' || request.state === 'approved'
        ? ok({ ...request, state: 'refused' })
        : wrongState(request),
    )
  }

  async use(
    who: Custodian,
    id: string,
  ): Promise<Result<{ readonly request: BreakGlassRequest; readonly jwe: string }, Problem>> {
    let jwe = ''
    const used = await this.change('use', who, id, async (request, _at, transaction) => {
      if (request.requestedBy !== who.subject) {
        return refuse('break-glass-foreign', 'id', 'Only whoever asked for a key is given it.')
      }
      if (request.state !== 'approved') return wrongState(request)
      if (!this.isAllowed(request.key)) return { ok: false, problem: notAllowed }
      const stored = await this.usableKey(request.key, request.version, transaction)
      if (!stored.ok) return stored
      const recipient = recipientOf(request.recipient)
      if (recipient === undefined) throw new Error('a stored recipient is no key')
      jwe = await sealBreakGlassKey(stored.value, recipient)
      return ok({ ...request, state: 'used' })
    })
    return used.ok ? ok({ request: used.value, jwe }) : used
  }

  async list(): Promise<Result<readonly BreakGlassRequest[], Problem>> {
    const expired = await this.expire()
    if (!expired.ok) return expired
    return reaching<readonly BreakGlassRequest[], Problem>(() =>
      readRequests(this.deps.database, this.deps.sealer, { open: false }),
    )
  }

  async expire(): Promise<Result<number, Problem>> {
    const { clock, database, sealer } = this.deps
    const open = await reaching<readonly BreakGlassRequest[], Problem>(() =>
      readRequests(database, sealer, { open: true }),
    )
    if (!open.ok) return open
    const due = open.value.filter(({ expiresAt }) => clock.now() >= expiresAt)
    for (const { id } of due) {
      const expired = await inTransaction(database, async (transaction) => {
        await lockRequest(transaction, id)
        const stored = await readRequest(transaction, sealer, id)
        if (!stored.ok) return stored
        // Another replica, or whoever used it in time, was faster.
        if (isOpen(stored.value.request)) await this.end(transaction, stored.value)
        return ok(true)
      })
      if (!expired.ok) return expired
    }
    return ok(due.length)
  }

  /** One step of a request; one that is refused is written down as well. */
  private async change(
    verb: 'approve' | 'refuse' | 'use',
    who: Custodian,
    id: string,
    step: Step,
  ): Promise<Result<BreakGlassRequest, Problem>> {
    const { clock, database, sealer } = this.deps
    const changed = await inTransaction<
      Tables,
      Result<BreakGlassRequest, Problem>,
      Problem<BreakGlassStoreCode>
    >(database, async (transaction) => {
      await lockRequest(transaction, id)
      const stored = await readRequest(transaction, sealer, id)
      if (!stored.ok) return stored
      const { request, revision } = stored.value
      const at = clock.now()
      const hasExpired = isOpen(request) && at >= request.expiresAt
      if (hasExpired) await this.end(transaction, stored.value)
      // A row of before, put back by whoever has the database, is of a request that has come to its end.
      const ended = isOpen(request) ? await endOf(transaction, id) : undefined
      const next = hasExpired
        ? expired
        : await (ended === undefined
            ? step(request, at, transaction)
            : wrongState({ state: ended }))
      if (next.ok) await writeRequest(transaction, sealer, next.value, revision)
      const outcome = next.ok ? 'done' : next.problem.code
      await this.append(transaction, verb, who, next.ok ? next.value : request, outcome)
      return ok(next)
    })
    if (!changed.ok) return changed
    this.warn(`break-glass-${verb}`, changed.value)
    return changed.value
  }

  private async end(
    transaction: DatabaseTransaction,
    { request, revision }: StoredRequest,
  ): Promise<void> {
    const ended: BreakGlassRequest = { ...request, state: 'expired' }
    await writeRequest(transaction, this.deps.sealer, ended, revision)
    await this.append(transaction, 'expire', undefined, ended, 'done')
    this.warn('break-glass-expire', ok(true))
  }

  /** Somebody asked for what was not even kept as a request. */
  private async refused(
    id: string,
    who: Custodian,
    problem: Problem,
    details: AuditDetails,
  ): Promise<Result<never, Problem>> {
    const { audit, clock, database } = this.deps
    const recorded = await inTransaction(database, async (transaction) => {
      await audit.append(
        transaction,
        {
          at: clock.now(),
          actor: { kind: 'person', subject: who.subject },
          action: 'break-glass-request',
          target: `break-glass/${id}`,
          outcome: problem.code,
          details,
        },
        { signed: true },
      )
      return ok(true)
    })
    if (!recorded.ok) return recorded
    this.warn('break-glass-request', { ok: false, problem })
    return { ok: false, problem }
  }

  private append(
    transaction: DatabaseTransaction,
    verb: string,
    who: Custodian | undefined,
    request: BreakGlassRequest,
    outcome: string,
  ): Promise<void> {
    const { audit, clock } = this.deps
    const event: AuditEvent = {
      at: clock.now(),
      actor: who === undefined ? { kind: 'broker' } : { kind: 'person', subject: who.subject },
      action: `break-glass-${verb}`,
      target: targetOf(request.id),
      outcome,
      details: {
        key: `keys/${request.key}/${request.version}`,
        recipient: hash('sha256', bytesOfBase64(request.recipient) ?? '', 'base64url'),
        reason: request.reason,
        requestedBy: request.requestedBy,
        ...(request.approvedBy === undefined ? {} : { approvedBy: request.approvedBy }),
        expiresAt: request.expiresAt,
      },
    }
    return audit.append(transaction, event, { signed: true })
  }

  /** Loud: nobody who watches the log misses it. */
  private warn(event: string, result: Result<unknown, Problem>): void {
    const outcome = result.ok ? 'done' : result.problem.code
    this.deps.log.warn(event, { code: outcome })
    this.deps.steps.add({ command: event, outcome })
  }

  private isAllowed(key: string): boolean {
    return this.settings.keys.some((name) => rowName(name) === rowName(key))
  }

  private async usableKey(
    name: string,
    version: string | undefined,
    from: Database = this.deps.database,
  ): Promise<Result<StoredVersion, Problem>> {
    const { clock, sealer } = this.deps
    const stored = await reaching<StoredVersion, Problem>(() =>
      createKeyStore(sealer).readVersion(from, name, version),
    )
    if (!stored.ok) return stored
    const may = usable(stored.value, 'export', clock.now())
    return may.ok ? stored : may
  }
}

type Step = (
  request: BreakGlassRequest,
  at: UnixSeconds,
  transaction: DatabaseTransaction,
) => Result<BreakGlassRequest, Problem> | Promise<Result<BreakGlassRequest, Problem>>

const notAllowed: Problem<BreakGlassCode> = {
  code: 'break-glass-key',
  at: 'key',
  detail:
    'The configuration does not name this key as one that may be given out without attestation.',
}

const expired = refuse('break-glass-expired', 'id', 'The request has expired.')

function wrongState({
  state,
}: Pick<BreakGlassRequest, 'state'>): Result<never, Problem<BreakGlassCode>> {
  return state === 'expired'
    ? expired
    : refuse('break-glass-state', 'id', `The request is ${state}, and this cannot be done with it.`)
}

/** How it ended, if the log says that it did. */
async function endOf(
  transaction: DatabaseTransaction,
  id: string,
): Promise<BreakGlassState | undefined> {
  const said = (verb: string): string =>
    `"action":"break-glass-${verb}","target":${JSON.stringify(targetOf(id))},"outcome":"done"`
  for (const [verb, state] of ends) {
    const row = await transaction
      .selectFrom('broker.audit_entry')
      .select('sequence')
      .where(sql<boolean>`position(${said(verb)} in line) > 0`)
      .limit(1)
      .executeTakeFirst()
    if (row !== undefined) return state
  }
  return undefined
}

const ends = [
  ['use', 'used'],
  ['refuse', 'refused'],
  ['expire', 'expired'],
] as const

function targetOf(id: string): string {
  return `break-glass/${id}`
}

/** What an entry may hold of a reason. */
function wordsOf(reason: string): string {
  return reason.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, ' ').slice(0, limits.reasonCharactersMax)
}

function recipientOf(spki: string): KeyObject | undefined {
  const bytes = spki.length > limits.recipientCharactersMax ? undefined : bytesOfBase64(spki)
  if (bytes === undefined) return undefined
  try {
    const key = createPublicKey({ key: Buffer.from(bytes), format: 'der', type: 'spki' })
    const bits = key.asymmetricKeyDetails?.modulusLength ?? 0
    const isRsa = key.asymmetricKeyType === 'rsa'
    return isRsa && bits >= limits.recipientBitsMin && bits <= limits.recipientBitsMax
      ? key
      : undefined
  } catch {
    return undefined
  }
}
