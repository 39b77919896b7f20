import type { ColumnType } from 'kysely'
import type { PolicyType } from '../policies/policy-type.ts'
import type { Actor } from './actor.ts'

export interface AdministrationTables {
  readonly 'attestation.policy': PolicyTable
  readonly 'attestation.policy_signer': PolicySignerTable
  readonly 'attestation.policy_approval': PolicyApprovalTable
  readonly 'attestation.policy_event': PolicyEventTable
}

/** The policy of a type that was ever set. */
export interface PolicyTable {
  readonly instance: string
  readonly type: PolicyType
  /** Counts sets and resets. */
  readonly version: number
  /** As it came; none: reset to the default. */
  readonly jws: string | null
}

export interface PolicySignerTable {
  readonly instance: string
  readonly thumbprint: string
  /** DER. */
  readonly certificate: Buffer
}

/** A change of policies or signers. */
export type ChangeAction = 'set' | 'reset' | 'add' | 'remove'

/** A change that waits for a second person, or waited. */
export interface PolicyApprovalTable {
  readonly instance: string
  readonly id: string
  readonly action: ChangeAction
  /** None: a signer. */
  readonly type: PolicyType | null
  readonly jws: string
  readonly token_hash: string
  /** The version that the change was proposed upon; 0 where there was none. */
  readonly base_version: number | null
  readonly thumbprint: string | null
  readonly proposer: JsonColumn<Actor>
  readonly proposed_at: Int8
  readonly expires_at: Int8
  readonly state: 'pending' | 'approved' | 'withdrawn'
}

/** One thing that happened. Rows are never changed. */
export interface PolicyEventTable {
  readonly instance: string
  /** Counts from 1 in each instance, without a gap. */
  readonly number: number
  readonly at: Int8
  readonly action: ChangeAction | 'propose' | 'approve' | 'withdraw' | 'refuse'
  readonly type: PolicyType | null
  readonly version: number | null
  readonly jws: string | null
  readonly token_hash: string | null
  /** Of what was signed: the JWS without its signature. */
  readonly content_hash: string | null
  readonly policy_hash: string | null
  /** What the JWS itself says of when it was signed. */
  readonly signed_at: Int8 | null
  readonly thumbprint: string | null
  readonly actor: JsonColumn<Actor>
  readonly approval: string | null
  readonly problem: string | null
}

/** The driver reads 64-bit numbers as text. */
type Int8 = ColumnType<string, number, number>
type JsonColumn<T> = ColumnType<T, string, string>
