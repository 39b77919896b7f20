/**
 * What is in force in an instance, and what waits: one row, sealed whole, so that whoever holds the database puts no
 * policy in force, adds no signer, and slips nothing under somebody's approval.
 *
 * They can put back an older row. A process that has seen a newer one notices, and appraises nothing from then on.
 *
 * @see docs/spec/policy-management.md, "What the database can do"
 * @module
 */

import {
  base64Of,
  bytesOfBase64,
  ok,
  type Problem,
  type Result,
  refuse,
  textOf,
  type UnixSeconds,
  utf8Of,
} from '@sealward/attestation/bytes'
import { parseCertificate } from '@sealward/attestation/x509'
import type { Sealer } from '@sealward/enclave/sealing'
import type { PolicyType } from '../policies/policy-type.ts'
import type { Database, DatabaseTransaction } from '../store/open-store.ts'
import type { Actor } from './actor.ts'
import type { ChangeAction } from './administration-tables.ts'
import { type PolicySigner, policySignerOf } from './signers.ts'

export interface PolicyState {
  /** Counts changes; 0 before the first. */
  readonly sequence: number
  /** Those of types that were ever set. */
  readonly policies: Readonly<Partial<Record<PolicyType, StoredPolicy>>>
  readonly signers: readonly PolicySigner[]
  /** The newest time of signing that was accepted, of each type and of `signers`. */
  readonly signedAt: Readonly<Partial<Record<PolicyType | 'signers', UnixSeconds>>>
  readonly pending: readonly PendingChange[]
}

export interface StoredPolicy {
  /** Counts sets and resets. */
  readonly version: number
  /** As it came; none: reset to the default. */
  readonly jws: string | null
}

/** A change that waits for a second person. Its JWS is in history. */
export interface PendingChange {
  readonly id: string
  readonly action: ChangeAction
  /** None: a signer. */
  readonly type: PolicyType | null
  readonly tokenHash: string
  /** The version that it was proposed upon. */
  readonly baseVersion: number
  readonly thumbprint: string | null
  readonly proposer: Actor
  /** The person whose token came with a signer's proposal. */
  readonly sentBy: Actor | null
  readonly proposedAt: UnixSeconds
  readonly expiresAt: UnixSeconds
}

/** `policy-state-refused`: the row was changed, moved, or is older than one that was there. */
export type PolicyStateProblem = Problem<'policy-state-refused'>

export interface PolicyStateStore {
  readonly database: Database
  readonly instance: string
  read(from?: Database | DatabaseTransaction): Promise<Result<PolicyState, PolicyStateProblem>>
  /** Writes the state that follows `before`. The instance must be locked. */
  write(
    transaction: DatabaseTransaction,
    before: PolicyState,
    next: Omit<PolicyState, 'sequence'>,
  ): Promise<void>
}

/** The state of one instance. Reading it again costs one number, unless it was changed. */
export function createPolicyStateStore(options: {
  readonly database: Database
  readonly sealer: Sealer
  readonly instance: string
}): PolicyStateStore {
  const { database, sealer, instance } = options
  let known = noPolicies
  return {
    database,
    instance,
    async read(from = database) {
      // What others read meanwhile is newer, and says nothing of this answer.
      const before = known
      const row = await from
        .selectFrom('attestation.policy_state')
        .select('sequence')
        .where('instance', '=', instance)
        .executeTakeFirst()
      const sequence = row?.sequence ?? 0
      if (sequence < before.sequence) return stateRefused
      if (sequence === before.sequence) return ok(before)
      const stored = await from
        .selectFrom('attestation.policy_state')
        .select(['sequence', 'sealed'])
        .where('instance', '=', instance)
        .executeTakeFirst()
      if (stored === undefined || stored.sequence < before.sequence) return stateRefused
      const opened = sealer.open(addressOf(instance, stored.sequence), stored.sealed)
      if (!opened.ok) return stateRefused
      const state = stateIn(stored.sequence, opened.value)
      if (state.sequence > known.sequence) known = state
      return ok(state)
    },
    async write(transaction, before, next) {
      const sequence = before.sequence + 1
      const sealed = Buffer.from(sealer.seal(addressOf(instance, sequence), bytesOf(next)))
      await transaction
        .insertInto('attestation.policy_state')
        .values({ instance, sequence, sealed })
        .onConflict((conflict) => conflict.column('instance').doUpdateSet({ sequence, sealed }))
        .execute()
    },
  }
}

const noPolicies: PolicyState = {
  sequence: 0,
  policies: {},
  signers: [],
  signedAt: {},
  pending: [],
}

const stateRefused = refuse(
  'policy-state-refused',
  'database',
  'the stored policies were changed by somebody else than this service, or put back',
)

function addressOf(instance: string, version: number) {
  return { type: 'policy-state', id: instance, version }
}

interface SealedState extends Omit<PolicyState, 'sequence' | 'signers'> {
  /** Base64 of DER. */
  readonly signers: readonly string[]
}

function bytesOf({ signers, ...state }: Omit<PolicyState, 'sequence'>): Uint8Array {
  const sealed: SealedState = {
    ...state,
    signers: signers.map(({ certificate }) => base64Of(certificate.der)),
  }
  return utf8Of(JSON.stringify(sealed))
}

/** What this program sealed has the shape that it was given. */
function stateIn(sequence: number, bytes: Uint8Array): PolicyState {
  const { signers, ...state } = JSON.parse(textOf(bytes) ?? '') as SealedState
  return { ...state, sequence, signers: signers.map(signerIn) }
}

function signerIn(text: string): PolicySigner {
  const parsed = parseCertificate(bytesOfBase64(text) ?? new Uint8Array())
  if (!parsed.ok) throw new Error(`a stored signer is refused: ${parsed.problem.code}`)
  return policySignerOf(parsed.value)
}
