/**
 * Attested TLS: what is read on a connection before its own protocol begins, and what is made of it.
 *
 * The evidence itself is in the certificate: see `ra-tls`.
 *
 * @module
 */

import { createECDH, createPrivateKey, sign } from 'node:crypto'
import { Readable } from 'node:stream'
import { base64UrlOf, concat, equalBytes, type Result, utf8Of } from '@sealward/attestation/bytes'
import { proofIn } from '../../../packages/enclave/src/attested-tls/attest-session.ts'
import {
  encodeFrame,
  type Frame,
  readFrame,
} from '../../../packages/enclave/src/attested-tls/frame.ts'
import type { FuzzTarget } from './targets.ts'

export const attestedTlsParsers: Readonly<Record<string, FuzzTarget['run']>> = {
  'attested-frame': async (input) => {
    const [whole, inPieces] = [await readingOf([input]), await readingOf(piecesOf(input))]
    if (!isSameReading(whole, inPieces)) throw new Error('read differently as a whole')
    if (!inPieces.ok) return inPieces
    const { kind, content } = inPieces.value
    const written = encodeFrame(kind, content)
    if (!equalBytes(written, input.subarray(0, written.length))) {
      throw new Error('another frame than the one that came')
    }
    const proof = proofIn(inPieces.value, publicJwk, signed)
    if (!proof.ok && !isPlain(proof.problem.detail)) throw new Error('words of theirs in ours')
    return whole
  },
}

/** Inputs to start from, each accepted. */
export function attestedTlsSeeds(): Readonly<Record<string, readonly Uint8Array[]>> {
  const key = createPrivateKey({ key: { ...publicJwk, d }, format: 'jwk' })
  const proof = sign('sha256', signed, { key, dsaEncoding: 'ieee-p1363' })
  const frames = [
    encodeFrame('proof', proof),
    encodeFrame('proof', new Uint8Array(64)),
    encodeFrame('refused', utf8Of('wrong-deployment')),
    encodeFrame('unavailable', utf8Of('busy')),
    encodeFrame('refused', new Uint8Array(255).fill(0x61)),
    encodeFrame('refused', new Uint8Array()),
  ]
  return { 'attested-frame': frames }
}

type Reading = Result<
  Frame,
  { readonly code: string; readonly at: string; readonly detail: string }
>

async function readingOf(pieces: Iterable<Uint8Array>): Promise<Reading> {
  const stream = Readable.from(pieces, { objectMode: false })
  const frame = await readFrame(stream)
  stream.destroy()
  return frame
}

/** What comes in pieces may be a frame before more than a frame is there. */
function isSameReading(whole: Reading, inPieces: Reading): boolean {
  if (whole.ok !== inPieces.ok) return !whole.ok && whole.problem.code === 'early-data'
  return whole.ok && inPieces.ok
    ? whole.value.kind === inPieces.value.kind &&
        equalBytes(whole.value.content, inPieces.value.content)
    : !whole.ok && !inPieces.ok && whole.problem.code === inPieces.problem.code
}

/** Sentences of ours, with a word of theirs at most. */
function isPlain(detail: string): boolean {
  return /^[A-Za-z ,.'()0-9-]{1,160}$/.test(detail)
}

/** The input in pieces, whose lengths are its own bytes. */
function* piecesOf(input: Uint8Array): Generator<Uint8Array> {
  for (let from = 0; from < input.length; ) {
    const to = from + 1 + ((input[from] ?? 0) % 61)
    yield input.subarray(from, to)
    from = to
  }
}

/** The same key each time, so that a proof that was kept goes on being one. */
const ecdh = createECDH('prime256v1')
ecdh.setPrivateKey(Buffer.alloc(32, 7))
const point = ecdh.getPublicKey()
const d = base64UrlOf(ecdh.getPrivateKey())
const publicJwk = {
  kty: 'EC',
  crv: 'P-256',
  x: base64UrlOf(point.subarray(1, 33)),
  y: base64UrlOf(point.subarray(33)),
  use: 'sig',
  alg: 'ES256',
  kid: 'a key',
} as const
const signed = concat(utf8Of('sealward attested tls 1: client\0'), new Uint8Array(96))
