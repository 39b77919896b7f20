export interface KeyTables {
  readonly 'attestation.instance': InstanceTable
  readonly 'attestation.signing_key': SigningKeyTable
}

/** Every instance that was ever served from this database. What it owns refers to it by its name. */
export interface InstanceTable {
  readonly name: string
  readonly issuer: string
}

/** One signing key of an instance. Private key, certificate and times are in the sealed bytes. */
export interface SigningKeyTable {
  readonly instance: string
  readonly kid: string
  readonly sealed: Buffer
}
