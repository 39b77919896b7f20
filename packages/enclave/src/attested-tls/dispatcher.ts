import type { TeeRole } from '@sealward/attestation/evidence'
import { Agent, type buildConnector } from 'undici'
import type { PeerFailure } from '../peers/index.ts'
import type { AttestedTls } from './attested-tls.ts'
import { connectAttested } from './connect.ts'

export interface DispatcherOptions {
  /** What whoever is reached must be. */
  readonly role: TeeRole
  /** Connections to one origin; 4 unless said. */
  readonly connections?: number
}

/**
 * An undici dispatcher each of whose connections is to an attested peer, verified before anything is sent to it. What
 * went wrong otherwise is a {@link ConnectFailure}.
 */
export function createAttestedDispatcher(attested: AttestedTls, options: DispatcherOptions): Agent {
  return new Agent({
    connections: options.connections ?? 4,
    pipelining: 1,
    connect: attestedConnector(attested, options),
  })
}

/** Leaves a connector, of undici's or of others, which know no other way to say what went wrong. */
export class ConnectFailure extends Error {
  override readonly name = 'ConnectFailure'
  readonly code: string
  readonly problem: PeerFailure
  constructor(problem: PeerFailure) {
    super(problem.detail)
    this.code = problem.code
    this.problem = problem
  }
}

/** A connector for undici that lets nothing through but an attested peer, and nothing but TLS. */
function attestedConnector(
  attested: AttestedTls,
  { role }: DispatcherOptions,
): buildConnector.connector {
  return ({ protocol, hostname: host, port }, answer) => {
    if (protocol !== 'https:') {
      const detail = 'Attested peers are met over TLS only.'
      answer(
        new ConnectFailure({ kind: 'refused', code: 'tls-handshake', at: 'url', detail }),
        null,
      )
      return
    }
    connectAttested(attested, { host, port: Number(port || 443), role }).then(
      (connection) => {
        if (!connection.ok) return answer(new ConnectFailure(connection.problem), null)
        connection.value.socket.setNoDelay(true)
        answer(null, connection.value.socket)
      },
      (error: unknown) => answer(error as Error, null),
    )
  }
}
