import type { ColumnType } from 'kysely'
import type { PolicyType } from '../policies/policy-type.ts'
import type { Actor } from './actor.ts'

export interface AdministrationTables {
  readonly 'attestation.policy_state': PolicyStateTable
  readonly 'attestation.policy_event': PolicyEventTable
}

/** All that is in force in an instance, sealed whole. */
export interface PolicyStateTable {
  readonly instance: string
  /** Counts changes. */
  readonly sequence: number
  readonly sealed: Buffer
}

/** A change of policies or signers. */
export type ChangeAction = 'set' | 'reset' | 'add' | 'remove'

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
  readonly thumbprint: string | null
  readonly actor: JsonColumn<Actor>
  readonly approval: string | null
  readonly problem: string | null
}

/** The driver reads 64-bit numbers as text. */
type Int8 = ColumnType<string, number, number>
type JsonColumn<T> = ColumnType<T, string, string>
