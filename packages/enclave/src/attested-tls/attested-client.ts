import type { Problem, Result, UnixSeconds } from '@sealward/attestation/bytes'
import type { Clock } from '../effects/index.ts'
import type { TlsIdentity } from '../identity/tls-identity.ts'
import type { ConnectCode } from './connect.ts'

export interface AttestedClientOptions<Code extends string = string> {
  readonly tls: TlsIdentity
  /** `https://127.0.0.1:1234` */
  readonly origin: string
  readonly pinnedCertificateSha256: string
  /** A new access token, for one connection: `() => passport.accessToken(audience, purpose)`. */
  readonly accessToken: () => Promise<
    Result<{ readonly token: string; readonly expiresAt: UnixSeconds }, Problem<Code>>
  >
  readonly clock: Clock
  /** How many requests are under way at once; 4 unless said. Each connection has its own access token. */
  readonly connectionsMax?: number
  readonly requestSecondsMax?: number
  readonly responseBytesMax?: number
}

export interface AttestedRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  readonly path: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string
  readonly signal?: AbortSignal
}

export interface AttestedResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: Uint8Array
}

export interface AttestedClient<Code extends string = string> {
  /** Sends a request with the connection's own access token. */
  request(
    request: AttestedRequest,
  ): Promise<
    Result<AttestedResponse, Problem<Code | ConnectCode | 'response-too-large' | 'timed-out'>>
  >
  close(): Promise<void>
}

/** HTTP to one attested peer: pinned to its certificate, one access token a connection. */
export function createAttestedClient<Code extends string>(
  _options: AttestedClientOptions<Code>,
): AttestedClient<Code> {
  throw new Error('under construction')
}
