/**
 * The HTTP shell of every service.
 *
 * @module
 */

import { createServer as createHttpServer, type Server as HttpServer } from 'node:http'
import { createServer as createHttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import type { Server as TlsServer } from 'node:tls'
import type { Problem } from '@sealward/attestation/bytes'
import { type FastifyError, type FastifyInstance, type FastifyReply, fastify } from 'fastify'
import {
  type AttestedServing,
  attestConnections,
  attestedServerOptions,
} from '../attested-tls/index.ts'
import type { Logger, Metrics } from '../telemetry/index.ts'
import { type ServerLimits, serverLimits } from './limits.ts'
import { sendProblem } from './problem.ts'

declare module 'fastify' {
  interface FastifyContextConfig {
    /** Whether a route takes bodies as they come, and says itself how long it waits for them. */
    readonly streams?: boolean
  }
}

export interface ServerOptions {
  readonly name: string
  readonly logger: Logger
  readonly metrics?: Metrics
  /** Those of `serverLimits` unless said. */
  readonly limits?: Partial<ServerLimits>
  /** Attested TLS, and who is let in; plain HTTP without. */
  readonly tls?: Omit<AttestedServing, 'onRefused'>
  /** Whether the service can work, or the code of why it cannot; `/healthz` answers 503 while it cannot. */
  readonly healthy?: () => boolean | string
}

export interface Server {
  /** For routes. Bodies are JSON up to the limit; other media types need a parser of the service's own. */
  readonly app: FastifyInstance
  /** On any free port of 127.0.0.1, unless said. */
  listen(port?: number, address?: string): Promise<{ readonly port: number }>
  /** Stops accepting, waits for requests under way, then ends all connections. */
  close(): Promise<void>
}

/** Codes of problems that the shell itself answers with. */
export type ServerCode =
  | 'malformed'
  | 'not-found'
  | 'body-too-large'
  | 'media-type-unsupported'
  | 'stopping'
  | 'internal'

/** An HTTP server with limits, time-outs, `/healthz`, problems as answers, and no request data in logs. */
export function createServer(options: ServerOptions): Server {
  const limits = { ...serverLimits, ...options.limits }
  const { logger, healthy = () => true } = options
  let rawServer: HttpServer | undefined

  const app = fastify({
    logger: false,
    bodyLimit: limits.bodyBytesMax,
    keepAliveTimeout: limits.keepAliveSeconds * 1000,
    maxRequestsPerSocket: limits.requestsPerConnectionMax,
    forceCloseConnections: 'idle',
    return503OnClosing: true,
    routerOptions: { maxParamLength: limits.pathCharactersMax, ignoreTrailingSlash: false },
    frameworkErrors: (error, _request, reply) => {
      sendProblem(reply as unknown as FastifyReply, statusOf(error), shellProblemOf(error))
    },
    clientErrorHandler: (_error, socket) => {
      if (socket.writable) socket.end('HTTP/1.1 400 Bad Request\r\nconnection: close\r\n\r\n')
      else socket.destroy()
    },
    serverFactory: (handler) => {
      rawServer = createRawServer(options, limits, handler)
      return rawServer
    },
  })

  app.setErrorHandler((error: FastifyError, _request, reply) => {
    const status = statusOf(error)
    if (status >= 500) logger.thrown('request-failed', error)
    return sendProblem(reply, status, shellProblemOf(error))
  })
  app.setNotFoundHandler((_request, reply) =>
    sendProblem(reply, 404, { code: 'not-found', at: '', detail: 'There is nothing here.' }),
  )
  app.addHook('onRequest', async ({ raw, routeOptions }) => {
    if (raw.complete || routeOptions.config?.streams === true) return
    const late = setTimeout(() => raw.complete || raw.destroy(), limits.requestSecondsMax * 1000)
    raw.once('close', () => clearTimeout(late))
  })
  app.addHook('onSend', async (_request, reply) => {
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store')
    reply.header('x-content-type-options', 'nosniff')
  })
  const requests = options.metrics?.counter('sealward_http_requests_total', 'Requests answered.')
  const seconds = options.metrics?.histogram(
    'sealward_http_request_seconds',
    'From the first byte of a request to the last of its answer.',
    [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10],
  )
  app.addHook('onResponse', async (request, reply) => {
    // The pattern, never the path: a path may name a patient.
    const route = request.routeOptions.url
    const { method } = request
    const status = reply.statusCode
    requests?.add({ method, status: String(status), ...(route === undefined ? {} : { route }) })
    seconds?.observe(reply.elapsedTime / 1000, route === undefined ? {} : { route })
    const fields = {
      method,
      status,
      durationMs: Math.round(reply.elapsedTime * 10) / 10,
      ...(route === undefined ? {} : { route }),
    }
    if (route === '/healthz') logger.debug('request', fields)
    else logger.info('request', fields)
  })
  app.get('/healthz', async (_request, reply) => {
    const health = healthy()
    if (health === true) return reply.send({ status: 'ok' })
    const code = health === false ? {} : { code: health }
    return reply.code(503).send({ status: 'unavailable', ...code })
  })

  return {
    app,
    async listen(port = 0, address = '127.0.0.1') {
      await app.listen({ port, host: address })
      return { port: (app.server.address() as AddressInfo).port }
    },
    async close() {
      const timer = setTimeout(
        () => rawServer?.closeAllConnections(),
        limits.drainSecondsMax * 1000,
      )
      // A connection whose last request has been answered is idle, and kept open by its client.
      const sweep = setInterval(() => rawServer?.closeIdleConnections(), 50)
      await app.close()
      clearInterval(sweep)
      clearTimeout(timer)
    },
  }
}

function createRawServer(
  { tls, logger }: ServerOptions,
  limits: ServerLimits,
  handler: (request: never, response: never) => void,
): HttpServer {
  const http = {
    maxHeaderSize: limits.headerBytesMax,
    headersTimeout: limits.headersSecondsMax * 1000,
    // Routes that stream have limits of their own: a request is timed once its route is known.
    requestTimeout: 0,
    keepAliveTimeout: limits.keepAliveSeconds * 1000,
    connectionsCheckingInterval: 1000,
  }
  const listener = handler as unknown as Parameters<typeof createHttpServer>[1]
  const server =
    tls === undefined
      ? createHttpServer(http, listener)
      : (createHttpsServer(
          { ...http, ...attestedServerOptions(tls.attested.identity.tls) },
          listener,
        ) as unknown as HttpServer)
  server.maxConnections = limits.connectionsMax
  server.maxRequestsPerSocket = limits.requestsPerConnectionMax
  if (tls !== undefined) {
    attestConnections(server as unknown as TlsServer, {
      ...tls,
      onRefused: ({ code }) => logger.warn('connection-refused', { code }),
    })
  }
  return server
}

function statusOf(error: FastifyError): number {
  const { statusCode = 500 } = error
  return statusCode >= 400 && statusCode <= 599 ? statusCode : 500
}

/** Fastify's own messages repeat what was asked for; these never do. */
function shellProblemOf(error: FastifyError): Problem<ServerCode> {
  const status = statusOf(error)
  if (status === 413)
    return { code: 'body-too-large', at: 'body', detail: 'The body is too large.' }
  if (status === 415) {
    return {
      code: 'media-type-unsupported',
      at: 'content-type',
      detail: 'No route here takes this media type.',
    }
  }
  if (status === 503) return { code: 'stopping', at: '', detail: 'The service is stopping.' }
  if (status < 500) return { code: 'malformed', at: '', detail: 'The request cannot be read.' }
  return { code: 'internal', at: '', detail: 'Something is wrong on our side.' }
}
