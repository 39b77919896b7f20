import type { Problem, Result, UnixSeconds } from '@sealward/attestation/bytes'
import type { Clock, Random } from '../effects/index.ts'
import type { EvidenceCode, EvidenceExtras, Identity } from './identity.ts'

export interface PassportOptions {
  readonly identity: Identity
  readonly attestation: {
    /** The issuer that tokens and assertions name. */
    readonly issuer: string
    /** Where it is reached; the issuer itself unless said. */
    readonly url?: string
  }
  readonly clock: Clock
  readonly random: Random
  readonly extras?: EvidenceExtras
}

/** `attestation-unavailable` is the world's, and may be retried; `attestation-refused` is about us. */
export type PassportCode =
  | EvidenceCode
  | 'attestation-unavailable'
  | 'attestation-refused'
  | 'attestation-malformed'

export interface Passport {
  /**
   * The attestation token of this workload, got again before it runs out. One request at a time: those
   * who ask meanwhile share it.
   */
  token(): Promise<Result<string, Problem<PassportCode>>>
  /**
   * A new access token for one audience, bound to this workload's TLS certificate. The receiver lets it
   * in on one connection only, so it is for one connection: ask again for the next.
   *
   * @param purpose - why, in words of a fixed list; it is logged by others, and never names a person.
   */
  accessToken(
    audience: string,
    purpose: string,
  ): Promise<
    Result<{ readonly token: string; readonly expiresAt: UnixSeconds }, Problem<PassportCode>>
  >
  close(): Promise<void>
}

/** Keeps an attestation token for `identity`, and exchanges it. */
export function createPassport(_options: PassportOptions): Passport {
  throw new Error('under construction')
}
