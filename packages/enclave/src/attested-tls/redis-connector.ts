import type { TLSSocket } from 'node:tls'
import { failure } from '../peers/index.ts'
import type { AttestedTls } from './attested-tls.ts'
import { type AttestedConnection, type ConnectOptions, connectAttested } from './connect.ts'
import { ConnectFailure } from './connect-failure.ts'

/** What ioredis makes one of for each client, and asks for a connection whenever it needs another. */
export interface RedisConnector {
  connect(): Promise<TLSSocket>
  check(): boolean
  disconnect(): void
}

/**
 * A class for the option `Connector` of ioredis: each connection is to an attested peer, verified before a command is
 * sent. The library's type for it is a class with private parts of its own, which this one is taken for. What went wrong otherwise is a {@link ConnectFailure}, which the client emits as `error`.
 */
export function attestedRedisConnector<Connector = new () => RedisConnector>(
  attested: AttestedTls,
  options: ConnectOptions & {
    readonly onConnected?: (connection: AttestedConnection) => void
  },
): Connector {
  const connector = class implements RedisConnector {
    #socket: TLSSocket | undefined
    #isWanted = false
    async connect(): Promise<TLSSocket> {
      this.#isWanted = true
      const connection = await connectAttested(attested, options)
      if (!connection.ok) throw new ConnectFailure(connection.problem)
      if (!this.#isWanted) {
        connection.value.socket.destroy()
        throw new ConnectFailure(
          failure('unavailable', 'peer-unreachable', 'tls', 'The client was ended meanwhile.')
            .problem,
        )
      }
      this.#socket = connection.value.socket
      options.onConnected?.(connection.value)
      return this.#socket
    }
    check(): boolean {
      return true
    }
    disconnect(): void {
      this.#isWanted = false
      this.#socket?.destroy()
    }
  }
  return connector as Connector
}
