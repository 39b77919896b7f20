import { ok, type Problem, type Result } from '@sealward/attestation/bytes'
import { disagreementOf } from '@sealward/attestation/channel'
import { type EvidenceDocument, parseEvidenceDocument } from '@sealward/attestation/evidence'
import {
  type AttestationToken,
  claimNames,
  verifyAttestationToken,
} from '@sealward/attestation/token'
import {
  type BoundEvidence,
  type Verified,
  verifyBindings,
  verifySgxEvidence,
} from '@sealward/attestation/verification'
import type { Identity } from '@sealward/enclave/identity'
import { attest, failure, kindOf, type PeerFailure, type PeerTrust } from '@sealward/enclave/peers'
import { peerVerificationLifetimeSeconds } from '../limits.ts'

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
  const { clock, denyList, initTimeData, random, signerKeys } = options.trust
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
    const verifiedAt = clock.now()
    const bound = await verifyOwn(evidence.value, initTimeData.roots, verifiedAt)
    if (!bound.ok) return refused(bound.problem)
    const known = await signerKeys.keys()
    if (!known.ok) return unavailable(known.problem)
    const denied = await denyList.trust()
    if (!denied.ok) return unavailable(denied.problem)
    const verify = (jwks: typeof known.value): ReturnType<typeof verifyAttestationToken> =>
      verifyAttestationToken(tokenText.value, {
        issuer: initTimeData.attestation.issuer,
        signers: initTimeData.attestation.signers,
        jwks,
        denyList: denied.value,
        at: verifiedAt,
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
      return failure(kindOf(token.problem), code, at, detail)
    }
    if (!initTimeData.attestation.policyHashes.includes(token.value.policyHash)) {
      return failure(
        'refused',
        'token-policy',
        claimNames.policyHash,
        'issued under another policy',
      )
    }
    // Whoever is between could give a genuine token about other evidence, and the receipt would never verify.
    const disagreement = disagreementOf(token.value, bound.value)
    if (disagreement !== undefined) {
      return failure('refused', 'token-disagrees', disagreement, 'not about this evidence')
    }
    held = {
      document: evidence.value,
      tokenText: tokenText.value,
      token: token.value,
      verifiedAt,
    }
    return ok(held)
  }
}

/** Looks at our own evidence as whoever audits a receipt will. */
async function verifyOwn(
  document: EvidenceDocument,
  roots: readonly string[],
  at: number,
): Promise<Result<Verified<BoundEvidence>, Problem>> {
  const parsed = parseEvidenceDocument(document)
  if (!parsed.ok) return parsed
  const { quote, endorsements } = parsed.value
  const evidence = await verifySgxEvidence({ quote, endorsements, roots, at })
  return evidence.ok ? verifyBindings(evidence.value, parsed.value) : evidence
}

function refused({ code, at, detail }: Problem): {
  readonly ok: false
  readonly problem: PeerFailure
} {
  return failure('refused', code, at, detail)
}

function unavailable(problem: {
  readonly code: string
  readonly at: string
  readonly detail: string
}): { readonly ok: false; readonly problem: PeerFailure } {
  return failure('unavailable', problem.code, problem.at, problem.detail)
}
