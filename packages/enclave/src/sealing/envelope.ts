/**
 * The form of everything that a TEE writes outside itself.
 *
 * ```
 * 1 byte    2, the version of the form
 * 1 byte    1 whole, 2 stream
 * 1 byte    1, AES-256-GCM
 * 1 byte    1 under a master key, 2 under a data key
 * 16 bytes  which one
 * whole:    nonce (12) ‖ ciphertext ‖ tag (16)
 * stream:   salt (16) ‖ plaintext bytes of a chunk (4, big-endian) ‖ chunks, each with its tag (16)
 * ```
 *
 * @see docs/spec/sealing.md
 * @module
 */

import {
  bytesOfHex,
  concat,
  hexOf,
  ok,
  type Problem,
  type Result,
  refuse,
} from '@sealward/attestation/bytes'
import { sealingLimits } from './limits.ts'

export type KeyKind = 'master' | 'data'

/** What every envelope begins with. Authenticated, like what follows. */
export interface EnvelopeHead {
  readonly form: 'whole' | 'stream'
  readonly keyKind: KeyKind
  /** 32 hex digits. */
  readonly keyId: string
}

export interface WholeEnvelope extends EnvelopeHead {
  readonly form: 'whole'
  /** The bytes of the head, as they were sealed. */
  readonly head: Uint8Array
  readonly nonce: Uint8Array
  readonly ciphertext: Uint8Array
  readonly tag: Uint8Array
}

/** The beginning of a stream; the chunks follow it. */
export interface StreamEnvelopeHead extends EnvelopeHead {
  readonly form: 'stream'
  readonly head: Uint8Array
  readonly salt: Uint8Array
  readonly chunkBytes: number
}

export type EnvelopeProblem = Problem<'sealed-malformed'>

export const headBytes = 20
export const nonceBytes = 12
export const saltBytes = 16
export const tagBytes = 16
/** Bytes before the first chunk of a stream. */
export const streamHeadBytes: number = headBytes + saltBytes + 4
/** What sealing whole adds to the plaintext. */
export const overheadBytes: number = headBytes + nonceBytes + tagBytes

const formatVersion = 2
const aes256Gcm = 1
const forms = { whole: 1, stream: 2 } as const
const keyKinds = { master: 1, data: 2 } as const

export function encodeHead({ form, keyKind, keyId }: EnvelopeHead): Uint8Array {
  const id = bytesOfHex(keyId)
  if (id?.length !== 16) throw new RangeError('a key id is 32 hex digits')
  return concat(Uint8Array.of(formatVersion, forms[form], aes256Gcm, keyKinds[keyKind]), id)
}

/** Reads what was sealed whole; says nothing about whether it opens. */
export function parseEnvelope(bytes: Uint8Array): Result<WholeEnvelope, EnvelopeProblem> {
  const head = parseHead(bytes, 'whole')
  if (!head.ok) return head
  if (bytes.length < overheadBytes) return malformed(bytes.length, 'the envelope is cut short')
  return ok({
    form: 'whole',
    ...head.value,
    nonce: bytes.subarray(headBytes, headBytes + nonceBytes),
    ciphertext: bytes.subarray(headBytes + nonceBytes, bytes.length - tagBytes),
    tag: bytes.subarray(bytes.length - tagBytes),
  })
}

/** Reads the first {@link streamHeadBytes} of a stream. */
export function parseStreamHead(bytes: Uint8Array): Result<StreamEnvelopeHead, EnvelopeProblem> {
  const head = parseHead(bytes, 'stream')
  if (!head.ok) return head
  if (bytes.length < streamHeadBytes) return malformed(bytes.length, 'the stream is cut short')
  const chunkBytes = new DataView(bytes.buffer, bytes.byteOffset).getUint32(headBytes + saltBytes)
  if (chunkBytes < sealingLimits.chunkBytesMin || chunkBytes > sealingLimits.chunkBytesMax) {
    return malformed(headBytes + saltBytes, 'chunks are of a size that is not read')
  }
  return ok({
    form: 'stream',
    ...head.value,
    head: bytes.slice(0, streamHeadBytes),
    salt: bytes.slice(headBytes, headBytes + saltBytes),
    chunkBytes,
  })
}

function parseHead(
  bytes: Uint8Array,
  form: EnvelopeHead['form'],
): Result<
  { readonly keyKind: KeyKind; readonly keyId: string; readonly head: Uint8Array },
  EnvelopeProblem
> {
  if (bytes.length < headBytes) return malformed(bytes.length, 'the envelope is cut short')
  if (bytes[0] !== formatVersion) return malformed(0, 'not an envelope of this version')
  if (bytes[1] !== forms[form]) return malformed(1, `not sealed as a ${form}`)
  if (bytes[2] !== aes256Gcm) return malformed(2, 'sealed with an unknown algorithm')
  const keyKind = bytes[3] === 1 ? 'master' : bytes[3] === 2 ? 'data' : undefined
  if (keyKind === undefined) return malformed(3, 'sealed under an unknown kind of key')
  const head = bytes.subarray(0, headBytes)
  return ok({ keyKind, keyId: hexOf(head.subarray(4)), head })
}

function malformed(at: number, detail: string): Result<never, EnvelopeProblem> {
  return refuse('sealed-malformed', `@0x${at.toString(16)}`, detail)
}
