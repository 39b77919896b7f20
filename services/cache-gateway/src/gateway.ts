/**
 * The cache gateway: a Redis server whose clients are attested workloads, and nobody else.
 *
 * @module
 */

import { type Admission, type AttestedTls, listenAttested } from '@sealward/enclave/attested-tls'
import type { Clock } from '@sealward/enclave/server'
import type { Logger } from '@sealward/enclave/telemetry'
import { serveConnection } from './connection.ts'
import { limits } from './limits.ts'
import type { Store } from './store.ts'

export { createInProcessStore } from './in-process-store.ts'
export { createRedisStore } from './redis-store.ts'
export { type SetOptions, type Store, StoreUnavailable } from './store.ts'

export interface GatewayOptions {
  readonly attested: AttestedTls
  /** Says whose token is let in. */
  readonly admission: Admission
  readonly store: Store
  readonly clock: Clock
  readonly log: Logger
  /** 0 for any free one, unless said. */
  readonly port?: number
}

export interface Gateway {
  readonly port: number
  close(): Promise<void>
}

/**
 * Listens for attested clients on 127.0.0.1, attested TLS, RESP2 and RESP3 inside.
 *
 * @see docs/spec/cache-gateway.md
 */
export async function createGateway(options: GatewayOptions): Promise<Gateway> {
  const { attested, store, log } = options
  if (store.kind === 'in-process') log.warn('store-in-process')
  const listener = await listenAttested({
    attested,
    clients: ['platform'],
    onRefused: ({ code }) => log.warn('connection-refused', { code }),
    port: options.port ?? 0,
    connectionsMax: limits.connectionsMax,
    onConnection: (socket) => {
      void serveConnection(socket, options)
    },
  })
  return {
    port: listener.port,
    close: async () => {
      await listener.close(drainSeconds)
      await store.close()
    },
  }
}

/** Clients keep idle connections open; what they wait for takes milliseconds. */
const drainSeconds = 1
