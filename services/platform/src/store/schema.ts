import type { Generated } from 'kysely'

/**
 * What the database holds: opaque ids, versions, sealed bytes, keyed look-ups. Nothing in clear.
 *
 * @module
 */

/** The newest version of each record. */
export interface RecordTable {
  readonly tenant: string
  readonly type: string
  readonly id: string
  readonly version: number
  /** Whose data key seals it; null for what belongs to no patient, such as a device. */
  readonly patient: string | null
  /** Order of creation. Times are in the sealed bytes. */
  readonly position: Generated<string>
}

/** Every version of each record, the newest included. */
export interface VersionTable {
  readonly tenant: string
  readonly type: string
  readonly id: string
  readonly version: number
  readonly sealed: Buffer
  /** That this version was written, and of whom: see `Ledger.proofOf`. */
  readonly proof: Buffer
}

/** Keyed digests of what is looked up by exact match. */
export interface LookUpTable {
  readonly tenant: string
  readonly value: Buffer
  readonly type: string
  readonly id: string
  /** Under which master key the digest was made. */
  readonly key_id: string
}

/** One data key per patient, wrapped by a master key. Destroying it erases the patient. */
export interface DataKeyTable {
  readonly tenant: string
  /** Empty for the tenant's own key; with an empty tenant, for the database's own. */
  readonly patient: string
  /** Which master key wraps it. */
  readonly key_id: string
  readonly wrapped: Buffer
}

/** Who was here and has been erased. Why, when and by whom is sealed. */
export interface ErasedTable {
  readonly tenant: string
  readonly patient: string
  readonly sealed: Buffer
}

/** The chain of all that was committed. */
export interface LedgerBlockTable {
  readonly sequence: string
  readonly digest: Buffer
  /** Of a block that accepts a database which was put back: the statement that allows it. */
  readonly note: Buffer | null
}

/** What one transaction wrote, sealed; null until a block of the chain covers it. */
export interface LedgerEntryTable {
  readonly id: string
  readonly sealed: Buffer
  readonly block: string | null
}

export interface Tables {
  readonly 'sealward.record': RecordTable
  readonly 'sealward.version': VersionTable
  readonly 'sealward.look_up': LookUpTable
  readonly 'sealward.data_key': DataKeyTable
  readonly 'sealward.erased': ErasedTable
  readonly 'sealward.ledger_block': LedgerBlockTable
  readonly 'sealward.ledger_entry': LedgerEntryTable
}
