import { base64UrlOf } from '@sealward/attestation/bytes'
import { challengeNonceOf, challengeType } from '@sealward/attestation/token'
import type { Clock, Random } from '@sealward/enclave/server'
import type { Answer } from '../answer.ts'
import type { Instance } from '../instance.ts'
import { signToken } from '../keys/sign-token.ts'
import { limits } from '../limits.ts'

/**
 * `POST /challenge`: a nonce that this service, and every replica of it, knows again.
 *
 * @see docs/spec/challenge.md
 */
export async function issueChallenge(deps: {
  readonly instance: Pick<Instance, 'issuer' | 'keys'>
  readonly clock: Clock
  readonly random: Random
}): Promise<Answer> {
  const { issuer, keys } = deps.instance
  const at = deps.clock.now()
  const challenge = await signToken(keys.current(), issuer, challengeType, {
    iss: issuer,
    iat: at,
    nbf: at,
    exp: at + limits.challengeLifetimeSeconds,
    jti: base64UrlOf(deps.random.bytes(32)),
  })
  return {
    status: 200,
    body: {
      challenge,
      nonce: await challengeNonceOf(challenge),
      expires_in: limits.challengeLifetimeSeconds,
    },
  }
}
