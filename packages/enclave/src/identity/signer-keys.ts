import type { Problem, Result } from '@sealward/attestation/bytes'
import type { SigningKeys } from '@sealward/attestation/token'
import type { Clock } from '../effects/index.ts'

export interface SignerKeysOptions {
  /** The attestation service's pinned address: `/certs` is asked there and nowhere else. */
  readonly url: string
  readonly clock: Clock
  /** How long keys are used without asking again; 300 unless said. */
  readonly freshSeconds?: number
  /** How long they are used while the service does not answer; 3600 unless said. */
  readonly staleSecondsMax?: number
}

export interface SignerKeys {
  /**
   * The keys that the attestation service publishes. They are believed only as far as the pinned signers
   * say, which whoever verifies a token compares.
   */
  keys(): Promise<Result<SigningKeys, Problem<'attestation-unavailable'>>>
  /** Asks anew, at most every 10 seconds: for a token by a key that is not among the known ones. */
  refresh(): Promise<Result<SigningKeys, Problem<'attestation-unavailable'>>>
  close(): Promise<void>
}

/** Fetches the attestation service's keys and keeps them for a bounded time. No token's `jku` is ever followed. */
export function createSignerKeys(_options: SignerKeysOptions): SignerKeys {
  throw new Error('under construction')
}
