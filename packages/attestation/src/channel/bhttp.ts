/**
 * Binary HTTP messages, of known and of indeterminate length, whole or as they come.
 *
 * Trailers are refused: nothing here sends or could hand on one, and what is not read cannot be misread.
 *
 * @see RFC 9292, section 3; docs/spec/sealed-http.md
 * @module
 */

import { concat, type Result, utf8Of } from '../bytes/index.ts'
import type { BinaryHttpProblem } from './bhttp-problem.ts'
import { type ByteSource, piecesOf } from './byte-source.ts'
import { ChannelError, type ChannelProblem } from './channel-error.ts'
import {
  createIntake,
  createSourceReader,
  type Intake,
  type Reading,
  readNow,
  resultOf,
  varintOf,
} from './intake.ts'
import { channelLimits } from './limits.ts'

/** One header field: lower-case name, value. */
export type Field = readonly [name: string, value: string]

/** What a request says before its content. */
export interface RequestHead {
  readonly method: string
  readonly scheme: string
  /** May be empty: the sealed channel has one peer. */
  readonly authority: string
  /** Path and query, from the root. */
  readonly path: string
  readonly headers: readonly Field[]
}

/** What a response says before its content. */
export interface ResponseHead {
  /** 200 to 599. */
  readonly status: number
  readonly headers: readonly Field[]
}

/** A response before the final one. */
export interface InformationalResponse {
  /** 100 to 199. */
  readonly status: number
  readonly headers: readonly Field[]
}

/** A request as binary HTTP carries it. */
export interface BinaryRequest extends RequestHead {
  readonly body: Uint8Array
}

/** A final response as binary HTTP carries it. */
export interface BinaryResponse extends ResponseHead {
  readonly body: Uint8Array
}

/** A message whose content is read as it comes. It fails with a {@link ChannelError}. */
export type Streamed<Head> = Head & { readonly body: AsyncIterable<Uint8Array> }

/** Writes a request of known length. Throws when a part of it could not be read back. */
export function encodeRequest(request: BinaryRequest): Uint8Array {
  const length = varintOf(request.body.length)
  return concat(requestHeadOf(request, 'known'), length, request.body, varintOf(0))
}

/** Writes a final response of known length. Throws when a part of it could not be read back. */
export function encodeResponse(response: BinaryResponse): Uint8Array {
  const length = varintOf(response.body.length)
  return concat(responseHeadOf(response, 'known'), length, response.body, varintOf(0))
}

/** How long the content of a message is, where that is known before it is read. */
export interface ContentLength {
  readonly contentLength?: number
}

/**
 * Writes a request as its content is read: of known length when `contentLength` says it, of indeterminate length
 * otherwise. Throws, before anything is read, when a part of the head could not be read back; the message
 * fails where the content is not as long as was said.
 */
export function encodeRequestStream(
  head: RequestHead,
  body: ByteSource,
  { contentLength }: ContentLength = {},
): AsyncIterable<Uint8Array> {
  const form = contentLength === undefined ? 'indeterminate' : 'known'
  return messagePieces(
    [concat(requestHeadOf(head, form), lengthOf(contentLength))],
    body,
    contentLength,
  )
}

/** Bytes of a request whose content is of known length and written as it is read. */
export function requestBytesOf(head: RequestHead, contentLength: number): number {
  return requestHeadOf(head, 'known').length + lengthOf(contentLength).length + contentLength
}

/**
 * Writes a response as its content is read, as {@link encodeRequestStream}.
 *
 * @param options - `informational` responses, each written as soon as it is there, before the final one.
 */
export function encodeResponseStream(
  head: ResponseHead,
  body: ByteSource,
  {
    contentLength,
    informational = [],
  }: ContentLength & {
    readonly informational?: Iterable<InformationalResponse> | AsyncIterable<InformationalResponse>
  } = {},
): AsyncIterable<Uint8Array> {
  const form = contentLength === undefined ? 'indeterminate' : 'known'
  const last = statusAndFieldsOf(head, form, isFinalStatus)
  async function* heads(): AsyncGenerator<Uint8Array> {
    let before = varintOf(framing[form].response)
    for await (const one of informational) {
      yield concat(before, statusAndFieldsOf(one, form, isInformational))
      before = empty
    }
    yield concat(before, last, lengthOf(contentLength))
  }
  return messagePieces(heads(), body, contentLength)
}

/**
 * Reads a request.
 *
 * @param message - a whole message; zero bytes after it are padding.
 * @returns the request, or one of {@link BinaryHttpProblem} with its byte offset.
 */
export function decodeRequest(message: Uint8Array): Result<BinaryRequest, BinaryHttpProblem> {
  return decodingNow(message, requestHeadIn)
}

/**
 * Reads a response.
 *
 * @param message - a whole message; zero bytes after it are padding.
 * @param options - `onInformational` is called with each response before the final one.
 * @returns the final response, or one of {@link BinaryHttpProblem} with its byte offset.
 */
export function decodeResponse(
  message: Uint8Array,
  { onInformational = () => {} }: InformationalOptions = {},
): Result<BinaryResponse, BinaryHttpProblem> {
  return decodingNow(message, (intake) => responseHeadIn(intake, onInformational))
}

interface InformationalOptions {
  readonly onInformational?: (response: InformationalResponse) => void
}

/**
 * Reads a request as it comes.
 *
 * @param options - `contentBytesMax` of its content.
 * @returns the request once its head is there, or one of {@link BinaryHttpProblem}, or the code that the source
 *   failed with. Reading the content reads the source; the message is whole when that has come to its end.
 */
export function decodeRequestStream(
  source: ByteSource,
  options: DecodeOptions = {},
): Promise<Result<Streamed<RequestHead>, ChannelProblem>> {
  return decodingStream(source, requestHeadIn, options)
}

/**
 * Reads a response as it comes, as {@link decodeRequestStream}.
 *
 * @param options - `onInformational` is called with each response before the final one.
 */
export function decodeResponseStream(
  source: ByteSource,
  options: DecodeOptions & InformationalOptions = {},
): Promise<Result<Streamed<ResponseHead>, ChannelProblem>> {
  const { onInformational = () => {} } = options
  return decodingStream(source, (intake) => responseHeadIn(intake, onInformational), options)
}

export interface DecodeOptions {
  /** Bytes of the content at most. */
  readonly contentBytesMax?: number
}

type Form = 'known' | 'indeterminate'

/** RFC 9292, section 3.3. */
const framing = {
  known: { request: 0, response: 1 },
  indeterminate: { request: 2, response: 3 },
} as const

const empty = new Uint8Array()

async function* messagePieces(
  heads: Iterable<Uint8Array> | AsyncIterable<Uint8Array>,
  body: ByteSource,
  contentLength: number | undefined,
): AsyncGenerator<Uint8Array> {
  yield* heads
  let length = 0
  for await (const piece of piecesOf(body)) {
    length += piece.length
    if (contentLength === undefined) yield concat(varintOf(piece.length), piece)
    else if (length <= contentLength) yield piece
    else break
  }
  if (contentLength !== undefined && length !== contentLength) {
    throw new ChannelError({
      code: 'bhttp-framing',
      at: 'content',
      detail: 'the content is not as long as was said',
    })
  }
  // The end of the content, and of the trailers. After content of known length it may be left out (section 3.8).
  if (contentLength === undefined) yield Uint8Array.of(0, 0)
}

function lengthOf(contentLength: number | undefined): Uint8Array {
  return contentLength === undefined ? empty : varintOf(contentLength)
}

function requestHeadOf(head: RequestHead, form: Form): Uint8Array {
  if (!isControl(head)) throw new TypeError('a request line that HTTP cannot carry')
  const control = [head.method, head.scheme, head.authority, head.path]
  return concat(
    varintOf(framing[form].request),
    ...control.map((text) => prefixed(utf8Of(text))),
    fieldSectionOf(head.headers, form),
  )
}

function responseHeadOf(head: ResponseHead, form: Form): Uint8Array {
  return concat(varintOf(framing[form].response), statusAndFieldsOf(head, form, isFinalStatus))
}

function statusAndFieldsOf(
  { status, headers }: ResponseHead | InformationalResponse,
  form: Form,
  isStatus: (status: number) => boolean,
): Uint8Array {
  if (!isStatus(status)) throw new TypeError('not the status of such a response')
  return concat(varintOf(status), fieldSectionOf(headers, form))
}

function fieldSectionOf(fields: readonly Field[], form: Form): Uint8Array {
  if (!fields.every(isField)) throw new TypeError('a field that HTTP cannot carry')
  const lines = concat(
    ...fields.flatMap(([name, value]) => [prefixed(utf8Of(name)), prefixed(utf8Of(value))]),
  )
  return form === 'known' ? prefixed(lines) : concat(lines, varintOf(0))
}

function prefixed(bytes: Uint8Array): Uint8Array {
  return concat(varintOf(bytes.length), bytes)
}

interface ReadHead<Head> {
  readonly head: Head
  readonly form: Form
}

type HeadParser<Head> = (intake: Intake) => Reading<ReadHead<Head>>

const intakeCodes = { truncated: 'bhttp-truncated', tooLarge: 'bhttp-too-large' } as const

function decodingNow<Head extends object>(
  message: Uint8Array,
  headIn: HeadParser<Head>,
): Result<Head & { readonly body: Uint8Array }, BinaryHttpProblem> {
  const intake = createIntake(intakeCodes)
  try {
    if (message.length > channelLimits.messageBytesMax) {
      intake.fail('bhttp-too-large', `more than ${channelLimits.messageBytesMax} bytes`)
    }
    intake.push(message)
    intake.end()
    const { head, form } = readNow(headIn(intake))
    return { ok: true, value: { ...head, body: bodyNow(intake, form) } }
  } catch (error) {
    if (!(error instanceof ChannelError)) throw error
    return { ok: false, problem: error.problem as BinaryHttpProblem }
  }
}

function bodyNow(intake: Intake, form: Form): Uint8Array {
  const content = contentIn(intake, form, channelLimits.messageBytesMax)
  const first = readNow(content())
  if (first === undefined) return empty
  let whole = first
  let length = first.length
  for (let piece = readNow(content()); piece !== undefined; piece = readNow(content())) {
    // There is no more of it than is left of the message.
    if (whole === first) {
      whole = new Uint8Array(length + piece.length + intake.available())
      whole.set(first)
    }
    whole.set(piece, length)
    length += piece.length
  }
  return whole.subarray(0, length)
}

function decodingStream<Head extends object>(
  source: ByteSource,
  headIn: HeadParser<Head>,
  { contentBytesMax = channelLimits.streamBytesMax }: DecodeOptions,
): Promise<Result<Streamed<Head>, ChannelProblem>> {
  const intake = createIntake(intakeCodes)
  const reader = createSourceReader(source, intake)
  async function* bodyOf(form: Form): AsyncGenerator<Uint8Array> {
    const content = contentIn(intake, form, contentBytesMax)
    try {
      for (;;) {
        const piece = await reader.read(content())
        if (piece === undefined) return
        yield piece
      }
    } finally {
      await reader.close()
    }
  }
  return resultOf(async () => {
    try {
      const { head, form } = await reader.read(headIn(intake))
      return { ...head, body: bodyOf(form) }
    } catch (error) {
      await reader.close()
      throw error
    }
  })
}

function* requestHeadIn(intake: Intake): Reading<ReadHead<RequestHead>> {
  const form = yield* formIn(intake, 'request')
  const head = {
    method: yield* controlIn(intake),
    scheme: yield* controlIn(intake),
    authority: yield* controlIn(intake),
    path: yield* controlIn(intake),
    headers: yield* fieldsIn(intake, form),
  }
  if (!isControl(head)) intake.fail('bhttp-control', 'a request line that HTTP cannot carry')
  return { head, form }
}

function* responseHeadIn(
  intake: Intake,
  onInformational: (response: InformationalResponse) => void,
): Reading<ReadHead<ResponseHead>> {
  const form = yield* formIn(intake, 'response')
  let status = yield* intake.varint()
  for (let count = 0; isInformational(status); count++) {
    if (count === channelLimits.informationalMax) {
      intake.fail('bhttp-too-large', 'too many informational responses')
    }
    onInformational({ status, headers: yield* fieldsIn(intake, form) })
    status = yield* intake.varint()
  }
  if (!isFinalStatus(status)) intake.fail('bhttp-status', 'not the status of a final response')
  return { head: { status, headers: yield* fieldsIn(intake, form) }, form }
}

function* formIn(intake: Intake, kind: 'request' | 'response'): Reading<Form> {
  const indicator = yield* intake.varint()
  if (indicator === framing.known[kind]) return 'known'
  if (indicator === framing.indeterminate[kind]) return 'indeterminate'
  return intake.fail('bhttp-framing', `not a ${kind}`)
}

/** Length and bytes of one part of the request line. */
function* controlIn(intake: Intake): Reading<string> {
  const max = channelLimits.controlBytesMax
  return asciiOf(intake, yield* prefixedIn(intake, max), 'bhttp-control')
}

/** Section 3.8: a message may end before any part that would be empty. */
function* fieldsIn(intake: Intake, form: Form): Reading<readonly Field[]> {
  if (yield* intake.isAtEnd()) return []
  const max = channelLimits.fieldSectionBytesMax
  const length = form === 'known' ? yield* intake.varint() : max
  if (length > max) intake.fail('bhttp-too-large', `more than ${max} bytes`)
  const end = intake.offset() + length
  const fields: Field[] = []
  while (form === 'indeterminate' || intake.offset() < end) {
    const nameLength = yield* intake.varint()
    if (form === 'indeterminate' && nameLength === 0) return fields
    if (fields.length === channelLimits.fieldsMax) {
      intake.fail('bhttp-too-large', `more than ${channelLimits.fieldsMax} fields`)
    }
    const isWithin = (bytes: number): boolean => intake.offset() + bytes <= end
    const fail = (): never =>
      form === 'known'
        ? intake.fail('bhttp-field', 'a field runs out of its section')
        : intake.fail('bhttp-too-large', `more than ${max} bytes`)
    if (!isWithin(nameLength)) fail()
    const name = asciiOf(intake, yield* intake.bytes(nameLength), 'bhttp-field')
    const valueLength = yield* intake.varint()
    if (!isWithin(valueLength)) fail()
    const value = asciiOf(intake, yield* intake.bytes(valueLength), 'bhttp-field')
    if (!isField([name, value])) intake.fail('bhttp-field', 'a field that HTTP cannot carry')
    fields.push([name, value])
  }
  return fields
}

/** Reads the next piece of the content, or the trailers and the padding after it. */
function contentIn(
  intake: Intake,
  form: Form,
  contentBytesMax: number,
): () => Reading<Uint8Array | undefined> {
  let [left, total, chunks, hasBegun] = [0, 0, 0, false]
  function* begin(): Reading<boolean> {
    // Section 3.8 again: content that is empty may be left out.
    if (!hasBegun && (yield* intake.isAtEnd())) return false
    if (form === 'known' && hasBegun) return false
    hasBegun = true
    left = yield* intake.varint()
    total += left
    chunks += 1
    if (total > contentBytesMax) {
      intake.fail('bhttp-too-large', `more than ${contentBytesMax} bytes`)
    }
    if (chunks > channelLimits.contentChunksMax + total / 16) {
      intake.fail('bhttp-too-large', 'more pieces than content')
    }
    return left > 0
  }
  return function* next() {
    if (left === 0 && !(yield* begin())) {
      yield* endIn(intake, form)
      return undefined
    }
    const piece = yield* intake.some(left)
    left -= piece.length
    return piece
  }
}

function* endIn(intake: Intake, form: Form): Reading<void> {
  if ((yield* fieldsIn(intake, form)).length > 0) {
    intake.fail('bhttp-framing', 'trailers are not spoken here')
  }
  // Section 3.8: padding is zero bytes and nothing else.
  while (!(yield* intake.isAtEnd())) {
    if ((yield* intake.some(Number.POSITIVE_INFINITY)).some((byte) => byte !== 0)) {
      intake.fail('bhttp-trailing-bytes', 'padding that is not zero')
    }
  }
}

function* prefixedIn(intake: Intake, max: number): Reading<Uint8Array> {
  const length = yield* intake.varint()
  if (length > max) intake.fail('bhttp-too-large', `more than ${max} bytes`)
  return yield* intake.bytes(length)
}

function asciiOf(intake: Intake, bytes: Uint8Array, code: 'bhttp-control' | 'bhttp-field'): string {
  if (bytes.some((byte) => byte > 0x7e)) intake.fail(code, 'not ASCII')
  return String.fromCharCode(...bytes)
}

const token = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/
/** RFC 9110, section 5.5, without its obsolete bytes: visible ASCII, blanks inside only. */
const fieldValue = /^(?:[!-~](?:[\t -~]*[!-~])?)?$/

function isField([name, value]: Field): boolean {
  return token.test(name) && name === name.toLowerCase() && fieldValue.test(value)
}

function isControl(request: RequestHead): boolean {
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

function isInformational(status: number): boolean {
  return Number.isInteger(status) && status >= 100 && status < 200
}
