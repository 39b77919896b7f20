/**
 * Binary HTTP messages of known length.
 *
 * Messages of indeterminate length are refused, and so are trailers: nothing here sends either, and what is
 * not read cannot be misread.
 *
 * @see RFC 9292, sections 3.1 and 3.3 to 3.8; docs/spec/sealed-http.md
 * @module
 */

import {
  type Cursor,
  concat,
  type Problem,
  parsing,
  type Result,
  refuse,
  utf8Of,
} from '../bytes/index.ts'
import { channelLimits } from './limits.ts'

/** One header field: lower-case name, value. */
export type Field = readonly [name: string, value: string]

/** A request as binary HTTP carries it. */
export interface BinaryRequest {
  readonly method: string
  readonly scheme: string
  /** May be empty: the sealed channel has one peer. */
  readonly authority: string
  /** Path and query, from the root. */
  readonly path: string
  readonly headers: readonly Field[]
  readonly body: Uint8Array
}

/** A final response as binary HTTP carries it. */
export interface BinaryResponse {
  /** 200 to 599. */
  readonly status: number
  readonly headers: readonly Field[]
  readonly body: Uint8Array
}

export type BinaryHttpCode =
  | 'bhttp-truncated'
  | 'bhttp-trailing-bytes'
  | 'bhttp-framing'
  | 'bhttp-field'
  | 'bhttp-control'
  | 'bhttp-status'
  | 'bhttp-too-large'

export type BinaryHttpProblem = Problem<BinaryHttpCode>

/** Writes a request. Throws when a part of it could not be read back. */
export function encodeRequest(request: BinaryRequest): Uint8Array {
  const control = [request.method, request.scheme, request.authority, request.path]
  if (!isControl(request)) throw new TypeError('a request line that HTTP cannot carry')
  return concat(
    varintOf(framing.request),
    ...control.map((text) => prefixed(utf8Of(text))),
    fieldSectionOf(request.headers),
    varintOf(request.body.length),
    request.body,
    varintOf(0),
  )
}

/** Writes a final response. Throws when a part of it could not be read back. */
export function encodeResponse(response: BinaryResponse): Uint8Array {
  if (!isFinalStatus(response.status)) throw new TypeError('not the status of a final response')
  return concat(
    varintOf(framing.response),
    varintOf(response.status),
    fieldSectionOf(response.headers),
    varintOf(response.body.length),
    response.body,
    varintOf(0),
  )
}

/**
 * Reads a request.
 *
 * @param message - a whole message; zero bytes after it are padding.
 * @returns the request, or one of {@link BinaryHttpCode} with its byte offset.
 */
export function decodeRequest(message: Uint8Array): Result<BinaryRequest, BinaryHttpProblem> {
  return decoding(message, (reader) => {
    if (reader.varint() !== framing.request)
      reader.fail('bhttp-framing', 'not a known-length request')
    const request = {
      method: reader.text(),
      scheme: reader.text(),
      authority: reader.text(),
      path: reader.text(),
      headers: reader.fields(),
      body: reader.content(),
    }
    if (!isControl(request)) reader.fail('bhttp-control', 'a request line that HTTP cannot carry')
    return request
  })
}

/**
 * Reads a response; informational responses before the final one are passed over.
 *
 * @param message - a whole message; zero bytes after it are padding.
 * @returns the final response, or one of {@link BinaryHttpCode} with its byte offset.
 */
export function decodeResponse(message: Uint8Array): Result<BinaryResponse, BinaryHttpProblem> {
  return decoding(message, (reader) => {
    if (reader.varint() !== framing.response) {
      reader.fail('bhttp-framing', 'not a known-length response')
    }
    let status = reader.varint()
    for (let count = 0; status >= 100 && status < 200; count++) {
      if (count === channelLimits.informationalMax) {
        reader.fail('bhttp-too-large', 'too many informational responses')
      }
      reader.fields()
      status = reader.varint()
    }
    if (!isFinalStatus(status)) reader.fail('bhttp-status', 'not the status of a final response')
    return { status, headers: reader.fields(), body: reader.content() }
  })
}

/** RFC 9292, section 3.3. */
const framing = { request: 0, response: 1 } as const

interface Reader {
  varint(): number
  /** Length and bytes of one part of the request line. */
  text(): string
  fields(): readonly Field[]
  content(): Uint8Array
  fail(code: BinaryHttpCode, detail: string): never
}

function decoding<T>(
  message: Uint8Array,
  read: (reader: Reader) => T,
): Result<T, BinaryHttpProblem> {
  if (message.length > channelLimits.messageBytesMax) {
    return refuse('bhttp-too-large', '@0x0', `more than ${channelLimits.messageBytesMax} bytes`)
  }
  const result = parsing<T, BinaryHttpCode>(message, (cursor) => {
    const reader = createReader(cursor, message.length)
    const value = read(reader)
    if (reader.fields().length > 0) cursor.fail('bhttp-framing', 'trailers are not spoken here')
    // Section 3.8: padding is zero bytes and nothing else.
    if (cursor.rest().some((byte) => byte !== 0)) {
      cursor.fail('bhttp-trailing-bytes', 'padding that is not zero')
    }
    return value
  })
  return result.ok ? result : { ok: false, problem: ownProblem(result.problem) }
}

function createReader(cursor: Cursor<BinaryHttpCode>, messageLength: number): Reader {
  // Section 3.8: a message may end before any part that would be empty.
  const isAtEnd = (): boolean => cursor.offset() === messageLength
  const bytesUpTo = (max: number): Uint8Array => {
    const length = varintFrom(cursor)
    if (length > max) cursor.fail('bhttp-too-large', `more than ${max} bytes`)
    return cursor.bytes(length)
  }
  return {
    varint: () => varintFrom(cursor),
    text: () => asciiFrom(cursor, bytesUpTo(channelLimits.controlBytesMax), 'bhttp-control'),
    content: () => (isAtEnd() ? new Uint8Array() : bytesUpTo(channelLimits.messageBytesMax)),
    fields: () => {
      if (isAtEnd()) return []
      const length = varintFrom(cursor)
      if (length > channelLimits.fieldSectionBytesMax) {
        cursor.fail('bhttp-too-large', `more than ${channelLimits.fieldSectionBytesMax} bytes`)
      }
      const end = cursor.offset() + length
      const fields: Field[] = []
      while (cursor.offset() < end) {
        if (fields.length === channelLimits.fieldsMax) {
          cursor.fail('bhttp-too-large', `more than ${channelLimits.fieldsMax} fields`)
        }
        const name = asciiFrom(cursor, bytesUpTo(length), 'bhttp-field')
        const value = asciiFrom(cursor, bytesUpTo(length), 'bhttp-field')
        if (!isField([name, value])) cursor.fail('bhttp-field', 'a field that HTTP cannot carry')
        fields.push([name, value])
      }
      if (cursor.offset() !== end) cursor.fail('bhttp-field', 'a field runs out of its section')
      return fields
    },
    fail: (code, detail) => cursor.fail(code, detail),
  }
}

/** RFC 9000, section 16. */
function varintFrom(cursor: Cursor<BinaryHttpCode>): number {
  const first = cursor.u8()
  let value = first & 0x3f
  for (let more = (1 << (first >> 6)) - 1; more > 0; more--) value = value * 256 + cursor.u8()
  if (!Number.isSafeInteger(value)) cursor.fail('bhttp-too-large', 'a length beyond 53 bits')
  return value
}

function varintOf(value: number): Uint8Array {
  const view = new DataView(new ArrayBuffer(8))
  if (value < 0x40) return Uint8Array.of(value)
  if (value < 0x4000) {
    view.setUint16(0, value | 0x4000)
    return new Uint8Array(view.buffer, 0, 2)
  }
  if (value < 0x4000_0000) {
    view.setUint32(0, (value | 0x8000_0000) >>> 0)
    return new Uint8Array(view.buffer, 0, 4)
  }
  view.setBigUint64(0, BigInt(value) | (3n << 62n))
  return new Uint8Array(view.buffer)
}

function asciiFrom(
  cursor: Cursor<BinaryHttpCode>,
  bytes: Uint8Array,
  code: 'bhttp-control' | 'bhttp-field',
): string {
  if (bytes.some((byte) => byte > 0x7e)) cursor.fail(code, 'not ASCII')
  return String.fromCharCode(...bytes)
}

function fieldSectionOf(fields: readonly Field[]): Uint8Array {
  if (!fields.every(isField)) throw new TypeError('a field that HTTP cannot carry')
  return prefixed(
    concat(...fields.flatMap(([name, value]) => [prefixed(utf8Of(name)), prefixed(utf8Of(value))])),
  )
}

function prefixed(bytes: Uint8Array): Uint8Array {
  return concat(varintOf(bytes.length), bytes)
}

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** RFC 9110, section 5.5, without its obsolete bytes: visible ASCII, blanks inside only. */
const fieldValue = /^(?:[!-~](?:[\t -~]*[!-~])?)?$/

function isField([name, value]: Field): boolean {
  return token.test(name) && name === name.toLowerCase() && fieldValue.test(value)
}

function isControl(request: Omit<BinaryRequest, 'headers' | 'body'>): boolean {
  return (
    token.test(request.method) &&
    /^[a-z][a-z0-9+.-]*$/.test(request.scheme) &&
    /^[!-~]*$/.test(request.authority) &&
    /^\/[!-~]*$/.test(request.path)
  )
}

function isFinalStatus(status: number): boolean {
  return Number.isInteger(status) && status >= 200 && status <= 599
}

function ownProblem(problem: Problem): BinaryHttpProblem {
  switch (problem.code) {
    case 'truncated':
      return { ...problem, code: 'bhttp-truncated' }
    case 'trailing-bytes':
    case 'reserved-not-zero':
    case 'unsupported-version':
      return { ...problem, code: 'bhttp-trailing-bytes' }
    default:
      return problem as BinaryHttpProblem
  }
}
