/**
 * Challenges: nonces that the attestation service signs, so that it can tell them from others without remembering any.
 *
 * @see docs/spec/challenge.md
 * @module
 */

import { base64UrlOf, ok, type Result, reading, sha256, utf8Of } from '../bytes/index.ts'
import type { Verified } from '../verification/index.ts'
import { tokenLimits } from './limits.ts'
import type { TokenProblem } from './token.ts'
import {
  type Dated,
  issuerAndTimeProblem,
  jsonPartOf,
  misshapen,
  readDated,
  type SignatureTrust,
  verifySignature,
} from './verify-token.ts'

/** `typ` of a challenge. */
export const challengeType = 'challenge+jwt'

export interface Challenge extends Dated {
  /** Random; no two challenges have the same. */
  readonly id: string
}

/** Verifies a challenge: signature by a pinned key, issuer, time. */
export async function verifyChallenge(
  text: string,
  trust: SignatureTrust,
): Promise<Result<Verified<Challenge>, TokenProblem>> {
  const signed = await verifySignature(text, [challengeType], trust)
  if (!signed.ok) return signed
  const read = reading(signed.value.payload, '', (payload) =>
    payload.object('ignored', (fields) => ({
      ...readDated(fields),
      id: fields.required('jti').string(tokenLimits.textMax),
    })),
  )
  if (!read.ok) return misshapen(read.problem)
  return issuerAndTimeProblem(read.value, trust) ?? ok(read.value as Verified<Challenge>)
}

/** The nonce of 32 bytes that stands for a challenge where there is no room for it: base64url SHA-256. */
export async function challengeNonceOf(challenge: string): Promise<string> {
  return base64UrlOf(await sha256(utf8Of(challenge)))
}

/** Whether text has the form of a challenge, whoever made it and whenever. */
export function isChallenge(text: string): boolean {
  const [header = '', , signature, ...more] = text.split('.', 4)
  return (
    signature !== undefined && more.length === 0 && jsonPartOf(header)?.['typ'] === challengeType
  )
}
