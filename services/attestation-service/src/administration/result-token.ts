import type { UnixSeconds } from '@sealward/attestation/bytes'
import { signToken } from '../keys/sign-token.ts'
import type { AdministrationDeps } from './administration-request.ts'
import { limits } from './limits.ts'

/** The signed answer to a question or a change: the claims, whose they are, and for how long. */
export function resultToken(
  { instance, clock }: AdministrationDeps,
  claims: Readonly<Record<string, unknown>>,
): Promise<string> {
  const at: UnixSeconds = clock.now()
  return signToken(instance.keys.current(), instance.issuer, 'JWT', {
    exp: at + limits.resultLifetimeSeconds,
    iat: at,
    iss: instance.issuer,
    nbf: at,
    ...claims,
  })
}
