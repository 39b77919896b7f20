import type { FastifyInstance } from 'fastify'
import type { TlsIdentity } from '../identity/tls-identity.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'
import type { ServerLimits } from './limits.ts'

export interface ServerOptions {
  readonly name: string
  readonly logger: Logger
  readonly metrics?: Metrics
  /** Those of `serverLimits` unless said. */
  readonly limits?: Partial<ServerLimits>
  /** Attested TLS 1.3 with a client certificate; plain HTTP without. */
  readonly tls?: TlsIdentity
  /** Whether the service can work; `/healthz` answers 503 while it cannot. */
  readonly healthy?: () => boolean
}

export interface Server {
  /** For routes. Bodies are JSON up to the limit; other media types need a parser of the service's own. */
  readonly app: FastifyInstance
  /** On 127.0.0.1; 0 for any free port, unless said. */
  listen(port?: number): Promise<{ readonly port: number }>
  /** Stops accepting, waits for requests under way, then ends all connections. */
  close(): Promise<void>
}

/** An HTTP server with limits, time-outs, `/healthz`, problems as answers, and no request data in logs. */
export function createServer(_options: ServerOptions): Server {
  throw new Error('under construction')
}
