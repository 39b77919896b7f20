import type { Administration } from './administration/administration.ts'
import type { AssertionMemory } from './exchange/assertion-memory.ts'
import type { KeyRing } from './keys/key-ring.ts'
import type { PolicyReader } from './policies/policy-reader.ts'
import type { Denials } from './revocation/denials.ts'

/** One tenant of the service: an issuer with its own keys, policies and trust anchors. */
export interface Instance {
  readonly name: string
  /** As tokens name it; `/certs` and `/token` are below it. */
  readonly issuer: string
  /** A value of the header `Host` by which it is found, beside its name in the path. */
  readonly host?: string | undefined
  /** Whether simulated evidence may be let in. */
  readonly development: boolean
  /** Hex SHA-256 of the SPKI of each evidence root that is accepted. */
  readonly roots: readonly string[]
  readonly attestationLifetimeSeconds: number
  readonly limits: InstanceLimits
  readonly keys: KeyRing
  readonly policies: PolicyReader
  readonly administration: Administration
  /** Who is denied, whatever the policy says. */
  readonly denials: Denials
  /** Proofs of a key that were used. */
  readonly assertions: AssertionMemory
}

export interface InstanceLimits {
  /** Requests each second that one client may go on with. */
  readonly requestsPerSecond: number
  /** Requests that may follow each other without a pause before that. */
  readonly burst: number
  /** Bytes of a request to `/attest/…`. */
  readonly attestBodyBytesMax: number
}
