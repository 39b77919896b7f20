import type { Generated } from 'kysely'

/**
 * What the database holds: opaque ids, versions, sealed bytes, keyed look-ups. Nothing in clear.
 *
 * @module
 */

/** The newest version of each record. */
export interface RecordTable {
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
  readonly type: string
  readonly id: string
  readonly version: number
  readonly sealed: Buffer
}

/** Keyed digests of what is looked up by exact match. */
export interface LookUpTable {
  readonly value: Buffer
  readonly type: string
  readonly id: string
}

/** One data key per patient, wrapped by the master key. Destroying it erases the patient. */
export interface DataKeyTable {
  readonly patient: string
  readonly wrapped: Buffer
}

export interface Tables {
  readonly 'sealward.record': RecordTable
  readonly 'sealward.version': VersionTable
  readonly 'sealward.look_up': LookUpTable
  readonly 'sealward.data_key': DataKeyTable
}
