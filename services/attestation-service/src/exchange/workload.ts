/**
 * Who an attestation token of ours is about, where that is a workload of ours.
 *
 * @module
 */

import {
  ok,
  type Problem,
  type Result,
  refuse,
  type UnixSeconds,
} from '@sealward/attestation/bytes'
import type { IdentityKeyJwk } from '@sealward/attestation/evidence'
import {
  type Appraised,
  type AttestationToken,
  deniableOf,
  type SignatureTrust,
  verifyAttestationToken,
} from '@sealward/attestation/token'
import type { Verified } from '@sealward/attestation/verification'
import type { Instance } from '../instance.ts'
import { denialIn } from '../revocation/denials.ts'

/** A workload that was attested, and the keys that its evidence names. */
export interface Workload {
  readonly appraised: Appraised
  readonly key: IdentityKeyJwk
  readonly certificateSha256: string
  readonly token: Verified<AttestationToken>
  /** When its attestation token, or what was believed for it, ends. */
  readonly expiresAt: UnixSeconds
}

/**
 * Reads an attestation token of this instance that is not denied.
 *
 * @returns the workload; or a code of tokens, or `claim-missing` where the evidence names no workload of ours.
 */
export async function readWorkload(
  instance: Pick<Instance, 'issuer' | 'keys' | 'denials'>,
  token: string,
  at: UnixSeconds,
): Promise<Result<Workload, Problem>> {
  const verified = await verifyAttestationToken(token, {
    ...ownTrust(instance, at),
    denyList: issuersOwn,
  })
  if (!verified.ok) return verified
  const { claims, digest } = verified.value
  const denial = await denialIn(instance.denials, deniableOf(claims, digest))
  return denial === undefined ? workloadOf(verified.value) : { ok: false, problem: denial }
}

/** Whoever issued a token knows better than any list that it signed who is denied. */
export const issuersOwn = { unchecked: 'the issuer asks its own records' } as const

/** What an instance believes of what it has signed itself. */
export function ownTrust(
  { issuer, keys }: Pick<Instance, 'issuer' | 'keys'>,
  at: UnixSeconds,
): SignatureTrust {
  const published = keys.published()
  return {
    issuer,
    jwks: { keys: published.map(({ jwk }) => jwk) },
    signers: published.map(({ signer }) => signer),
    at,
    clockSkewSeconds: 0,
  }
}

function workloadOf(token: Verified<AttestationToken>): Result<Workload, Problem<'claim-missing'>> {
  const { runtimeData, initTimeData, configId } = token
  const certificateSha256 = runtimeData?.tls?.['x5t#S256']
  if (runtimeData === undefined || initTimeData === undefined || configId === undefined) {
    return refuse('claim-missing', 'x-ms-runtime', 'the evidence does not name a workload of ours')
  }
  if (certificateSha256 === undefined) {
    return refuse('claim-missing', 'x-ms-runtime.tls', 'the evidence names no TLS certificate')
  }
  const { deployment, role } = initTimeData
  if (runtimeData.deployment !== deployment || runtimeData.role !== role) {
    return refuse('claim-missing', 'x-ms-runtime', 'runtime and init-time data name two workloads')
  }
  const [key] = runtimeData.keys
  const { mrEnclave, mrSigner, isvProdId, isvSvn, debug, tcbStatus, simulated, policyHash } = token
  return ok({
    appraised: {
      deployment,
      role,
      mrEnclave,
      mrSigner,
      isvProdId,
      isvSvn,
      debug,
      tcbStatus,
      configId,
      simulated,
      policyHash,
      attestationToken: token.digest,
      attestationTokenId: token.id,
      platforms: deniableOf(token.claims).platform,
      ...(runtimeData.model === undefined ? {} : { model: runtimeData.model.sha256 }),
    },
    key,
    certificateSha256,
    token,
    expiresAt: Math.min(token.expiresAt, token.evidenceExpiresAt),
  })
}
