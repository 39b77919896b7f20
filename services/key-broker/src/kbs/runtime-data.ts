/**
 * What evidence is bound to: a hash over the nonce and the key that resources are encrypted to.
 *
 * The client has sent neither bytes nor a hash, but a JSON object, so both sides write it in the one form of RFC 8785. All
 * names are ASCII, and all values text, so that is JSON without white space with its members in the order of their names.
 *
 * @see confidential-containers/trustee, kbs/src/attestation/backend.rs; guest-components, kbs_protocol, rcar_client.rs
 * @module
 */

import { utf8Of } from '@sealward/attestation/bytes'
import type { BindingHash } from '@sealward/attestation/verification'
import type { ProtocolVersion } from './request.ts'
import type { TeePublicKey } from './tee-public-key.ts'

/** As the protocol calls them. */
export const kbsHashes = ['sha256', 'sha384', 'sha512'] as const

export type KbsHash = (typeof kbsHashes)[number]

/** As the attestation service calls them. */
export const bindingHashOf: Readonly<Record<KbsHash, BindingHash>> = {
  sha256: 'SHA-256',
  sha384: 'SHA-384',
  sha512: 'SHA-512',
}

export interface RuntimeDataInput {
  readonly nonce: string
  readonly teePublicKey: TeePublicKey
  /** As it came; evidence of 0.4.0 is bound to it, even where it is empty. */
  readonly additionalEvidence: string
}

/** The bytes that are hashed. */
export function runtimeDataOf(
  { nonce, teePublicKey, additionalEvidence }: RuntimeDataInput,
  version: ProtocolVersion,
): Uint8Array {
  const data = { nonce, 'tee-pubkey': inOrder(teePublicKey) }
  return utf8Of(
    JSON.stringify(
      version === '0.4.0' ? { 'additional-evidence': additionalEvidence, ...data } : data,
    ),
  )
}

function inOrder(key: TeePublicKey): object {
  const { kty, alg } = key
  return key.kty === 'RSA'
    ? { alg, e: key.e, kty, n: key.n }
    : { alg, crv: key.crv, kty, x: key.x, y: key.y }
}
