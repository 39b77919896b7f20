import type { TLSSocket } from 'node:tls'
import type { Problem, Result } from '@sealward/attestation/bytes'
import type { PeerExpectation } from '@sealward/attestation/evidence'
import type { AccessToken, TokenCode } from '@sealward/attestation/token'
import type { Verified } from '@sealward/attestation/verification'
import type { Clock } from '../effects/index.ts'
import type { SignerKeys } from '../identity/signer-keys.ts'

export interface AdmissionOptions {
  readonly signerKeys: SignerKeys
  /** As the measured init-time data has them. */
  readonly issuer: string
  readonly signers: readonly string[]
  readonly development: boolean
  readonly deployment: string
  readonly audience: string
  readonly expectation: PeerExpectation
  readonly clock: Clock
  readonly clockSkewSeconds?: number
}

export type AdmissionCode =
  | TokenCode
  | 'attestation-unavailable'
  | 'certificate-missing'
  | 'admission-full'

export interface Admission {
  /**
   * Verifies a bearer token for the connection that showed it: signature by a pinned signer, audience,
   * time, measurement, and that this connection's client holds the certificate that it is bound to. The
   * first connection that shows a token keeps it; on any other it is `replayed`.
   */
  admit(
    socket: TLSSocket,
    token: string,
  ): Promise<Result<Verified<AccessToken>, Problem<AdmissionCode>>>
}

/** Admits attested peers of one kind to one audience. */
export function createAdmission(_options: AdmissionOptions): Admission {
  throw new Error('under construction')
}
