export interface AuditTables {
  readonly 'broker.audit_entry': AuditEntryTable
  readonly 'broker.audit_checkpoint': AuditCheckpointTable
  readonly 'broker.audit_key': AuditKeyTable
}

export interface AuditEntryTable {
  readonly sequence: string
  /** As it is exported, and hashed. */
  readonly line: string
  /** Nothing, sealed for this number and hash: whoever has the database alone writes none. */
  readonly seal: Buffer
}

export interface AuditCheckpointTable {
  readonly sequence: string
  readonly jws: string
}

/** One row: the key that signs checkpoints. */
export interface AuditKeyTable {
  readonly only: boolean
  readonly sealed: Buffer
}
