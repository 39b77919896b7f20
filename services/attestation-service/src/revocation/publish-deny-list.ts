import { denyListType, encodeDenyList } from '@sealward/attestation/token'
import type { Clock } from '@sealward/enclave/server'
import { type Answer, azureRefusal } from '../answer.ts'
import type { Instance } from '../instance.ts'
import { signToken } from '../keys/sign-token.ts'
import { limits } from '../limits.ts'

/** `GET /deny-list`: who is denied, signed and dated now. */
export async function publishDenyList(deps: {
  readonly instance: Pick<Instance, 'issuer' | 'keys' | 'denials'>
  readonly clock: Clock
}): Promise<Answer> {
  const { issuer, keys, denials } = deps.instance
  const state = await denials.current()
  if (!state.ok) return azureRefusal(503, 'ServiceUnavailable', state.problem.detail, state.problem)
  const issuedAt = deps.clock.now()
  const claims = encodeDenyList({
    issuer,
    issuedAt,
    expiresAt: issuedAt + limits.denyListLifetimeSeconds,
    ...state.value,
  })
  return {
    status: 200,
    body: { token: await signToken(keys.current(), issuer, denyListType, claims) },
  }
}
