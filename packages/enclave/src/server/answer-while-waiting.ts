import type { Problem } from '@sealward/attestation/bytes'
import type { Logger } from '../telemetry/index.ts'
import { createServer, type ServerOptions } from './server.ts'

/** Says that a service is there and what it waits for, before it can do anything. */
export interface WaitingAnswer {
  /** What `/healthz` says from now on. */
  why(problem: Problem): void
  /** To be called before the service itself listens there. */
  close(): Promise<void>
}

/** Answers `/healthz` where the service will listen; on any free port (0) nobody would know where, so nothing does. */
export async function answerWhileWaiting(options: {
  readonly name: string
  readonly logger: Logger
  readonly tls?: NonNullable<ServerOptions['tls']>
  readonly port: number
}): Promise<WaitingAnswer> {
  let code = 'starting'
  const server = createServer({ ...options, healthy: () => code })
  if (options.port !== 0) await server.listen(options.port)
  return {
    why(problem) {
      code = problem.code
    },
    close: () => server.close(),
  }
}
