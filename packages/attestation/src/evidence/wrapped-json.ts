import {
  bytesOfBase64Url,
  bytesOfHex,
  type JsonCode,
  jsonOf,
  type Problem,
  type Result,
  reading,
  type Shape,
  type ShapeCode,
} from '../bytes/index.ts'
import { wrappedEvidenceBytesMax, wrappedEvidenceDepthMax } from './limits.ts'

/** Why a file that evidence comes wrapped in was refused. */
export type WrappedJsonCode = JsonCode | ShapeCode

/** Reads a JSON file of somebody else's format. */
export function readWrappedJson<T>(
  input: Uint8Array,
  read: (shape: Shape) => T,
): Result<T, Problem<WrappedJsonCode>> {
  const limits = { bytesMax: wrappedEvidenceBytesMax, depthMax: wrappedEvidenceDepthMax }
  const json = jsonOf(input, limits)
  return json.ok ? reading(json.value, '', read) : json
}

/** Text of base64url, without padding or with the right one: collectors write both. */
export function base64UrlBytes(shape: Shape): Uint8Array {
  const text = shape.string(wrappedEvidenceBytesMax)
  const unpadded = text.length % 4 === 0 ? text.replace(/={1,2}$/, '') : text
  return bytesOfBase64Url(unpadded) ?? shape.fail('wrong-value', 'base64url expected')
}

/** Text of hex digits. */
export function hexBytes(shape: Shape): Uint8Array {
  const text = shape.string(wrappedEvidenceBytesMax)
  return bytesOfHex(text) ?? shape.fail('wrong-value', 'hex digits expected')
}

/** A list of whole numbers, one for each byte. */
export function listedBytes(shape: Shape): Uint8Array {
  return Uint8Array.from(shape.list(listedBytesMax, (item) => item.integer(0, 0xff)))
}

const listedBytesMax = 16_384
