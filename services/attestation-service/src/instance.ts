import type { KeyRing } from './keys/key-ring.ts'
import type { PolicyReader } from './policies/policy-reader.ts'

/** One tenant of the service: an issuer with its own keys, policies and trust anchors. */
export interface Instance {
  readonly name: string
  /** As tokens name it; `/certs` and `/token` are below it. */
  readonly issuer: string
  /** Whether simulated evidence may be let in. */
  readonly development: boolean
  /** Hex SHA-256 of the SPKI of each evidence root that is accepted. */
  readonly roots: readonly string[]
  readonly keys: KeyRing
  readonly policies: PolicyReader
}
