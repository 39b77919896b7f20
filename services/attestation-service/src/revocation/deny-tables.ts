export interface DenyTables {
  readonly 'attestation.deny_list': DenyListTable
  readonly 'attestation.deny_change': DenyChangeTable
}

/** The list of each instance, sealed whole under its sequence: no entry can be taken out of it. */
export interface DenyListTable {
  readonly instance: string
  /** As text: PostgreSQL's integers are wider than JavaScript's. */
  readonly sequence: string
  readonly sealed: Buffer
}

/** Every change, with who, when and why in the sealed bytes. */
export interface DenyChangeTable {
  readonly instance: string
  readonly sequence: string
  readonly sealed: Buffer
}
