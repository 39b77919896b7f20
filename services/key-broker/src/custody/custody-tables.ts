import type { ColumnType } from 'kysely'
import type { RecoverySet } from './recovery-key.ts'

export interface CustodyTables {
  readonly 'broker.root_key': RootKeyTable
  readonly 'broker.root_key_wrap': RootKeyWrapTable
  readonly 'broker.break_glass': BreakGlassTable
}

/** One row: which key everything else in the schema is sealed under. */
export interface RootKeyTable {
  readonly only: boolean
  readonly key_id: string
}

/** The root key, once for each key-encryption key and each recovery set that opens it. */
export interface RootKeyWrapTable {
  /** Of the key that wrapped it. */
  readonly id: string
  readonly kind: string
  readonly wrapped: Buffer
  /** Of a recovery set: its {@link RecoverySet}, as JSON. */
  readonly recovery: ColumnType<RecoverySet | null, string | null, never>
  readonly at: string
}

export interface BreakGlassTable {
  readonly id: string
  /** Counts up with every change. */
  readonly revision: number
  readonly at: string
  /** Whether it waits for somebody, or for its end. */
  readonly open: boolean
  readonly sealed: Buffer
}
