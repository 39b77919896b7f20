/**
 * Letting an attested peer in: its access token, on the connection that shows it.
 *
 * @see RFC 8705, section 3; docs/spec/tokens.md
 * @module
 */

import type { TLSSocket } from 'node:tls'
import {
  ok,
  type Problem,
  type Result,
  refuse,
  type UnixSeconds,
} from '@sealward/attestation/bytes'
import type { PeerExpectation } from '@sealward/attestation/evidence'
import {
  type AccessToken,
  deniablesOf,
  deniedProblem,
  type TokenCode,
  verifyAccessToken,
} from '@sealward/attestation/token'
import type { Verified } from '@sealward/attestation/verification'
import type { Clock } from '../effects/index.ts'
import type { DenyListKeeper } from '../identity/deny-list-keeper.ts'
import type { SignerKeys } from '../identity/signer-keys.ts'
import { attestedSessionOf } from './attest-session.ts'
import { attestedTlsLimits } from './limits.ts'

export interface AdmissionOptions {
  readonly signerKeys: SignerKeys
  readonly denyList: DenyListKeeper
  /** As the measured init-time data has them. */
  readonly issuer: string
  readonly signers: readonly string[]
  readonly policyHashes: readonly string[]
  readonly development: boolean
  readonly deployment: string
  readonly audience: string
  /** What tokens may be shown for. */
  readonly purposes: readonly string[]
  readonly expectation: PeerExpectation
  readonly clock: Clock
  /** 30 unless said. */
  readonly clockSkewSeconds?: number
}

/** `attestation-unavailable`, `deny-list-stale` and `admission-full` are the world's, and may be retried. */
export type AdmissionCode =
  | TokenCode
  | 'attestation-unavailable'
  | 'certificate-missing'
  | 'admission-full'

export interface Admission {
  /**
   * Verifies a bearer token for the connection that showed it: signature by a pinned signer, audience,
   * time, policy, measurement, and that this connection's client holds the certificate that it is bound to. The
   * first connection that shows a token keeps it; on any other it is `replayed`.
   *
   * @returns the token's claims, or one of {@link AdmissionCode}.
   */
  admit(
    socket: TLSSocket,
    token: string,
  ): Promise<Result<Verified<AccessToken>, Problem<AdmissionCode>>>
  /** Whether what was let in is believed still: the deny list is new enough, and names nothing of it. */
  standing(claims: Verified<AccessToken>): Promise<Result<true, Problem<AdmissionCode>>>
}

/** Admits attested peers of one kind to one audience. */
export function createAdmission(options: AdmissionOptions): Admission {
  const { clock, signerKeys, clockSkewSeconds = 30 } = options
  const admitted = new WeakMap<TLSSocket, { token: string; claims: Verified<AccessToken> }>()
  const owners = createOwners(clock, clockSkewSeconds)

  const verify = async (
    socket: TLSSocket,
    token: string,
    certificateSha256: string,
  ): Promise<Result<Verified<AccessToken>, Problem<AdmissionCode>>> => {
    const denyList = await options.denyList.trust()
    if (!denyList.ok) return denyList
    let isFull = false
    const verifyWith = async (
      keys: Awaited<ReturnType<SignerKeys['keys']>>,
    ): Promise<Result<Verified<AccessToken>, Problem<AdmissionCode>>> =>
      keys.ok
        ? verifyAccessToken(token, {
            issuer: options.issuer,
            jwks: keys.value,
            signers: options.signers,
            policyHashes: options.policyHashes,
            denyList: denyList.value,
            audience: options.audience,
            purposes: options.purposes,
            peerCertificateSha256: certificateSha256,
            expectation: options.expectation,
            deployment: options.deployment,
            development: options.development,
            at: clock.now(),
            clockSkewSeconds,
            admitJti(jti, expiresAt) {
              const claim = owners.claim(jti, expiresAt, socket)
              isFull = claim === 'full'
              return claim === 'granted'
            },
          })
        : keys
    const first = await verifyWith(await signerKeys.keys())
    const unknownSigner = !first.ok && first.problem.code === 'unknown-signer'
    // The attestation service may have begun to sign with another of the pinned keys.
    const result = unknownSigner ? await verifyWith(await signerKeys.refresh()) : first
    return isFull ? refuse('admission-full', 'jti', 'too many access tokens are in use') : result
  }

  const standing: Admission['standing'] = async (claims) => {
    const denyList = await options.denyList.trust()
    if (!denyList.ok) return denyList
    const trust = { denyList: denyList.value, issuer: options.issuer, at: clock.now() }
    return deniedProblem(deniablesOf(claims), trust) ?? ok(true)
  }

  return {
    standing,
    async admit(socket, token) {
      const known = admitted.get(socket)
      if (known?.token === token) {
        if (clock.now() >= known.claims.expiresAt) {
          return refuse('expired', 'exp', 'the access token has ended')
        }
        const stands = await standing(known.claims)
        return stands.ok ? ok(known.claims) : stands
      }
      const session = attestedSessionOf(socket)
      if (session === undefined) {
        return refuse('certificate-missing', 'tls', 'the connection is not with an attested client')
      }
      const { certificateSha256 } = session
      if (token.length > attestedTlsLimits.tokenCharactersMax) {
        return refuse('token-too-large', 'token', 'larger than any access token')
      }
      const result = await verify(socket, token, certificateSha256)
      if (result.ok) admitted.set(socket, { token, claims: result.value })
      return result
    },
  }
}

/** Which connection showed a token first. */
interface Owners {
  claim(jti: string, expiresAt: UnixSeconds, socket: TLSSocket): 'granted' | 'taken' | 'full'
}

function createOwners(clock: Clock, clockSkewSeconds: number): Owners {
  const owners = new Map<
    string,
    { readonly socket: WeakRef<TLSSocket>; readonly forgetAt: UnixSeconds }
  >()
  let sweepAt = 0
  const sweep = (now: UnixSeconds): void => {
    for (const [jti, { forgetAt }] of owners) if (forgetAt <= now) owners.delete(jti)
    sweepAt = now + 60
  }
  return {
    claim(jti, expiresAt, socket) {
      const now = clock.now()
      if (now >= sweepAt) sweep(now)
      const owner = owners.get(jti)
      if (owner !== undefined) return owner.socket.deref() === socket ? 'granted' : 'taken'
      if (owners.size >= attestedTlsLimits.admittedTokensMax) return 'full'
      owners.set(jti, {
        socket: new WeakRef(socket),
        // As long as the token could still be accepted, and a second more for the rounding of clocks.
        forgetAt: expiresAt + clockSkewSeconds + 1,
      })
      return 'granted'
    },
  }
}
