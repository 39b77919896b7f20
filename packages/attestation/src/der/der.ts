/**
 * A walker for DER, the one encoding of ASN.1 that certificates and revocation lists use.
 *
 * Refused: indefinite lengths, lengths and numbers longer than they need be, tag numbers above 30, and
 * nesting deeper than {@link derDepthMax}.
 *
 * @see ITU-T X.690, sections 8 and 10
 * @module
 */

import { ok, type Problem, type Result, refuse } from '../bytes/index.ts'
import { derDepthMax, objectIdentifierBytesMax } from './limits.ts'

/** Why DER was refused. Formats add codes of their own. */
export type DerCode = 'der-malformed' | 'der-too-deep' | 'truncated' | 'trailing-bytes'

/** Identifier octets, as they stand in the encoding. */
export const derTag: {
  readonly boolean: 0x01
  readonly integer: 0x02
  readonly bitString: 0x03
  readonly octetString: 0x04
  readonly objectIdentifier: 0x06
  readonly enumerated: 0x0a
  readonly utf8String: 0x0c
  readonly printableString: 0x13
  readonly ia5String: 0x16
  readonly utcTime: 0x17
  readonly generalizedTime: 0x18
  readonly sequence: 0x30
  readonly set: 0x31
} = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  objectIdentifier: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  printableString: 0x13,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  sequence: 0x30,
  set: 0x31,
}

/** Identifier octet of `[number]`, constructed. */
export function contextTag(number: number): number {
  return 0xa0 | number
}

/** One element as it stands in the encoding. */
export interface DerElement {
  readonly tag: number
  readonly content: Uint8Array
  /** Identifier, length and content. */
  readonly whole: Uint8Array
}

/** Reads the elements of one constructed element in order. */
export interface DerReader<Code extends string = never> {
  hasMore(): boolean
  /** Identifier octet of the next element, `undefined` at the end. */
  nextTag(): number | undefined
  /** The next element, whatever it is. */
  any(): DerElement
  /** The next element, which must have this tag. */
  element(tag: number): DerElement
  /** Reads inside the next element, which must have this tag and be read to its end; `whole` is all of it. */
  inside<T>(tag: number, read: (inner: DerReader<Code>, whole: Uint8Array) => T): T
  /** Content of INTEGER: two's complement, big-endian, minimal. */
  integer(): Uint8Array
  /** INTEGER (or another tag with its content) from 0 to `max`, at most 2³¹ − 1. */
  unsigned(max: number, tag?: number): number
  boolean(): boolean
  /** OBJECT IDENTIFIER, dotted. */
  objectIdentifier(): string
  octets(): Uint8Array
  /** BIT STRING of whole bytes. */
  wholeBits(): Uint8Array
  /** BIT STRING; bits that do not count are zero. */
  bits(): Uint8Array
  fail(code: DerCode | Code, detail: string): never
}

/**
 * Runs `read` over the whole of `input`.
 *
 * @returns what `read` built, or the first problem: one of {@link DerCode} or `read`'s own.
 */
export function parsingDer<T, Code extends string = never>(
  input: Uint8Array,
  read: (reader: DerReader<Code>) => T,
): Result<T, Problem<DerCode | Code>> {
  try {
    const source = new Reader<Code>({ input, offset: 0, end: input.length, depth: 0 })
    const value = read(source)
    return source.offset === source.end
      ? ok(value)
      : refuse('trailing-bytes', placeOf(source), 'input continues')
  } catch (error) {
    if (error instanceof Malformed) {
      return { ok: false, problem: error.problem as Problem<DerCode | Code> }
    }
    throw error
  }
}

/** Where in the input a reader is. */
interface Source {
  readonly input: Uint8Array
  offset: number
  readonly end: number
  readonly depth: number
}

/** Moves through a window of the input. */
class Reader<Code extends string> implements DerReader<Code>, Source {
  readonly input: Uint8Array
  offset: number
  readonly end: number
  readonly depth: number

  constructor({ input, offset, end, depth }: Source) {
    this.input = input
    this.offset = offset
    this.end = end
    this.depth = depth
  }

  hasMore(): boolean {
    return this.offset < this.end
  }

  nextTag(): number | undefined {
    return this.offset < this.end ? this.input[this.offset] : undefined
  }

  any(): DerElement {
    return nextElement(this)
  }

  element(tag: number): DerElement {
    return this.nextTag() === tag
      ? nextElement(this)
      : this.fail('der-malformed', `tag 0x${tag.toString(16)} expected`)
  }

  inside<T>(tag: number, read: (inner: DerReader<Code>, whole: Uint8Array) => T): T {
    const { content, whole } = this.element(tag)
    if (this.depth === derDepthMax) this.fail('der-too-deep', `deeper than ${derDepthMax}`)
    const inner = new Reader<Code>({
      input: this.input,
      offset: this.offset - content.length,
      end: this.offset,
      depth: this.depth + 1,
    })
    const value = read(inner, whole)
    if (inner.offset !== inner.end) failAt(inner, 'der-malformed', 'an element continues')
    return value
  }

  integer(): Uint8Array {
    return this.integerIn(derTag.integer)
  }

  unsigned(max: number, tag: number = derTag.integer): number {
    const content = this.integerIn(tag)
    if (content.length > 5 || (content[0] ?? 0) > 0x7f) {
      return this.fail('der-malformed', `from 0 to ${max} expected`)
    }
    const value = content.reduce((sum, byte) => sum * 256 + byte, 0)
    return value <= max ? value : this.fail('der-malformed', `from 0 to ${max} expected`)
  }

  boolean(): boolean {
    const { content } = this.element(derTag.boolean)
    if (content.length !== 1 || (content[0] !== 0x00 && content[0] !== 0xff)) {
      return this.fail('der-malformed', 'neither TRUE nor FALSE')
    }
    return content[0] === 0xff
  }

  objectIdentifier(): string {
    const { content } = this.element(derTag.objectIdentifier)
    return dottedOf(content) ?? this.fail('der-malformed', 'not an object identifier')
  }

  octets(): Uint8Array {
    return this.element(derTag.octetString).content
  }

  wholeBits(): Uint8Array {
    return this.bitsOf(true)
  }

  bits(): Uint8Array {
    return this.bitsOf(false)
  }

  fail(code: DerCode | Code, detail: string): never {
    return failAt(this, code, detail)
  }

  private integerIn(tag: number): Uint8Array {
    const { content } = this.element(tag)
    const [first, second] = content
    if (first === undefined) return this.fail('der-malformed', 'a number without digits')
    if (second !== undefined && (first === 0x00 || first === 0xff) && first >> 7 === second >> 7) {
      return this.fail('der-malformed', 'a number is longer than it need be')
    }
    return content
  }

  private bitsOf(wholeBytesOnly: boolean): Uint8Array {
    const { content } = this.element(derTag.bitString)
    const unused = content[0]
    const last = content.at(-1) ?? 0
    if (unused === undefined || unused > (wholeBytesOnly || content.length === 1 ? 0 : 7)) {
      return this.fail('der-malformed', 'a count of unused bits')
    }
    if (unused > 0 && (last & ((1 << unused) - 1)) !== 0) {
      return this.fail('der-malformed', 'an unused bit is set')
    }
    return content.subarray(1)
  }
}

function nextElement(source: Source): DerElement {
  const { input, offset: start, end } = source
  if (start + 2 > end) failAt(source, 'truncated', 'an element ends early')
  const tag = input[start] as number
  if ((tag & 0x1f) === 0x1f) failAt(source, 'der-malformed', 'a tag number above 30')

  let contentStart = start + 2
  let length = input[start + 1] as number
  if (length >= 0x80) {
    const lengthBytes = length & 0x7f
    if (lengthBytes === 0) failAt(source, 'der-malformed', 'an indefinite length')
    if (lengthBytes > 4) failAt(source, 'der-malformed', 'a length of more than 4 bytes')
    if (contentStart + lengthBytes > end) failAt(source, 'truncated', 'an element ends early')
    length = 0
    for (let index = 0; index < lengthBytes; index++) {
      length = length * 256 + (input[contentStart++] as number)
    }
    if (length < 0x80 || length < 256 ** (lengthBytes - 1)) {
      failAt(source, 'der-malformed', 'a length is longer than it need be')
    }
  }
  const contentEnd = contentStart + length
  if (contentEnd > end) failAt(source, 'truncated', 'an element ends early')
  source.offset = contentEnd
  return {
    tag,
    content: input.subarray(contentStart, contentEnd),
    whole: input.subarray(start, contentEnd),
  }
}

function dottedOf(content: Uint8Array): string | undefined {
  if (content.length === 0 || content.length > objectIdentifierBytesMax) return undefined
  const arcs: number[] = []
  let arc = 0
  let inArc = false
  for (const byte of content) {
    if (!inArc && byte === 0x80) return undefined
    arc = arc * 128 + (byte & 0x7f)
    if (arc > Number.MAX_SAFE_INTEGER / 128) return undefined
    inArc = byte >= 0x80
    if (!inArc) {
      arcs.push(arc)
      arc = 0
    }
  }
  if (inArc) return undefined
  const [first = 0, ...rest] = arcs
  const root = Math.min(Math.floor(first / 40), 2)
  return [root, first - 40 * root, ...rest].join('.')
}

function placeOf(source: Source): string {
  return `@0x${source.offset.toString(16)}`
}

function failAt(source: Source, code: string, detail: string): never {
  throw new Malformed({ code, at: placeOf(source), detail })
}

/** Leaves {@link DerReader.fail}, is caught in {@link parsingDer}, and is seen by nobody else. */
class Malformed extends Error {
  readonly problem: Problem
  constructor(problem: Problem) {
    super(problem.detail)
    this.problem = problem
  }
}
