export interface KeyTables {
  readonly 'broker.key': KeyTable
  readonly 'broker.key_version': KeyVersionTable
  readonly 'broker.pinned_policy': PinnedPolicyTable
}

/** A key. What is not sealed is there to find it by, and is compared with what is. */
export interface KeyTable {
  /** In lower case. */
  readonly name: string
  readonly revision: number
  readonly sealed: Buffer
  readonly current: string
  readonly deleted: boolean
  /** When something is to be done with it by itself. */
  readonly due_at: string | null
}

export interface KeyVersionTable {
  readonly key: string
  readonly id: string
  readonly revision: number
  readonly sealed: Buffer
}

/** What is left of a key with an immutable policy when it is purged. */
export interface PinnedPolicyTable {
  /** In lower case. */
  readonly name: string
  readonly sealed: Buffer
}
