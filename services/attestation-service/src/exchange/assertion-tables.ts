export interface AssertionTables {
  readonly 'attestation.client_assertion': ClientAssertionTable
}

/** Client assertions that were used, until they have expired. */
export interface ClientAssertionTable {
  readonly instance: string
  /** SHA-256 of the key's `kid` and the assertion's `jti`. */
  readonly id: Buffer
  /** As text: PostgreSQL's integers are wider than JavaScript's. */
  readonly expires_at: string
}
