import { constants as cryptoConstants } from 'node:crypto'
import { type IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { createServer, type Server, type TLSSocket, type TlsOptions } from 'node:tls'
import type { Result } from '@sealward/attestation/bytes'
import type { TeeRole } from '@sealward/attestation/evidence'
import type { TlsIdentity } from '../identity/index.ts'
import { failure, type PeerFailure } from '../peers/index.ts'
import { type AttestedSession, attestedSessionOf, attestSession } from './attest-session.ts'
import type { AttestedTls } from './attested-tls.ts'
import { endWhenDenied } from './keep-asking.ts'
import { attestedTlsLimits } from './limits.ts'

/** Who is let in on a listener of attested TLS. */
export interface AttestedServing {
  readonly attested: AttestedTls
  /** What clients may be. */
  readonly clients: readonly TeeRole[]
  /** Told why a connection was refused. */
  readonly onRefused?: (problem: PeerFailure) => void
}

/**
 * Options for `node:tls` and `node:https` servers: TLS 1.3 only, a client certificate asked for, no CA. A server that is
 * made with them is to be given to {@link attestConnections}.
 */
export function attestedServerOptions(own: TlsIdentity): TlsOptions {
  return {
    key: own.privateKeyPem,
    cert: own.certificatePem,
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    requestCert: true,
    rejectUnauthorized: false,
    secureOptions: cryptoConstants.SSL_OP_NO_TICKET,
    handshakeTimeout: attestedTlsLimits.handshakeSecondsMax * 1000,
  }
}

/**
 * Puts verification before whatever `server` does with a connection: it gets those whose both ends have been verified,
 * and no other. What it shows follows the identity.
 */
export function attestConnections(server: Server, serving: AttestedServing): void {
  const { attested, clients, onRefused } = serving
  const serve = server.listeners('secureConnection') as ((socket: TLSSocket) => void)[]
  server.removeAllListeners('secureConnection')
  server.on('secureConnection', (socket: TLSSocket) => {
    // A connection that breaks is the world's; whoever needs to know listens for `close`.
    socket.on('error', () => socket.destroy())
    attestSession(attested, socket, 'server', clients).then(
      (session) => {
        if (!session.ok) {
          onRefused?.(session.problem)
          socket.destroySoon()
          return
        }
        endWhenDenied(attested, socket, session.value)
        for (const each of serve) each.call(server, socket)
      },
      () => {
        onRefused?.(broken)
        socket.destroy()
      },
    )
  })
  for (const event of httpEvents) askBeforeRequests(server, event, serving)
  server.on('tlsClientError', (_error, socket) => {
    onRefused?.(
      failure('refused', 'tls-handshake', 'tls', 'A client does not speak TLS 1.3 with us.')
        .problem,
    )
    socket.destroy()
  })
  const forget = attested.identity.onTls((own) =>
    server.setSecureContext(attestedServerOptions(own)),
  )
  server.once('close', forget)
}

/** What a server of `node:https` has of a request; each begins with the request itself. */
const httpEvents = ['request', 'checkContinue', 'checkExpectation', 'upgrade', 'connect'] as const

/**
 * A connection stays open for many requests: before each, its client is asked about. Who was denied since is not heard, nor
 * is anybody while it is not known who is denied. Who was verified long ago is answered, and has to come again: the answer
 * closes the connection. Nobody gets it for another protocol then.
 */
function askBeforeRequests(
  server: Server,
  event: (typeof httpEvents)[number],
  { attested, onRefused }: AttestedServing,
): void {
  const serve = server.listeners(event)
  if (serve.length === 0) return
  server.removeAllListeners(event)
  server.on(event, (request: IncomingMessage, ...more: readonly (ServerResponse | Duplex)[]) => {
    const [answer] = more
    const { socket } = request
    const settle = (stands: Result<true, PeerFailure>): void => {
      const isOver = !stands.ok && stands.problem.code === 'verification-ended'
      if (isOver && answer instanceof ServerResponse) answer.setHeader('connection', 'close')
      if (stands.ok || (isOver && answer instanceof ServerResponse)) {
        for (const each of serve) each.call(server, request, ...more)
        return
      }
      onRefused?.(stands.problem)
      if (answer instanceof ServerResponse) sendRefusal(answer, stands.problem)
      else socket.destroy()
    }
    whetherStands(attested, socket).then(settle, () => {
      onRefused?.(broken)
      socket.destroy()
    })
  })
}

async function whetherStands(
  { peers }: AttestedTls,
  socket: object,
): Promise<Result<true, PeerFailure>> {
  const session = attestedSessionOf(socket)
  return session === undefined
    ? failure('refused', 'certificate-missing', 'tls', 'The client was not verified.')
    : peers.standing(session)
}

const broken: PeerFailure = failure(
  'unavailable',
  'internal',
  'tls',
  'Something is wrong on our side.',
).problem

/** RFC 9457, as all answers of ours have it. */
function sendRefusal(answer: ServerResponse, { kind, code, at, detail }: PeerFailure): void {
  const status = kind === 'refused' ? 403 : 503
  const title = code.replaceAll('-', ' ')
  answer.writeHead(status, {
    'content-type': 'application/problem+json; charset=utf-8',
    'cache-control': 'no-store',
    connection: 'close',
  })
  answer.end(JSON.stringify({ type: `urn:sealward:problem:${code}`, title, status, detail, at }))
}

export interface ListenOptions extends AttestedServing {
  /** A connection whose client was verified. */
  readonly onConnection: (socket: TLSSocket, session: AttestedSession) => void
  /** 0 for any free one, unless said. */
  readonly port?: number
  /** Those beyond it are closed at once; 1024 unless said. */
  readonly connectionsMax?: number
}

export interface AttestedListener {
  readonly port: number
  /** Stops accepting, gives open connections `patienceSeconds` (10 unless said), then ends them. */
  close(patienceSeconds?: number): Promise<void>
}

/** Listens on 127.0.0.1 for attested TLS with a protocol of the caller's inside. */
export async function listenAttested(options: ListenOptions): Promise<AttestedListener> {
  const open = new Set<TLSSocket>()
  const server = createServer(attestedServerOptions(options.attested.identity.tls), (socket) => {
    const session = attestedSessionOf(socket)
    if (session === undefined) {
      socket.destroy()
      return
    }
    options.onConnection(socket, session)
  })
  attestConnections(server, options)
  server.on('secureConnection', (socket: TLSSocket) => {
    open.add(socket)
    socket.once('close', () => open.delete(socket))
  })
  server.maxConnections = options.connectionsMax ?? attestedTlsLimits.connectionsMax
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject)
    server.listen(options.port ?? 0, '127.0.0.1', resolve)
  })
  return {
    port: (server.address() as AddressInfo).port,
    async close(patienceSeconds = 10) {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()))
      const timer = setTimeout(() => {
        for (const socket of open) socket.destroy()
      }, patienceSeconds * 1000)
      await closed
      clearTimeout(timer)
    },
  }
}
