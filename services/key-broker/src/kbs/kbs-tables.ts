export interface KbsTables {
  readonly 'broker.kbs_session': KbsSessionTable
  readonly 'broker.kbs_resource': KbsResourceTable
  readonly 'broker.kbs_resource_version': KbsResourceVersionTable
}

/** A session that has attested. */
export interface KbsSessionTable {
  /** Hex SHA-256 of its name. */
  readonly id: string
  /** Its token. */
  readonly sealed: Buffer
  readonly expires_at: string
}

export interface KbsResourceTable {
  /** `<repository>/<type>/<tag>`, or `*`. */
  readonly path: string
  readonly revision: number
  readonly sealed: Buffer
}

export interface KbsResourceVersionTable {
  readonly path: string
  readonly number: number
  readonly sealed: Buffer
}
