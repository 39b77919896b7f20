import type { Problem } from '@sealward/attestation/bytes'
import type { Logger } from '../telemetry/index.ts'
import { sendProblem } from './problem.ts'
import { createServer, type ServerOptions } from './server.ts'

/** Says that a service is there and what it waits for, before it can do anything. */
export interface WaitingAnswer {
  /** What `/healthz` says from now on. */
  why(problem: Problem): void
  /** To be called before the service itself listens there. */
  close(): Promise<void>
}

/**
 * Answers 503 where the service will listen, `/healthz` with what it waits for: whoever asks meanwhile tries again, which nobody
 * does to whom nothing is found. On any free port (0) nobody would know where, so nothing answers.
 */
export async function answerWhileWaiting(options: {
  readonly name: string
  readonly logger: Logger
  readonly tls?: NonNullable<ServerOptions['tls']>
  readonly port: number
}): Promise<WaitingAnswer> {
  let code = 'starting'
  const server = createServer({ ...options, healthy: () => code })
  server.app.addHook('onRequest', async (request, reply) => {
    if (request.routeOptions.url === '/healthz') return undefined
    const starting = { code: 'starting', at: 'service', detail: 'The service is starting.' }
    // Nothing of a body is waited for, and no connection is kept for the service that comes.
    return sendProblem(
      reply.header('retry-after', '1').header('connection', 'close'),
      503,
      starting,
    )
  })
  if (options.port !== 0) await server.listen(options.port)
  return {
    why(problem) {
      code = problem.code
    },
    close: () => server.close(),
  }
}
