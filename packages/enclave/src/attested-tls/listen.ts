import { createHash, constants as cryptoConstants } from 'node:crypto'
import type { AddressInfo } from 'node:net'
import { createServer, type TLSSocket, type TlsOptions } from 'node:tls'
import { base64UrlOf } from '@sealward/attestation/bytes'
import type { TlsIdentity } from '../identity/tls-identity.ts'
import { attestedTlsLimits } from './limits.ts'

/**
 * Options for `node:tls` and `node:https` servers: TLS 1.3 only, a client certificate asked for, no CA.
 *
 * A handshake proves that the client holds the key of the certificate that it shows, and nothing else:
 * who that is, a token says that names the certificate. Sessions are not resumed, so that each
 * connection proves it anew.
 */
export function attestedServerOptions(identity: TlsIdentity): TlsOptions {
  return {
    key: identity.privateKeyPem,
    cert: identity.certificatePem,
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    requestCert: true,
    rejectUnauthorized: false,
    secureOptions: cryptoConstants.SSL_OP_NO_TICKET,
    handshakeTimeout: attestedTlsLimits.handshakeSecondsMax * 1000,
  }
}

const digests = new WeakMap<TLSSocket, string>()

/** Base64url SHA-256 of the certificate that the other side proved to hold; `undefined` without one. */
export function peerCertificateSha256(socket: TLSSocket): string | undefined {
  const known = digests.get(socket)
  if (known !== undefined) return known
  const certificate = socket.getPeerX509Certificate()?.raw
  if (certificate === undefined) return undefined
  const digest = base64UrlOf(createHash('sha256').update(certificate).digest())
  digests.set(socket, digest)
  return digest
}

export interface ListenOptions {
  readonly tls: TlsIdentity
  /** A connection whose client proved to hold a certificate; those without one are closed before. */
  readonly onConnection: (socket: TLSSocket, peer: { readonly certificateSha256: string }) => void
  /** 0 for any free one, unless said. */
  readonly port?: number
  /** Those beyond it are closed at once; 1024 unless said. */
  readonly connectionsMax?: number
}

export interface AttestedListener {
  readonly port: number
  /** Stops accepting, gives open connections `patienceSeconds` (10 unless said), then ends them. */
  close(patienceSeconds?: number): Promise<void>
}

/** Listens on 127.0.0.1 for attested TLS with a protocol of the caller's inside. */
export async function listenAttested(options: ListenOptions): Promise<AttestedListener> {
  const open = new Set<TLSSocket>()
  const server = createServer(attestedServerOptions(options.tls), (socket) => {
    const certificateSha256 = peerCertificateSha256(socket)
    if (certificateSha256 === undefined) {
      socket.destroy()
      return
    }
    open.add(socket)
    socket.once('close', () => open.delete(socket))
    // A connection that breaks is the world's; whoever needs to know listens for `close`.
    socket.on('error', () => socket.destroy())
    options.onConnection(socket, { certificateSha256 })
  })
  server.maxConnections = options.connectionsMax ?? attestedTlsLimits.connectionsMax
  server.on('tlsClientError', (_error, socket) => socket.destroy())
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    async close(patienceSeconds = 10) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      const timer = setTimeout(() => {
        for (const socket of open) socket.destroy()
      }, patienceSeconds * 1000)
      await closed
      clearTimeout(timer)
    },
  }
}
