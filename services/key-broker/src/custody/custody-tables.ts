export interface CustodyTables {
  readonly 'broker.root_key': RootKeyTable
}

/** One row: the key under which everything else in the schema is sealed. */
export interface RootKeyTable {
  readonly only: boolean
  /** Names the key-encryption key that wrapped it. */
  readonly encryption_key_id: string
  readonly wrapped: Buffer
}
