import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls'
import { ok, type Result } from '@sealward/attestation/bytes'
import type { TeeRole } from '@sealward/attestation/evidence'
import { causeOf } from '../http/http-client.ts'
import type { TlsIdentity } from '../identity/index.ts'
import { failure, type PeerFailure } from '../peers/index.ts'
import { type AttestedSession, attestSession } from './attest-session.ts'
import type { AttestedTls } from './attested-tls.ts'
import { askBeforeWrites, endWhenDenied } from './keep-asking.ts'
import { attestedTlsLimits } from './limits.ts'

export interface ConnectOptions {
  readonly host: string
  readonly port: number
  /** What the server must be. */
  readonly role: TeeRole
  /** What is shown; the present certificate unless said. */
  readonly own?: TlsIdentity
  /** For the handshake; 10 unless said. */
  readonly secondsMax?: number
}

export interface AttestedConnection extends AttestedSession {
  readonly socket: TLSSocket
}

/**
 * Connects, verifies who answers by the evidence in its certificate, and proves both ends to each other. Nothing else
 * is sent to anybody before that.
 *
 * @returns the connection; or why there is none: a code of verifying a peer, or one of docs/spec/problem-codes.md,
 *   "Attested TLS".
 */
export async function connectAttested(
  attested: AttestedTls,
  options: ConnectOptions,
): Promise<Result<AttestedConnection, PeerFailure>> {
  const { host, port, role, own = attested.identity.tls } = options
  const socket = connect({ ...clientOptions(own), host, port })
  let isTaken = false
  try {
    const reached = await handshake(socket, options.secondsMax)
    if (!reached.ok) return reached
    const session = await attestSession(attested, socket, 'client', [role])
    if (!session.ok) return session
    askBeforeWrites(attested, socket, session.value)
    endWhenDenied(attested, socket, session.value)
    isTaken = true
    return ok({ ...session.value, socket })
  } finally {
    if (!isTaken) socket.destroy()
  }
}

async function handshake(
  socket: TLSSocket,
  secondsMax: number = attestedTlsLimits.connectSecondsMax,
): Promise<Result<true, PeerFailure>> {
  const outcome = await new Promise<string | undefined>((resolve) => {
    const timer = setTimeout(() => resolve('timed out'), secondsMax * 1000)
    const settle = (cause?: string): void => {
      clearTimeout(timer)
      resolve(cause)
    }
    socket.once('secureConnect', () => settle())
    socket.once('error', (error) => settle(causeOf(error)))
    socket.once('close', () => settle('closed'))
  })
  // A connection that breaks later is the world's; whoever needs to know listens for `close`.
  socket.on('error', () => socket.destroy())
  if (outcome === undefined) return ok(true)
  return outcome.startsWith('ERR_SSL') || outcome === 'EPROTO'
    ? failure(
        'refused',
        'tls-handshake',
        'tls',
        `The peer does not speak TLS 1.3 with us (${outcome}).`,
      )
    : failure('unavailable', 'peer-unreachable', 'tls', `no connection (${outcome})`)
}

/** A certificate chain is not looked at: the evidence in the certificate is, after the handshake proved its key. */
function clientOptions(own: TlsIdentity): ConnectionOptions {
  return {
    key: own.privateKeyPem,
    cert: own.certificatePem,
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    rejectUnauthorized: false,
  }
}
