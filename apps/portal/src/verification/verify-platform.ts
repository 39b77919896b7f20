import { ok, type Problem, type Result } from '@sealward/attestation/bytes'
import {
  type AskStep,
  askPlatform,
  type Check,
  type PeerProblem,
  type VerifiedPeer,
} from '@sealward/attestation/channel'
import type { Configuration } from '../app/configuration.ts'
import type { Effects } from '../app/effects.ts'

export type VerificationStep = AskStep

/** The other side was reached, and is not believed. */
export interface Refused {
  readonly kind: 'refused'
  readonly code: PeerProblem['code']
  readonly at: string
  readonly detail: string
  readonly check: string
  readonly passed: readonly Check[]
  /** What the attestation service answered in place of a token. */
  readonly attestationCode?: string
}

/** Nothing was proven either way: somebody did not answer. */
export interface Unavailable {
  readonly kind: 'unavailable'
  readonly service: 'platform' | 'attestation-service'
  readonly problem: Problem
}

/**
 * Verifies the platform twice: has the attestation service appraise its evidence, and appraises the
 * same evidence in this browser. Both must agree.
 *
 * @param onStep is told what is going on.
 * @returns the peer to which a channel can be opened, or why there is none.
 */
export async function verifyPlatform(
  configuration: Configuration,
  { fetch, now, random }: Effects,
  onStep: (step: VerificationStep) => void,
): Promise<Result<VerifiedPeer, Problem & (Refused | Unavailable)>> {
  const effects = { fetch, now, random: { bytes: random } }
  const peer = await askPlatform(effects, configuration, { onStep })
  if (peer.ok) return ok(peer.value)
  if (peer.problem.kind === 'unavailable') return { ok: false, problem: peer.problem }
  const { declined, ...refused } = peer.problem
  return {
    ok: false,
    problem: declined === undefined ? refused : { ...refused, attestationCode: declined.detail },
  }
}
