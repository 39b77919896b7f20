/**
 * A signing key of an attestation service that runs in a TEE: its certificate carries the service's own evidence.
 *
 * Who believes it needs no pin that somebody handed over: it knows which software holds the key.
 *
 * @see docs/spec/attestation-service.md
 * @module
 */

import {
  bytesOfBase64,
  ok,
  type Problem,
  type Result,
  refuse,
  type UnixSeconds,
} from '../bytes/index.ts'
import { appraise, type SgxReferenceValues } from '../claims/index.ts'
import type { Endorsements } from '../endorsements/index.ts'
import { parseRaTlsCertificate } from '../evidence/index.ts'
import {
  type DcapTools,
  type RaTlsBindingCode,
  type SgxEvidence,
  type VerificationCode,
  type Verified,
  verifyRaTlsBinding,
  verifySgxEvidence,
} from '../verification/index.ts'
import { signerOf } from './signing-key.ts'
import { isSimulated } from './simulated.ts'
import type { SigningJwk } from './token.ts'

/** A key that an enclave made and holds. */
export interface AttestedSigner {
  /** Base64url SHA-256 of the SPKI: what `TokenTrust.signers` takes. */
  readonly signer: string
  readonly evidence: Verified<SgxEvidence>
  readonly simulated: boolean
}

export interface AttestedSignerTrust {
  /** As `/certs` answered. */
  readonly jwk: SigningJwk
  /** Whose key it is to be: the certificate's common name. */
  readonly issuer: string
  /** For the platform of the quote that {@link quoteOfSigner} found. */
  readonly endorsements: Endorsements
  /** Hex SHA-256 of the SPKI of each evidence root that is accepted. */
  readonly roots: readonly string[]
  /** Which software is accepted, in which configuration, on which platform. */
  readonly referenceValues: SgxReferenceValues
  readonly at: UnixSeconds
  /** Whether simulated evidence is let in. */
  readonly development: boolean
}

/** Beside these, the code of what {@link appraise} found different. */
export type AttestedSignerCode =
  | 'signer-malformed'
  | 'signer-without-evidence'
  | 'signer-of-another-issuer'
  | 'signer-refused'
  | 'simulated'

type AttestedSignerProblem = Problem<AttestedSignerCode | VerificationCode | RaTlsBindingCode>

/**
 * The quote in a signing key's certificate, so that endorsements can be had for it. Nothing of it is verified.
 *
 * @returns `signer-malformed`, or `signer-without-evidence` of a service that runs in no TEE.
 */
export function quoteOfSigner(
  jwk: SigningJwk,
): Result<Uint8Array, Problem<'signer-malformed' | 'signer-without-evidence'>> {
  const certificate = certificateOf(jwk)
  return certificate.ok ? ok(certificate.value.quote) : certificate
}

/**
 * Verifies that an enclave that is accepted holds a signing key.
 *
 * @returns the key's pin, to be believed from now on, or the first problem: of the certificate, of the evidence, of what
 *   binds the two, or that the software is not the one expected (`signer-refused`).
 */
export async function verifyAttestedSigner(
  trust: AttestedSignerTrust,
  tools?: DcapTools,
): Promise<Result<Verified<AttestedSigner>, AttestedSignerProblem>> {
  const { jwk, issuer, endorsements, roots, referenceValues, at, development } = trust
  // 1. One key, certified under the issuer's name, with evidence.
  const certificate = certificateOf(jwk)
  if (!certificate.ok) return certificate
  const { der, quote, commonName } = certificate.value
  const signer = await signerOf(jwk)
  if (signer === undefined) return refuse('signer-malformed', 'jwk', 'not one key, well formed')
  if (commonName !== issuer) {
    return refuse('signer-of-another-issuer', 'x5c[0].subject', 'certified under another name')
  }

  // 2. The evidence holds, and binds the key.
  const evidence = await verifySgxEvidence({ quote, endorsements, roots, at }, tools)
  if (!evidence.ok) return evidence
  const bound = await verifyRaTlsBinding(evidence.value, der, tools?.cryptography)
  if (!bound.ok) return bound

  // 3. It is of the software that is expected.
  const simulated = isSimulated(evidence.value)
  if (simulated && !development) {
    return refuse('simulated', 'rootSpkiSha256', 'a simulated TEE protects nothing')
  }
  const verdict = appraise(evidence.value, referenceValues, { at, deployment: undefined })
  switch (verdict.kind) {
    case 'affirming':
    case 'warning':
      return ok({ signer, evidence: evidence.value, simulated } as Verified<AttestedSigner>)
    case 'contraindicated': {
      const [{ code, at: where, detail }] = verdict.problems
      return refuse('signer-refused', where, `${code}: ${detail}`)
    }
    case 'none':
      return refuse('signer-refused', '', 'nothing to compare with')
  }
}

interface CertificateWithQuote {
  readonly der: Uint8Array
  readonly quote: Uint8Array
  readonly commonName: string | undefined
}

function certificateOf(
  jwk: SigningJwk,
): Result<CertificateWithQuote, Problem<'signer-malformed' | 'signer-without-evidence'>> {
  const text: unknown = Array.isArray(jwk.x5c) ? jwk.x5c[0] : undefined
  const der = typeof text === 'string' ? bytesOfBase64(text) : undefined
  if (der === undefined) return refuse('signer-malformed', 'x5c', 'a certificate expected')
  const parsed = parseRaTlsCertificate(der)
  if (parsed.ok) {
    const { quote, certificate } = parsed.value
    return ok({ der, quote, commonName: certificate.subjectCommonName })
  }
  const { code, detail } = parsed.problem
  return code === 'ra-tls-no-evidence'
    ? refuse('signer-without-evidence', 'x5c[0]', 'the certificate carries no evidence')
    : refuse('signer-malformed', 'x5c[0]', `${code}: ${detail}`)
}
