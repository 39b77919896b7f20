/**
 * That whoever speaks on a connection holds the identity key that its evidence names, proved on this very connection.
 *
 * @see RFC 9266, section 4; RFC 8446, section 7.5; docs/spec/attested-tls.md
 * @module
 */

import { createHash, createPublicKey, verify } from 'node:crypto'
import type { TLSSocket } from 'node:tls'
import { concat, utf8Of } from '@sealward/attestation/bytes'
import type { IdentityKeyJwk } from '@sealward/attestation/evidence'

/** Which end of a connection. */
export type Side = 'client' | 'server'

/** What a side signs: which side it is, the handshake as both ends know it, and both certificates. */
export function sessionBytes(
  socket: Pick<TLSSocket, 'exportKeyingMaterial'>,
  side: Side,
  certificates: Readonly<Record<Side, Uint8Array>>,
): Uint8Array {
  return concat(
    utf8Of(`sealward attested tls 1: ${side}\0`),
    socket.exportKeyingMaterial(exporterBytes, exporterLabel, Buffer.alloc(0)),
    sha256Of(certificates.client),
    sha256Of(certificates.server),
  )
}

/** Whether `proof`, r ‖ s, is by `key` over `bytes`. */
export function isSessionProof(key: IdentityKeyJwk, bytes: Uint8Array, proof: Uint8Array): boolean {
  return verify(
    'sha256',
    bytes,
    { key: createPublicKey({ key: { ...key }, format: 'jwk' }), dsaEncoding: 'ieee-p1363' },
    proof,
  )
}

export const proofBytes = 64

/** `tls-exporter` */
const exporterLabel = 'EXPORTER-Channel-Binding'
const exporterBytes = 32

function sha256Of(bytes: Uint8Array): Uint8Array {
  return createHash('sha256').update(bytes).digest()
}
