/**
 * The receipt: one signed object per diagnosis, that an auditor verifies offline.
 *
 * @see docs/spec/receipt.md
 * @module
 */

import type { Problem, UnixSeconds } from '../bytes/index.ts'
import type { EvidenceDocument } from '../evidence/index.ts'
import type { SigningKeys, TokenCode } from '../token/index.ts'
import type { BindingCode, VerificationCode } from '../verification/index.ts'
import type { Statement, StatementCode } from './statement.ts'

/** What the receipt says of one TEE that touched the data. */
export interface ReceiptParty {
  /** Base64url SHA-256 of quote ‖ runtime data. */
  readonly evidence: string
  readonly policyHash: string
  readonly tcbStatus: string
  /** Hex. */
  readonly mrEnclave: string
  /** Hex, 64 bytes. */
  readonly configId: string
  readonly simulated: boolean
  readonly verifiedAt: UnixSeconds
}

export interface ReceiptModel {
  readonly name: string
  readonly version: string
  /** Hex SHA-256 of the model file. */
  readonly sha256: string
}

export interface ReceiptPayload {
  readonly version: 1
  readonly id: string
  readonly issuedAt: UnixSeconds
  readonly deployment: string
  readonly platform: ReceiptParty
  readonly diagnostics: ReceiptParty & { readonly model: ReceiptModel }
  /** Base64url SHA-256 of the provider's statement, a compact JWS. */
  readonly statement: string
  /** Base64url SHA-256(salt ‖ bytes), salt of 32 bytes. */
  readonly input: { readonly digest: string }
  readonly output: { readonly digest: string }
  readonly report: { readonly digest: string }
  readonly times: {
    readonly received: UnixSeconds
    readonly interpreted: UnixSeconds
    readonly written: UnixSeconds
  }
}

/** Unprotected: each part is bound to the payload by a digest or carries its own signature. */
export interface ReceiptAttachments {
  readonly platform: EvidenceDocument
  readonly diagnostics: EvidenceDocument
  readonly attestationTokens: { readonly platform: string; readonly diagnostics: string }
  readonly certs: SigningKeys
  readonly statement: string
}

/** A flattened JWS with attachments: `application/vnd.sealward.receipt+json`. */
export interface Receipt {
  readonly payload: string
  readonly protected: string
  readonly signature: string
  readonly header: ReceiptAttachments
}

export const receiptMediaType = 'application/vnd.sealward.receipt+json'

/** `typ` of a receipt's protected header. */
export const receiptJwsType = 'sealward-receipt+jws'

/** Steps of verification, in order. */
export type ReceiptStep =
  | 'format'
  | 'platform-evidence'
  | 'diagnostics-evidence'
  | 'signature'
  | 'platform-claims'
  | 'diagnostics-claims'
  | 'deployment'
  | 'statement'
  | 'attestation-tokens'
  | 'times'

/** Why a receipt was refused, beyond what verification of evidence, tokens and statements has codes for. */
export type ReceiptCode =
  | 'receipt-malformed'
  | 'receipt-signature'
  | 'evidence-digest'
  | 'claim-mismatch'
  | 'role-mismatch'
  | 'model-mismatch'
  | 'provider-not-accepted'
  | 'deployment-mismatch'
  | 'statement-digest'
  | 'statement-mismatch'
  | 'policy-hash'
  | 'token-disagrees'
  | 'time-order'
  | 'evidence-too-old'
  | 'from-the-future'

/** Why a receipt was refused: the step that failed, its code, and the steps that had passed. */
export interface ReceiptProblem
  extends Problem<ReceiptCode | StatementCode | VerificationCode | BindingCode | TokenCode> {
  readonly step: ReceiptStep
  readonly passed: readonly ReceiptStep[]
}

/** What a verified receipt says, and what it was believed for. */
export interface ReceiptReport {
  readonly payload: ReceiptPayload
  readonly statement: Statement
  readonly steps: readonly { readonly step: ReceiptStep; readonly detail: string }[]
  /** Hex SHA-256 of the SPKI of the roots that the two pieces of evidence ended in. */
  readonly roots: { readonly platform: string; readonly diagnostics: string }
  /** Whether either TEE was a simulated one: then the receipt proves nothing about who saw what. */
  readonly simulated: boolean
  /** Whether the caller named the attestation service's keys, or only the platform's measured configuration did. */
  readonly signersPinnedBy: 'caller' | 'platform-configuration'
}
