import type { TLSSocket } from 'node:tls'
import type { Problem, Result } from '@sealward/attestation/bytes'
import type { TlsIdentity } from '../identity/tls-identity.ts'

/** `peer-unreachable` is the world's, and may be retried. */
export type ConnectCode = 'peer-unreachable' | 'certificate-mismatch'

export interface ConnectOptions {
  readonly tls: TlsIdentity
  readonly host: string
  readonly port: number
  readonly secondsMax?: number
}

export interface AttestedConnection {
  readonly socket: TLSSocket
  /** Base64url SHA-256 of the certificate that the server proved to hold. */
  readonly certificateSha256: string
  /** DER. */
  readonly certificate: Uint8Array
}

/** Connects to the holder of one certificate, which evidence named. Nothing is sent to anybody else. */
export async function connectAttested(
  _options: ConnectOptions & { readonly pinnedCertificateSha256: string },
): Promise<Result<AttestedConnection, Problem<ConnectCode>>> {
  throw new Error('under construction')
}

/**
 * Connects to whoever answers, to ask for evidence. The caller compares `certificateSha256` with what
 * verified evidence names before it sends anything else.
 */
export async function connectUnverified(
  _options: ConnectOptions,
): Promise<Result<AttestedConnection, Problem<'peer-unreachable'>>> {
  throw new Error('under construction')
}
