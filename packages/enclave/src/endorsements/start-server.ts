/**
 * Serves endorsements as Intel's and AMD's services do: for hosts that cannot reach those.
 *
 * @see docs/spec/endorsements.md
 * @module
 */

import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { base64Of, hexOf, type Problem, type Result } from '@sealward/attestation/bytes'
import type { EndorsementPiece } from './item.ts'
import { endorsementsServerLimits as limits } from './limits.ts'
import type { SourceCode } from './problems.ts'
import { chainHeaders } from './remote-source.ts'
import type { EndorsementSource } from './source.ts'
import { type AskedFor, parseTarget } from './target.ts'

export interface EndorsementsServerOptions {
  /** Belongs in it: a cache before the endorsers, or a bundle. It is not closed with the server. */
  readonly source: EndorsementSource
  /** 0 for any free one, unless said. */
  readonly port?: number
  /** 127.0.0.1 unless said. */
  readonly host?: string
  /** Told of each answer: no part of what was asked but its kind. */
  readonly onAnswer?: (answer: {
    readonly kind: string
    readonly status: number
    readonly code?: string
  }) => void
}

export interface EndorsementsServer {
  /** Base URL to hand to a client, for Intel's endorsements and for AMD's. */
  readonly url: string
  readonly port: number
  close(): Promise<void>
}

/**
 * Serves `source` over HTTP.
 *
 * @throws when the address cannot be listened at.
 */
export async function startEndorsementsServer(
  options: EndorsementsServerOptions,
): Promise<EndorsementsServer> {
  const { source, host = '127.0.0.1', onAnswer } = options
  let waiting = 0
  const answerTo = async (method: string, target: string): Promise<Reply> => {
    if (method !== 'GET' && method !== 'HEAD') {
      return { kind: 'none', status: 405, headers: { allow: 'GET, HEAD' } }
    }
    const asked = parseTarget(target)
    if (!asked.ok) return { kind: 'none', status: asked.problem.code === 'bad-query' ? 400 : 404 }
    const { kind } = asked.value.item
    if (waiting >= limits.waitingMax) return { kind, ...later('busy') }
    waiting += 1
    try {
      const piece = await within(limits.answerSecondsMax, source.get(asked.value.item))
      return { kind, ...(piece === undefined ? later('timed-out') : replyOf(asked.value, piece)) }
    } finally {
      waiting -= 1
    }
  }

  const server = createServer(
    {
      maxHeaderSize: limits.headerBytesMax,
      headersTimeout: limits.headersSecondsMax * 1000,
      requestTimeout: limits.requestSecondsMax * 1000,
      keepAliveTimeout: limits.keepAliveSeconds * 1000,
      connectionsCheckingInterval: 1000,
    },
    (request, response) => {
      request.resume()
      answerTo(request.method ?? '', request.url ?? '').then(
        (reply) => send(response, reply, onAnswer),
        () => send(response, { kind: 'none', status: 500, code: 'internal' }, onAnswer),
      )
    },
  )
  server.maxConnections = limits.connectionsMax
  server.maxRequestsPerSocket = limits.requestsPerConnectionMax
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, host, resolve)
  })
  const { port } = server.address() as AddressInfo
  return {
    url: `http://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

interface Reply extends Answer {
  readonly kind: string
}

interface Answer {
  readonly status: number
  readonly code?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
}

function replyOf(
  { item, encoding }: AskedFor,
  piece: Result<EndorsementPiece, Problem<SourceCode>>,
): Answer {
  if (!piece.ok) return refusalOf(piece.problem.code)
  const { body, issuerChain } = piece.value
  const header = chainHeaders[item.kind]
  const chain: Readonly<Record<string, string>> =
    header === undefined || issuerChain === undefined
      ? {}
      : { [header]: encodeURIComponent(issuerChain) }
  switch (item.kind) {
    case 'tcb-info':
    case 'qe-identity':
      return found('application/json', body, chain)
    case 'pck-crl':
      return encoding === 'der'
        ? found('application/pkix-crl', body, chain)
        : found('application/x-pem-file', pemOfList(body), chain)
    case 'root-ca-crl':
      // As a PCCS has it.
      return found('application/pkix-crl', hexOf(body), {})
    case 'amd-crl':
      return found('application/pkix-crl', body, {})
    case 'vcek':
      return found('application/pkix-cert', body, {})
    case 'amd-chain':
      return found('application/x-pem-file', body, {})
  }
}

function found(
  mediaType: string,
  body: string | Uint8Array,
  chain: Readonly<Record<string, string>>,
): Answer {
  return { status: 200, body, headers: { 'content-type': mediaType, ...chain } }
}

/** Intel's statuses: 404 for what it does not know, 410 for what it gave up, 503 for what may work later. */
function refusalOf(code: SourceCode): Answer {
  switch (code) {
    case 'platform-unknown':
    case 'endorsements-missing':
      return { status: 404, code }
    case 'evaluation-withdrawn':
      return { status: 410, code }
    case 'endorsements-unavailable':
    case 'endorsements-rate-limited':
      return later(code)
    case 'endorsements-malformed':
    case 'endorsements-expired':
      // Nobody knows when that will be otherwise: not worth waiting for.
      return { status: 503, code }
  }
}

function later(code: string): Answer {
  return { status: 503, code, headers: { 'retry-after': String(limits.retryAfterSeconds) } }
}

/** Refusals have no body; Intel's have none either. */
function send(
  response: ServerResponse,
  { kind, status, code, headers, body }: Reply,
  onAnswer: EndorsementsServerOptions['onAnswer'],
): void {
  response.writeHead(status, {
    'request-id': crypto.randomUUID().replaceAll('-', ''),
    'content-length': body === undefined ? 0 : Buffer.byteLength(body),
    ...headers,
  })
  response.end(body)
  onAnswer?.({ kind, status, ...(code === undefined ? {} : { code }) })
}

async function within<T>(seconds: number, work: Promise<T>): Promise<T | undefined> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const timer = setTimeout(() => resolve(undefined), seconds * 1000)
  try {
    return await Promise.race([work, promise])
  } finally {
    clearTimeout(timer)
  }
}

function pemOfList(der: Uint8Array): string {
  const lines = base64Of(der).match(/.{1,64}/g) ?? []
  return `-----BEGIN X509 CRL-----\n${lines.join('\n')}\n-----END X509 CRL-----\n`
}
