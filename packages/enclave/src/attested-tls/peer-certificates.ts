import { createHash } from 'node:crypto'
import { base64UrlOf, ok, type Result, type UnixSeconds } from '@sealward/attestation/bytes'
import type { VerifiedPeer } from '@sealward/attestation/channel'
import { parseRaTlsCertificate, type TeeRole } from '@sealward/attestation/evidence'
import type { PcsClient } from '../endorsements/index.ts'
import {
  failure,
  failureOf,
  type PeerFailure,
  type PeerTrust,
  standingProblem,
  verifyAttestedCertificate,
} from '../peers/index.ts'
import { attestedTlsLimits } from './limits.ts'

/** Who holds a certificate, for as long as that is believed. */
export interface AttestedPeer {
  readonly peer: VerifiedPeer
  /** Base64url SHA-256 of the DER. */
  readonly certificateSha256: string
  readonly until: UnixSeconds
}

/** Verifies certificates by the evidence in them, and remembers for a time which it has believed. */
export interface PeerCertificates {
  /**
   * @param certificate - DER.
   * @param roles - one of these the peer must have.
   */
  verify(
    certificate: Uint8Array,
    roles: readonly TeeRole[],
  ): Promise<Result<AttestedPeer, PeerFailure>>
  /** Whether what was believed is believed still: its time is not over, and nothing of it was denied. */
  standing(peer: AttestedPeer): Promise<Result<true, PeerFailure>>
}

export function createPeerCertificates(options: {
  readonly trust: PeerTrust
  /** Certificates have no room for endorsements: they come from whoever serves them here. */
  readonly endorsements: Pick<PcsClient, 'endorsementsFor'>
  /** 900 unless said. */
  readonly rememberedSeconds?: number
}): PeerCertificates {
  const { trust, endorsements } = options
  const { clock } = trust
  const rememberedSeconds = options.rememberedSeconds ?? attestedTlsLimits.rememberedSeconds
  const believed = new Map<string, AttestedPeer>()
  const underWay = new Map<string, Promise<Result<AttestedPeer, PeerFailure>>>()

  const verifyAnew = async (
    certificate: Uint8Array,
    certificateSha256: string,
    roles: readonly TeeRole[],
  ): Promise<Result<AttestedPeer, PeerFailure>> => {
    const read = parseRaTlsCertificate(certificate)
    if (!read.ok) {
      const { code, at, detail } = read.problem
      return code === 'ra-tls-no-evidence'
        ? failureOf('refused', read.problem)
        : failure('refused', 'ra-tls-malformed', at, `${code}: ${detail}`)
    }
    const vouched = await endorsements.endorsementsFor(read.value.quote)
    if (!vouched.ok) {
      return failureOf(
        worldly.has(vouched.problem.code) ? 'unavailable' : 'refused',
        vouched.problem,
      )
    }
    const peer = await verifyAttestedCertificate(trust, {
      roles,
      certificate,
      endorsements: vouched.value,
    })
    if (!peer.ok) return peer
    const until = Math.min(
      clock.now() + rememberedSeconds,
      peer.value.evidence.earliestExpiry,
      read.value.certificate.notAfter,
    )
    return ok({ peer: peer.value, certificateSha256, until })
  }

  const remember = (peer: AttestedPeer): void => {
    believed.delete(peer.certificateSha256)
    believed.set(peer.certificateSha256, peer)
    const [oldest] = believed.keys()
    if (believed.size > attestedTlsLimits.rememberedMax && oldest !== undefined) {
      believed.delete(oldest)
    }
  }

  const standing: PeerCertificates['standing'] = async ({ certificateSha256, peer, until }) => {
    if (clock.now() >= until) {
      return failure('unavailable', 'verification-ended', 'tls', 'The peer was verified long ago.')
    }
    const fallen = await standingProblem(trust, peer)
    if (fallen === undefined) return ok(true)
    if (fallen.problem.kind === 'refused') believed.delete(certificateSha256)
    return fallen
  }

  return {
    standing,
    async verify(certificate, roles) {
      const name = base64UrlOf(createHash('sha256').update(certificate).digest())
      const known = believed.get(name)
      if (known !== undefined && clock.now() < known.until) {
        if (!roles.includes(known.peer.role)) return wrongRole(roles)
        const stands = await standing(known)
        return stands.ok ? ok(known) : stands
      }
      const flight = underWay.get(name)
      if (flight === undefined && underWay.size >= attestedTlsLimits.verificationsMax) {
        return failure('unavailable', 'busy', 'tls', 'Too many peers are being verified.')
      }
      const verification =
        flight ?? verifyAnew(certificate, name, roles).finally(() => underWay.delete(name))
      underWay.set(name, verification)
      const peer = await verification
      if (!peer.ok) return peer
      if (!roles.includes(peer.value.peer.role)) return wrongRole(roles)
      if (flight === undefined) remember(peer.value)
      return peer
    },
  }
}

/** Codes of endorsements that could not be had, which says nothing about the peer. */
const worldly: ReadonlySet<string> = new Set([
  'endorsements-unavailable',
  'endorsements-rate-limited',
  'endorsements-malformed',
  'endorsements-expired',
])

function wrongRole(roles: readonly TeeRole[]): ReturnType<typeof failure> {
  return failure('refused', 'wrong-role', 'runtimeData.role', `${roles.join(' or ')} expected`)
}
