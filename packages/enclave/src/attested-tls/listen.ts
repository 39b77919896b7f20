import type { TLSSocket, TlsOptions } from 'node:tls'
import type { TlsIdentity } from '../identity/tls-identity.ts'

/** Options for `node:tls` and `node:https` servers: TLS 1.3 only, a client certificate asked for, no CA. */
export function attestedServerOptions(_identity: TlsIdentity): TlsOptions {
  throw new Error('under construction')
}

/** Base64url SHA-256 of the certificate that the other side proved to hold; `undefined` without one. */
export function peerCertificateSha256(_socket: TLSSocket): string | undefined {
  throw new Error('under construction')
}

export interface ListenOptions {
  readonly tls: TlsIdentity
  /** A connection whose client proved to hold a certificate; those without one are closed before. */
  readonly onConnection: (socket: TLSSocket, peer: { readonly certificateSha256: string }) => void
  /** 0 for any free one, unless said. */
  readonly port?: number
  readonly connectionsMax?: number
  readonly handshakeSecondsMax?: number
}

export interface AttestedListener {
  readonly port: number
  /** Stops accepting, gives open connections `patienceSeconds`, then ends them. */
  close(patienceSeconds?: number): Promise<void>
}

/** Listens on 127.0.0.1 for attested TLS with a protocol of the caller's inside. */
export async function listenAttested(_options: ListenOptions): Promise<AttestedListener> {
  throw new Error('under construction')
}
