/**
 * Connections outlive what was believed when they were made: their peers are asked about again.
 *
 * @module
 */

import type { TLSSocket } from 'node:tls'
import type { AttestedSession } from './attest-session.ts'
import type { AttestedTls } from './attested-tls.ts'
import { ConnectFailure } from './connect-failure.ts'

/**
 * Asks about the peer before each write: who was denied since, or verified too long ago, gets not a byte more, whatever
 * library it is that writes. The connection is destroyed with a {@link ConnectFailure} that says why. What was begun while
 * the verification counted is sent to its end: see {@link beginRequest}.
 */
export function askBeforeWrites(
  { peers }: AttestedTls,
  socket: TLSSocket,
  session: AttestedSession,
): void {
  const write = socket._write.bind(socket)
  const writeMany = socket._writev?.bind(socket)
  const asked = async (
    done: (error?: Error | null) => void,
    writeOn: () => void,
  ): Promise<void> => {
    try {
      const stands = await peers.standing(session)
      const request = requests.get(socket)
      if (stands.ok || (stands.problem.code === 'verification-ended' && request?.isSent === true)) {
        if (request !== undefined) request.isSent = true
        writeOn()
      } else done(new ConnectFailure(stands.problem))
    } catch (error) {
      done(error as Error)
    }
  }
  // What a stream's implementer writes with: everything that is sent comes through here, one after the other.
  socket._write = (chunk, encoding, done) => void asked(done, () => write(chunk, encoding, done))
  if (writeMany !== undefined) {
    socket._writev = (chunks, done) => void asked(done, () => writeMany(chunks, done))
  }
}

/**
 * Says that what is written next is one request, until {@link endRequest}: its first byte is sent only while the peer's
 * verification counts, its others also when that ends meanwhile. So `verification-ended` says that nothing was sent.
 */
export function beginRequest(socket: TLSSocket): void {
  requests.set(socket, { isSent: false })
}

export function endRequest(socket: TLSSocket): void {
  requests.delete(socket)
}

const requests = new WeakMap<TLSSocket, { isSent: boolean }>()

/** Ends a connection whose peer was denied, though nothing is sent on it. */
export function endWhenDenied(
  { peers, askAgainSeconds }: AttestedTls,
  socket: TLSSocket,
  session: AttestedSession,
): void {
  const timer = setInterval(() => {
    peers.standing(session).then(
      (stands) => {
        if (!stands.ok && stands.problem.kind === 'refused') socket.destroy()
      },
      () => socket.destroy(),
    )
  }, askAgainSeconds * 1000)
  timer.unref()
  socket.once('close', () => clearInterval(timer))
}
