import type { Problem, Result } from '@sealward/attestation/bytes'
import type { Endorsements } from '@sealward/attestation/endorsements'
import type { SgxQuoteCode } from '@sealward/attestation/evidence'
import type { Clock } from '../effects/index.ts'

export interface PcsClientOptions {
  /** Address of a PCS or PCCS, without `/sgx/…`. */
  readonly baseUrl: string
  readonly clock: Clock
}

/** `endorsements-unavailable` is the world's, and may be retried; the others are about the quote. */
export type EndorsementsCode =
  | SgxQuoteCode
  | 'endorsements-unavailable'
  | 'endorsements-malformed'
  | 'platform-unknown'

export interface PcsClient {
  /**
   * Endorsements for the platform that made `quote`, kept until the first of them runs out. One request
   * at a time for one platform.
   */
  endorsementsFor(quote: Uint8Array): Promise<Result<Endorsements, Problem<EndorsementsCode>>>
  close(): Promise<void>
}

/** A client of Intel's provisioning certification service, version 4, or of a cache of it. */
export function createPcsClient(_options: PcsClientOptions): PcsClient {
  throw new Error('under construction')
}
