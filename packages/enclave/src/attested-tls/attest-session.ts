/**
 * What both ends of a connection do between the handshake and the first byte of a request.
 *
 * @see docs/spec/attested-tls.md
 * @module
 */

import type { TLSSocket } from 'node:tls'
import { ok, type Result, textOf, utf8Of } from '@sealward/attestation/bytes'
import type { IdentityKeyJwk, TeeRole } from '@sealward/attestation/evidence'
import type { TlsIdentity } from '../identity/index.ts'
import { failure, failureOf, type PeerFailure } from '../peers/index.ts'
import type { AttestedTls } from './attested-tls.ts'
import { encodeFrame, type Frame, readFrame } from './frame.ts'
import { attestedTlsLimits } from './limits.ts'
import type { AttestedPeer } from './peer-certificates.ts'
import { isSessionProof, proofBytes, type Side, sessionBytes } from './session-proof.ts'

/** A connection both ends of which have been verified. */
export interface AttestedSession extends AttestedPeer {
  /** What this end showed on it. */
  readonly own: TlsIdentity
}

/** Who is at the other end of a connection; `undefined` before both ends have been verified, and for any other socket. */
export function attestedSessionOf(socket: object): AttestedSession | undefined {
  return sessions.get(socket)
}

const sessions = new WeakMap<object, AttestedSession>()

/**
 * Verifies the other end of a connection whose handshake is over, and proves itself to it. Nothing that belongs to the
 * connection's own protocol is sent or read meanwhile. The socket stays open when it fails: whoever asked destroys it.
 *
 * @param roles - what the other end may be.
 */
export async function attestSession(
  attested: AttestedTls,
  socket: TLSSocket,
  side: Side,
  roles: readonly TeeRole[],
): Promise<Result<AttestedSession, PeerFailure>> {
  const late = setTimeout(() => socket.destroy(), 1000 * attestedTlsLimits.attestationSecondsMax)
  try {
    const session = await (side === 'client' ? asClient : asServer)(attested, socket, roles)
    // Time for the stream to forget that it was read here: it belongs to another reader now.
    await new Promise((resolve) => setImmediate(resolve))
    if (!session.ok) return session
    // Whoever has left meanwhile is nobody to be served: `close` does not come a second time.
    if (socket.destroyed) {
      return failure('unavailable', 'peer-unreachable', 'tls', 'The connection has ended.')
    }
    sessions.set(socket, session.value)
    return session
  } finally {
    clearTimeout(late)
  }
}

/** Who serves is verified before it learns anything, then proves itself after it has verified us. */
async function asClient(
  attested: AttestedTls,
  socket: TLSSocket,
  roles: readonly TeeRole[],
): Promise<Result<AttestedSession, PeerFailure>> {
  const ends = endsOf(attested, socket, 'client')
  if (!ends.ok) return ends
  const { own, server, client, certificates } = ends.value
  const peer = await attested.peers.verify(certificates.server, roles)
  if (!peer.ok) return peer
  socket.write(encodeFrame('proof', await attested.identity.sign(client)))
  const proof = await proofFrom(socket, peer.value, server)
  return proof.ok ? ok({ ...peer.value, own }) : proof
}

async function asServer(
  attested: AttestedTls,
  socket: TLSSocket,
  roles: readonly TeeRole[],
): Promise<Result<AttestedSession, PeerFailure>> {
  const ends = endsOf(attested, socket, 'server')
  if (!ends.ok) return answered(socket, ends)
  const { own, server, client, certificates } = ends.value
  const frame = await readFrame(socket)
  if (!frame.ok) return answered(socket, failureOf(kindOf(frame.problem), frame.problem))
  const peer = await attested.peers.verify(certificates.client, roles)
  if (!peer.ok) return answered(socket, peer)
  const proof = proofIn(frame.value, identityKeyOf(peer.value), client)
  if (!proof.ok) return answered(socket, proof)
  socket.write(encodeFrame('proof', await attested.identity.sign(server)))
  return ok({ ...peer.value, own })
}

interface Ends {
  readonly own: TlsIdentity
  readonly certificates: Readonly<Record<Side, Uint8Array>>
  /** What the server signs, and what the client signs. */
  readonly server: Uint8Array
  readonly client: Uint8Array
}

function endsOf(
  { identity }: AttestedTls,
  socket: TLSSocket,
  side: Side,
): Result<Ends, PeerFailure> {
  if (socket.isSessionReused()) {
    return failure('refused', 'session-resumed', 'tls', 'A resumed session proves no key.')
  }
  const peer = socket.getPeerX509Certificate()?.raw
  if (peer === undefined) {
    return failure('refused', 'certificate-missing', 'tls', 'The peer shows no certificate.')
  }
  const shown = socket.getX509Certificate()
  const own = shown && identity.shownTls(sha256NameOf(shown.fingerprint256))
  if (own === undefined) {
    return failure('unavailable', 'certificate-ended', 'tls', 'Our own certificate has ended.')
  }
  const certificates =
    side === 'client'
      ? { client: own.certificate, server: new Uint8Array(peer) }
      : { client: new Uint8Array(peer), server: own.certificate }
  return ok({
    own,
    certificates,
    server: sessionBytes(socket, 'server', certificates),
    client: sessionBytes(socket, 'client', certificates),
  })
}

/** `AA:BB:…` as base64url. */
function sha256NameOf(fingerprint: string): string {
  return Buffer.from(fingerprint.replaceAll(':', ''), 'hex').toString('base64url')
}

async function proofFrom(
  socket: TLSSocket,
  peer: AttestedPeer,
  signed: Uint8Array,
): Promise<Result<true, PeerFailure>> {
  const frame = await readFrame(socket)
  if (!frame.ok) return failureOf(kindOf(frame.problem), frame.problem)
  return proofIn(frame.value, identityKeyOf(peer), signed)
}

function identityKeyOf({ peer }: AttestedPeer): IdentityKeyJwk {
  return peer.runtimeData.keys[0]
}

/** Whether a frame is a proof by `key` over what should be signed; or why the other side gives none. */
export function proofIn(
  { kind, content }: Frame,
  key: IdentityKeyJwk,
  signed: Uint8Array,
): Result<true, PeerFailure> {
  if (kind !== 'proof') {
    // Their code is a word of theirs: passed on only where it is one.
    const said = textOf(content) ?? ''
    const word = /^[a-z0-9-]{1,64}$/.test(said) ? said : 'without a code'
    const detail = `The peer does not let us in (${word}).`
    return failure(kind === 'refused' ? 'refused' : 'unavailable', 'refused-by-peer', 'tls', detail)
  }
  const isProof = content.length === proofBytes && isSessionProof(key, signed, content)
  return isProof
    ? ok(true)
    : failure(
        'refused',
        'session-proof',
        'tls',
        'The peer does not hold, on this connection, the key that its evidence names.',
      )
}

function kindOf({ code }: { readonly code: string }): PeerFailure['kind'] {
  return code === 'peer-unreachable' ? 'unavailable' : 'refused'
}

/** Tells the client why, by the code alone. */
function answered<T extends { readonly ok: false; readonly problem: PeerFailure }>(
  socket: TLSSocket,
  refusal: T,
): T {
  const { kind, code } = refusal.problem
  if (socket.writable) socket.end(encodeFrame(kind, utf8Of(code.slice(0, 64))))
  return refusal
}
