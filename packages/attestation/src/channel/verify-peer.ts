import type { Result, UnixSeconds } from '../bytes/index.ts'
import type { PeerExpectation } from '../evidence/index.ts'
import type { SigningKeys } from '../token/index.ts'
import type { PeerProblem, VerifiedPeer } from './peer.ts'

export interface PeerTrust {
  /** The evidence document, as `JSON.parse` gave it. */
  readonly document: unknown
  /** The attestation token for the same evidence; `undefined` is refused as `token-missing`. */
  readonly token: string | undefined
  /** The 32 bytes that whoever asked for the evidence chose. */
  readonly nonce: Uint8Array
  readonly deployment: string
  readonly expectation: PeerExpectation
  /** Hex SHA-256 of the SPKI of each evidence root that is accepted. */
  readonly roots: readonly string[]
  readonly attestation: {
    readonly issuer: string
    readonly jwks: SigningKeys
    readonly signers: readonly string[]
    /** Policy hashes that are accepted; leave it out to accept whichever policy the pinned signer applied. */
    readonly policyHashes?: readonly string[]
  }
  readonly at: UnixSeconds
  /** Seconds by which the attestation service's clock may differ; 60 unless said. */
  readonly clockSkewSeconds?: number
  /** Whether simulated evidence is let in. */
  readonly development: boolean
  /** Base64url SHA-256 of the certificate that the peer proved to hold, where it is met over TLS. */
  readonly certificateSha256?: string
}

export async function verifyPeer(_trust: PeerTrust): Promise<Result<VerifiedPeer, PeerProblem>> {
  throw new Error('in progress')
}

export function isVerifiedPeer(_value: unknown): _value is VerifiedPeer {
  throw new Error('in progress')
}
