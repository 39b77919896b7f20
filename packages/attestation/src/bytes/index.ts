export {
  base64Of,
  base64UrlOf,
  bytesOfBase64,
  bytesOfBase64Url,
} from './base64.ts'
export {
  type Bytes,
  bytesOf,
  bytesOfHex,
  concat,
  equalBytes,
  hexOf,
  joined,
  textOf,
  utf8Of,
  withoutNul,
} from './bytes.ts'
export {
  type CborCode,
  type CborLimits,
  type CborMap,
  CborTag,
  type CborValue,
  cborOf,
  encodeCbor,
} from './cbor.ts'
export { type Cursor, type ParseCode, parsing } from './cursor.ts'
export { bufferSourceOf, sha256, sha384 } from './digest.ts'
export type { UnixSeconds } from './instant.ts'
export { type JsonCode, type JsonLimits, jsonOf, jsonOfText } from './json.ts'
export { ok, type Problem, type Result, refuse, unreachable } from './result.ts'
export { type Fields, reading, type Shape, type ShapeCode, type UnknownFields } from './shape.ts'
