import type { Generated } from 'kysely'

export interface AuditTables {
  readonly 'broker.audit_entry': AuditEntryTable
}

export interface AuditEntryTable {
  readonly sequence: Generated<string>
  readonly at: string
  /** An {@link AuditEvent} as JSON. */
  readonly entry: string
}
