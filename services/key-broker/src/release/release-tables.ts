export interface ReleaseTables {
  readonly 'broker.release_certificate': ReleaseCertificateTable
}

/** One row: what the answers to releases are signed with, where nothing else is configured. */
export interface ReleaseCertificateTable {
  readonly only: boolean
  readonly sealed: Buffer
}
