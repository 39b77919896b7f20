import { createHash } from 'node:crypto'
import { base64UrlOf, ok, type Result, type UnixSeconds } from '@sealward/attestation/bytes'
import type { VerifiedPeer } from '@sealward/attestation/channel'
import type { TeeRole } from '@sealward/attestation/evidence'
import type { PcsClient } from '../endorsements/index.ts'
import { createTurns, type Turns } from '../http/turns.ts'
import {
  failure,
  failureOf,
  firstLook,
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
  const questions = new Map<string, Question>()

  const verifyAnew = async (
    certificate: Uint8Array,
    certificateSha256: string,
    roles: readonly TeeRole[],
    question: Question,
  ): Promise<Result<AttestedPeer, PeerFailure>> => {
    const looked = await firstLook(trust, roles, certificate)
    if (!looked.ok) return looked
    const { quote, notAfter } = looked.value
    if (question.lookingUp >= attestedTlsLimits.verificationsMax) {
      return failure('unavailable', 'busy', 'tls', 'Too many peers are being verified.')
    }
    question.lookingUp += 1
    const lookedUp = question.lookUp(async () => {
      const vouched = await endorsements.endorsementsFor(quote)
      if (!vouched.ok) {
        const isWorldly = worldly.has(vouched.problem.code)
        return failureOf(isWorldly ? 'unavailable' : 'refused', vouched.problem)
      }
      return verifyAttestedCertificate(trust, { roles, certificate, endorsements: vouched.value })
    })
    const peer = await lookedUp.finally(() => {
      question.lookingUp -= 1
    })
    if (!peer.ok) return peer
    const { earliestExpiry } = peer.value.evidence
    const until = Math.min(clock.now() + rememberedSeconds, earliestExpiry, notAfter)
    return ok({ peer: peer.value, certificateSha256, until })
  }

  const questionOf = (roles: readonly TeeRole[]): Question => {
    const name = roles.toSorted().join(' ')
    const question = questions.get(name) ?? {
      underWay: new Map(),
      lookingUp: 0,
      lookUp: createTurns(attestedTlsLimits.lookUpsMax),
    }
    questions.set(name, question)
    return question
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
    // First: of whom it is said that the verification has ended something may be heard or sent still.
    const fallen = await standingProblem(trust, peer)
    if (fallen?.problem.kind === 'refused') believed.delete(certificateSha256)
    if (fallen !== undefined) return fallen
    return clock.now() < until
      ? ok(true)
      : failure('unavailable', 'verification-ended', 'tls', 'The peer was verified long ago.')
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
      const question = questionOf(roles)
      const { underWay } = question
      const flight = underWay.get(name)
      if (flight !== undefined) return flight
      const verification = verifyAnew(certificate, name, roles, question).finally(() =>
        underWay.delete(name),
      )
      underWay.set(name, verification)
      const peer = await verification
      if (peer.ok) remember(peer.value)
      return peer
    },
  }
}

/**
 * What is being verified for the same roles. Another expectation may have another answer of the same certificate; and those
 * who come to us do not hold up those whom we go to.
 */
interface Question {
  /** By certificate. */
  readonly underWay: Map<string, Promise<Result<AttestedPeer, PeerFailure>>>
  /** How many of them passed the first look: strangers take nobody's place. There are no more of them than connections. */
  lookingUp: number
  readonly lookUp: Turns
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
