import type { UnixSeconds } from '@sealward/attestation/bytes'
import {
  type AttestationClaims,
  challengeNonceOf,
  claimNames,
  isChallenge,
  verifyChallenge,
} from '@sealward/attestation/token'
import type { Instance } from '../instance.ts'
import { limits } from '../limits.ts'

/**
 * Whether the evidence was made for a challenge of this instance: `x-sealward-challenge`, for a policy to ask for.
 *
 * A challenge is in the runtime data itself, as `challenge` or `nonce`; or the runtime data has its SHA-256 as `nonce`, and
 * the challenge came beside it.
 *
 * @param input.runtimeData - as JSON, bound by the evidence.
 * @param input.nonce - the request's, bound by nothing.
 * @returns no claim where there is no challenge; `false`, and why, where there is one that does not count.
 */
export async function challengeClaims(input: {
  readonly instance: Pick<Instance, 'issuer' | 'keys'>
  readonly runtimeData: unknown
  readonly nonce: string | undefined
  readonly at: UnixSeconds
}): Promise<AttestationClaims> {
  const { instance, at } = input
  const challenge = await boundChallenge(input.runtimeData, input.nonce)
  if (challenge === undefined) return {}
  const published = instance.keys.published()
  const verified = await verifyChallenge(challenge, {
    issuer: instance.issuer,
    jwks: { keys: published.map(({ jwk }) => jwk) },
    signers: published.map(({ signer }) => signer),
    at,
    // One replica may be shown what another has made a moment later.
    clockSkewSeconds: limits.replicaSkewSeconds,
  })
  return verified.ok
    ? { [claimNames.challenge]: true }
    : { [claimNames.challenge]: false, [claimNames.challengeProblem]: verified.problem.code }
}

async function boundChallenge(
  runtimeData: unknown,
  requestNonce: string | undefined,
): Promise<string | undefined> {
  const { challenge, nonce } = Object(runtimeData) as Readonly<Record<string, unknown>>
  const inside = [challenge, nonce].find((one) => typeof one === 'string' && isChallenge(one))
  if (typeof inside === 'string') return inside
  if (requestNonce === undefined || !isChallenge(requestNonce)) return undefined
  return nonce === (await challengeNonceOf(requestNonce)) ? requestNonce : undefined
}
