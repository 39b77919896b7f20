import type { Problem, Result } from '@sealward/attestation/bytes'
import type { TlsIdentity } from '../identity/tls-identity.ts'

export interface ContactOptions {
  readonly tls: TlsIdentity
  /** `https://127.0.0.1:1234` */
  readonly origin: string
  /** 32 bytes. */
  readonly nonce: Uint8Array
}

export interface Contact {
  /** The evidence document as JSON gave it. Believed by nobody yet. */
  readonly document: unknown
  /** Base64url SHA-256 of the certificate on the connection that it came over. */
  readonly certificateSha256: string
}

/** Asks a peer for its evidence: `POST /evidence` over a connection to whoever answers. */
export async function contactPeer(
  _options: ContactOptions,
): Promise<Result<Contact, Problem<'peer-unreachable' | 'peer-malformed'>>> {
  throw new Error('under construction')
}
