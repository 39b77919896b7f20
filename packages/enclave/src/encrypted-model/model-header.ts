/**
 * What stands before the chunks of an encrypted model: readable by anybody, and bound to each of them.
 *
 * @see docs/spec/encrypted-model.md
 * @module
 */

import {
  base64UrlOf,
  bytesOfBase64Url,
  concat,
  equalBytes,
  jsonOf,
  ok,
  type Problem,
  type Result,
  reading,
  refuse,
  type Shape,
  utf8Of,
} from '@sealward/attestation/bytes'
import { encryptedModelLimits as limits } from './limits.ts'

export interface ModelHeader {
  /** Hex SHA-256 of the model. */
  readonly sha256: string
  /** Bytes of the model. */
  readonly bytes: number
  readonly chunkBytes: number
  /** The model key, and the content key under it. */
  readonly key: {
    readonly name: string
    /** Where the key has versions. */
    readonly version?: string
    /** The content key, wrapped with AES-256 (RFC 3394): 40 bytes. */
    readonly wrapped: Uint8Array
  }
}

/** `model-not-encrypted`: it is not of this format at all. `model-malformed`: it begins like it, and goes on otherwise. */
export type ModelHeaderCode = 'model-not-encrypted' | 'model-malformed'

/** A header with the bytes that it was read from, and that each chunk is bound to. */
export interface ReadHeader {
  readonly header: ModelHeader
  readonly bytes: Uint8Array
}

const magic: Uint8Array = utf8Of('SWMODEL1')
const prefixBytes = magic.length + 4

/** Longest beginning of a file that a header is read from. */
export const headBytesMax: number = prefixBytes + limits.headerBytesMax

export function encodeHeader(header: ModelHeader): Uint8Array {
  const { bytes, chunkBytes, key, sha256 } = header
  const { name, version, wrapped } = key
  const json = utf8Of(
    JSON.stringify({
      bytes,
      chunkBytes,
      key: {
        alg: 'A256KW',
        name,
        ...(version === undefined ? {} : { version }),
        wrapped: base64UrlOf(wrapped),
      },
      sha256,
      version: 1,
    }),
  )
  const length = new Uint8Array(4)
  new DataView(length.buffer).setUint32(0, json.length)
  return concat(magic, length, json)
}

/** @param head - the file, or its first {@link headBytesMax} bytes. */
export function readHeader(head: Uint8Array): Result<ReadHeader, Problem<ModelHeaderCode>> {
  if (!equalBytes(head.subarray(0, magic.length), magic)) {
    return refuse('model-not-encrypted', '@0x0', 'This is not an encrypted model.')
  }
  if (head.length < prefixBytes) return malformed('@0x8', 'the header is cut off')
  const { buffer, byteOffset } = head
  const length = new DataView(buffer, byteOffset).getUint32(magic.length)
  if (length > limits.headerBytesMax) return malformed('@0x8', 'the header is too long')
  if (head.length < prefixBytes + length) return malformed('@0xc', 'the header is cut off')
  const bytes = head.slice(0, prefixBytes + length)
  const json = jsonOf(bytes.subarray(prefixBytes), { bytesMax: length, depthMax: 2 })
  const header = json.ok ? reading(json.value, 'header', readFields) : json
  return header.ok
    ? ok({ header: header.value, bytes })
    : malformed(header.problem.at, header.problem.detail)
}

function readFields(shape: Shape): ModelHeader {
  return shape.object('refused', ({ required }) => {
    required('version').oneOf([1])
    return {
      sha256: required('sha256').string(64, /^[0-9a-f]{64}$/),
      bytes: required('bytes').integer(1, limits.modelBytesMax),
      chunkBytes: required('chunkBytes').oneOf([limits.chunkBytes]),
      key: required('key').object('refused', (key) => {
        key.required('alg').oneOf(['A256KW'])
        const version = key.optional('version')?.string(64, /^[0-9A-Za-z]{1,64}$/)
        const wrapped = key.required('wrapped')
        return {
          name: key.required('name').string(127, keyNameForm),
          ...(version === undefined ? {} : { version }),
          wrapped:
            bytesOfBase64Url(wrapped.string(54, /^[A-Za-z0-9_-]{54}$/)) ??
            wrapped.fail('wrong-value', 'base64url expected'),
        }
      }),
    }
  })
}

/** As Key Vault has it. */
export const keyNameForm: RegExp = /^[0-9A-Za-z-]{1,127}$/

function malformed(at: string, detail: string): Result<never, Problem<'model-malformed'>> {
  return refuse('model-malformed', at, `The encrypted model cannot be read: ${detail}.`)
}
