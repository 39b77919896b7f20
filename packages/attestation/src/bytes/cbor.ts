/**
 * CBOR that somebody else wrote: limited, and with one meaning only.
 *
 * @see RFC 8949
 * @module
 */

import { decode, encode, type TagDecoder } from 'cborg'
import { textOf } from './bytes.ts'
import { ok, type Problem, type Result, refuse } from './result.ts'

/** Largest CBOR item that is read. */
export interface CborLimits {
  readonly bytesMax: number
  /** Nested arrays, maps and tags; a bare value is 0 deep. */
  readonly depthMax: number
}

/** Why CBOR was refused. */
export type CborCode = 'cbor-too-large' | 'cbor-too-deep' | 'cbor-malformed'

/** One data item. Byte strings are copies. */
export type CborValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly CborValue[]
  | CborMap
  | CborTag

export type CborMap = ReadonlyMap<CborValue, CborValue>

/** A tagged data item. */
export class CborTag {
  readonly tag: number
  readonly value: CborValue
  constructor(tag: number, value: CborValue) {
    this.tag = tag
    this.value = value
  }
}

/**
 * Parses one data item.
 *
 * Refused: indefinite lengths, lengths and numbers longer than they need be, keys that occur twice in one map,
 * `undefined`, bytes after the item, and tags that are not among the known ones.
 *
 * @param tags - the tags that the caller knows.
 * @returns the value, or one of {@link CborCode}.
 */
export function cborOf(
  input: Uint8Array,
  limits: CborLimits,
  tags: readonly number[] = [],
): Result<CborValue, Problem<CborCode>> {
  if (input.length > limits.bytesMax) {
    return refuse('cbor-too-large', '@0x0', `more than ${limits.bytesMax} bytes`)
  }
  // Looked through first: the library reads nested items by recursion, as deep as the input says.
  const problem = structureProblem(input, limits.depthMax)
  if (problem !== undefined) return { ok: false, problem }
  try {
    return ok(
      decode(new Uint8Array(input), {
        ...strict,
        tags: Object.fromEntries(tags.map((tag) => [tag, tagDecoder(tag)])),
      }) as CborValue,
    )
  } catch {
    return refuse('cbor-malformed', '@0x0', 'not CBOR of the strict kind')
  }
}

/** Writes one data item without tags, as {@link cborOf} reads it: lengths and numbers in their shortest form. */
export function encodeCbor(value: Exclude<CborValue, CborTag>): Uint8Array {
  return new Uint8Array(encode(value))
}

/** The library accepts more unless told not to. */
const strict = {
  strict: true,
  useMaps: true,
  rejectDuplicateMapKeys: true,
  allowIndefinite: false,
  allowUndefined: false,
  allowNaN: false,
  allowInfinity: false,
} as const

function tagDecoder(tag: number): TagDecoder {
  return (decodeContent) => new CborTag(tag, decodeContent() as CborValue)
}

/** Looks at heads only. An item is at least one byte, so that no count makes this longer than the input. */
function structureProblem(input: Uint8Array, depthMax: number): Problem<CborCode> | undefined {
  /** How many items each open array, map and tag still wants. */
  const open: number[] = []
  let offset = 0
  do {
    const head = headAt(input, offset)
    const at = `@0x${offset.toString(16)}`
    if (head === undefined) {
      return {
        code: 'cbor-malformed',
        at,
        detail: 'an item ends early, has no definite length, or is no text',
      }
    }
    offset += head.bytes
    if (open.length > 0) open.push((open.pop() ?? 0) - 1)
    if (head.items > 0) {
      if (open.length === depthMax) {
        return { code: 'cbor-too-deep', at, detail: `deeper than ${depthMax}` }
      }
      open.push(head.items)
    }
    while (open.at(-1) === 0) open.pop()
  } while (open.length > 0)
  return undefined
}

/** How long an item is without the items inside it, and how many those are. */
function headAt(
  input: Uint8Array,
  offset: number,
): { readonly bytes: number; readonly items: number } | undefined {
  const first = input[offset]
  if (first === undefined) return undefined
  const information = first & 0x1f
  if (information > 27) return undefined
  const digits = information < 24 ? 0 : 2 ** (information - 24)
  const left = input.length - offset - 1 - digits
  if (left < 0) return undefined
  let argument = digits === 0 ? information : 0
  for (let index = 1; index <= digits; index++) {
    argument = argument * 256 + (input[offset + index] as number)
  }
  const bytes = 1 + digits
  switch (first >> 5) {
    case 2:
      return argument > left ? undefined : { bytes: bytes + argument, items: 0 }
    case 3: {
      // The library would read what is not UTF-8 as replacement characters.
      const text = input.subarray(offset + bytes, offset + bytes + argument)
      return argument > left || textOf(text) === undefined
        ? undefined
        : { bytes: bytes + argument, items: 0 }
    }
    case 4:
      return argument > left ? undefined : { bytes, items: argument }
    case 5:
      return 2 * argument > left ? undefined : { bytes, items: 2 * argument }
    case 6:
      return { bytes, items: 1 }
    default:
      return { bytes, items: 0 }
  }
}
