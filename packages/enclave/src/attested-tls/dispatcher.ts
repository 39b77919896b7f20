import { Agent, type buildConnector } from 'undici'
import type { TlsIdentity } from '../identity/tls-identity.ts'
import { type AttestedConnection, type ConnectCode, connectAttested } from './connect.ts'

export interface DispatcherOptions {
  readonly tls: TlsIdentity
  /** Base64url SHA-256 of the DER. */
  readonly pinnedCertificateSha256: string
  /** Connections to one origin; 1 unless said. An access token is let in on one connection only. */
  readonly connections?: number
}

/** An undici dispatcher that talks with the holder of one certificate and with nobody else. */
export function createAttestedDispatcher(options: DispatcherOptions): Agent {
  return new Agent({
    connections: options.connections ?? 1,
    pipelining: 1,
    connect: pinnedConnector(options),
  })
}

/** Leaves a connector of undici's, which knows no other way to say what went wrong. */
export class ConnectFailure extends Error {
  override readonly name = 'ConnectFailure'
  readonly code: ConnectCode
  constructor(code: ConnectCode, detail: string) {
    super(detail)
    this.code = code
  }
}

/** A connector for undici that lets nothing through but the pinned certificate, and nothing but TLS. */
export function pinnedConnector(
  options: Pick<DispatcherOptions, 'tls' | 'pinnedCertificateSha256'>,
): buildConnector.connector {
  return (target, answer) => {
    if (target.protocol !== 'https:') {
      answer(new ConnectFailure('peer-unreachable', 'attested peers are met over TLS only'), null)
      return
    }
    connectAttested({ ...options, host: target.hostname, port: Number(target.port) }).then(
      (connection) => settle(connection, answer),
      (error: unknown) => answer(error as Error, null),
    )
  }
}

function settle(
  connection: Awaited<ReturnType<typeof connectAttested>>,
  answer: buildConnector.Callback,
): void {
  if (connection.ok) answer(null, socketOf(connection.value))
  else answer(new ConnectFailure(connection.problem.code, connection.problem.detail), null)
}

function socketOf(connection: AttestedConnection): AttestedConnection['socket'] {
  connection.socket.setNoDelay(true)
  return connection.socket
}
