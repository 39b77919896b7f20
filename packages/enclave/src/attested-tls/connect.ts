import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { ok, type Problem, type Result, refuse } from '@sealward/attestation/bytes'
import { causeOf } from '../http/http-client.ts'
import type { TlsIdentity } from '../identity/tls-identity.ts'
import { attestedTlsLimits } from './limits.ts'
import { peerCertificateSha256 } from './listen.ts'

/** `peer-unreachable` is the world's, and may be retried. */
export type ConnectCode = 'peer-unreachable' | 'certificate-mismatch'

export interface ConnectOptions {
  readonly tls: TlsIdentity
  readonly host: string
  readonly port: number
  /** 10 unless said. */
  readonly secondsMax?: number
}

export interface AttestedConnection {
  readonly socket: TLSSocket
  /** Base64url SHA-256 of the certificate that the server proved to hold. */
  readonly certificateSha256: string
  /** DER. */
  readonly certificate: Uint8Array
}

/**
 * Connects to the holder of one certificate, which evidence named. Nothing is sent to anybody else.
 *
 * @param options.pinnedCertificateSha256 - base64url SHA-256 of its DER.
 * @returns the connection, or one of {@link ConnectCode}.
 */
export async function connectAttested(
  options: ConnectOptions & { readonly pinnedCertificateSha256: string },
): Promise<Result<AttestedConnection, Problem<ConnectCode>>> {
  const connection = await connectUnverified(options)
  if (!connection.ok) return connection
  if (connection.value.certificateSha256 === options.pinnedCertificateSha256) return connection
  connection.value.socket.destroy()
  return refuse(
    'certificate-mismatch',
    'tls',
    'the peer holds another certificate than was verified',
  )
}

/**
 * Connects to whoever answers, to ask for evidence. The caller compares `certificateSha256` with what
 * verified evidence names before it sends anything else.
 */
export async function connectUnverified(
  options: ConnectOptions,
): Promise<Result<AttestedConnection, Problem<'peer-unreachable'>>> {
  const seconds = options.secondsMax ?? attestedTlsLimits.connectSecondsMax
  const socket = connect({
    ...clientOptions(options.tls),
    host: options.host,
    port: options.port,
  })
  const failure = await new Promise<string | undefined>((resolve) => {
    const timer = setTimeout(() => resolve('timed out'), seconds * 1000)
    socket.once('secureConnect', () => {
      clearTimeout(timer)
      resolve(undefined)
    })
    socket.once('error', (error) => {
      clearTimeout(timer)
      resolve(causeOf(error))
    })
  })
  // A connection that breaks later is the world's; whoever needs to know listens for `close`.
  socket.on('error', () => socket.destroy())
  const certificate = socket.getPeerX509Certificate()?.raw
  const certificateSha256 = peerCertificateSha256(socket)
  if (failure !== undefined || certificate === undefined || certificateSha256 === undefined) {
    socket.destroy()
    return refuse('peer-unreachable', 'tls', `no connection (${failure ?? 'no certificate'})`)
  }
  return ok({ socket, certificateSha256, certificate: new Uint8Array(certificate) })
}

/** A certificate chain is not looked at: the pin is what is compared, after the handshake proved it. */
function clientOptions(tls: TlsIdentity): ConnectionOptions {
  return {
    key: tls.privateKeyPem,
    cert: tls.certificatePem,
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    rejectUnauthorized: false,
  }
}
