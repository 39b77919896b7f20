import { ok, type Result } from '@sealward/attestation/bytes'
import type { EvidenceDocument } from '@sealward/attestation/evidence'
import {
  type AttestationToken,
  claimNames,
  verifyAttestationToken,
} from '@sealward/attestation/token'
import type { Verified } from '@sealward/attestation/verification'
import type { Identity } from '@sealward/enclave/identity'
import { peerVerificationLifetimeSeconds } from '../limits.ts'
import { attest, failure, type PeerFailure, type PeerTrust } from '../peers/verify-attested.ts'

/** Evidence about this platform, and what the attestation service says about that very evidence. */
export interface OwnProof {
  readonly document: EvidenceDocument
  readonly tokenText: string
  readonly token: Verified<AttestationToken>
  /** Unix seconds. */
  readonly verifiedAt: number
}

/** Gives the platform's own proof, at most ten minutes old. */
export function createOwnProof(options: {
  readonly identity: Pick<Identity, 'evidence'>
  readonly trust: PeerTrust
}): () => Promise<Result<OwnProof, PeerFailure>> {
  const { clock, initTimeData, random, signerKeys } = options.trust
  let held: OwnProof | undefined

  return async () => {
    const now = clock.now()
    if (
      held !== undefined &&
      now < held.verifiedAt + peerVerificationLifetimeSeconds &&
      now < held.token.expiresAt
    ) {
      return ok(held)
    }
    const evidence = await options.identity.evidence(random.bytes(32))
    if (!evidence.ok) return unavailable(evidence.problem)
    const tokenText = await attest(options.trust, evidence.value)
    if (!tokenText.ok) return tokenText
    const known = await signerKeys.keys()
    if (!known.ok) return unavailable(known.problem)
    const verify = (jwks: typeof known.value): ReturnType<typeof verifyAttestationToken> =>
      verifyAttestationToken(tokenText.value, {
        issuer: initTimeData.attestation.issuer,
        signers: initTimeData.attestation.signers,
        jwks,
        at: now,
        clockSkewSeconds: 60,
      })
    let token = await verify(known.value)
    if (!token.ok && token.problem.code === 'unknown-signer') {
      const fresh = await signerKeys.refresh()
      if (!fresh.ok) return unavailable(fresh.problem)
      token = await verify(fresh.value)
    }
    if (!token.ok) {
      const { code, at, detail } = token.problem
      return failure('refused', code, at, detail)
    }
    if (!initTimeData.attestation.policyHashes.includes(token.value.policyHash)) {
      return failure(
        'refused',
        'token-policy',
        claimNames.policyHash,
        'issued under another policy',
      )
    }
    held = {
      document: evidence.value,
      tokenText: tokenText.value,
      token: token.value,
      verifiedAt: now,
    }
    return ok(held)
  }
}

function unavailable(problem: {
  readonly code: string
  readonly at: string
  readonly detail: string
}): { readonly ok: false; readonly problem: PeerFailure } {
  return failure('unavailable', problem.code, problem.at, problem.detail)
}
