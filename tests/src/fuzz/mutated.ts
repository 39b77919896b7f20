/** A number from 0 up to, and without, `below`. */
export type Random = (below: number) => number

/** xorshift: small, and the same everywhere. */
export function randomOf(seed: number): Random {
  let state = (seed ^ 0x9e37_79b9) >>> 0 || 1
  return (below) => {
    state ^= state << 13
    state >>>= 0
    state ^= state >>> 17
    state ^= state << 5
    state >>>= 0
    return state % below
  }
}

/** One of `corpus`, changed one to six times, at most `bytesMax` long. */
export function mutated(
  corpus: readonly Uint8Array[],
  random: Random,
  bytesMax: number,
): Uint8Array {
  const pick = (): Uint8Array => corpus[random(corpus.length)] ?? new Uint8Array()
  let bytes = pick().slice(0, bytesMax)
  for (let change = random(6); change >= 0; change--) {
    const mutation = mutations[random(mutations.length)]
    if (mutation !== undefined) bytes = mutation(bytes, random, pick).slice(0, bytesMax)
  }
  return bytes
}

type Mutation = (
  bytes: Uint8Array<ArrayBuffer>,
  random: Random,
  pick: () => Uint8Array,
) => Uint8Array<ArrayBuffer>

const mutations: readonly Mutation[] = [
  function flipBit(bytes, random) {
    const at = random(bytes.length || 1)
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random(8))
    return bytes
  },
  function setByte(bytes, random) {
    bytes[random(bytes.length || 1)] = interestingBytes[random(interestingBytes.length)] ?? 0
    return bytes
  },
  function truncate(bytes, random) {
    return bytes.slice(0, random(bytes.length + 1))
  },
  function remove(bytes, random) {
    const [at, length] = span(bytes, random, 64)
    return spliced(bytes, at, length, new Uint8Array())
  },
  function duplicate(bytes, random) {
    const [at, length] = span(bytes, random, 512)
    return spliced(bytes, at, 0, bytes.subarray(at, at + length))
  },
  /** What grows faster than its input shows when a piece comes again and again. */
  function repeat(bytes, random) {
    const [at, length] = span(bytes, random, 64)
    const times = random(8) === 0 ? 4096 : 32
    const piece = bytes.subarray(at, at + length)
    const repeated = new Uint8Array(times * length)
    for (let index = 0; index < times; index++) repeated.set(piece, index * length)
    return spliced(bytes, at, 0, repeated)
  },
  function splice(bytes, random, pick) {
    const other = pick()
    const [from, taken] = span(other, random, 512)
    const [at, length] = span(bytes, random, 64)
    return spliced(bytes, at, length, other.subarray(from, from + taken))
  },
  /** The beginning of one, the end of another. */
  function crossOver(bytes, random, pick) {
    const other = pick()
    const end = other.subarray(random(other.length + 1))
    return spliced(bytes, random(bytes.length + 1), bytes.length, end)
  },
  function overwrite(bytes, random) {
    const [at, length] = span(bytes, random, 16)
    for (let index = at; index < at + length; index++) bytes[index] = random(256)
    return bytes
  },
  /** A number of two or four bytes, in either order, as lengths are written. */
  function setLength(bytes, random) {
    const width = random(2) === 0 ? 2 : 4
    if (bytes.length < width) return bytes
    const at = random(bytes.length - width + 1)
    const number = interestingLengths[random(interestingLengths.length)] ?? bytes.length - at
    const view = new DataView(bytes.buffer)
    const littleEndian = random(2) === 0
    if (width === 2) view.setUint16(at, number, littleEndian)
    else view.setUint32(at, number, littleEndian)
    return bytes
  },
  /** A number that is there already, one more or one less. */
  function nudge(bytes, random) {
    const at = random(bytes.length || 1)
    bytes[at] = (bytes[at] ?? 0) + (random(2) === 0 ? 1 : 0xff)
    return bytes
  },
  function insertToken(bytes, random) {
    const token = tokens[random(tokens.length)] ?? ''
    const [at, length] = span(bytes, random, 8)
    return spliced(bytes, at, length, new TextEncoder().encode(token))
  },
]

/** Edges of numbers; beginnings in DER, JSON, CBOR and PEM. */
const interestingBytes = [
  0x00, 0x01, 0x02, 0x1f, 0x20, 0x22, 0x2c, 0x2d, 0x30, 0x31, 0x3a, 0x5b, 0x5c, 0x5f, 0x7b, 0x7d,
  0x7f, 0x80, 0x81, 0x82, 0x84, 0x9f, 0xa0, 0xa3, 0xbf, 0xd2, 0xfe, 0xff,
]

const interestingLengths = [
  0, 1, 2, 0x7f, 0x80, 0xff, 0x100, 0x7fff, 0x8000, 0xffff, 0x1_0000, 0x7fff_ffff, 0x8000_0000,
  0xffff_fffe, 0xffff_ffff,
]

const tokens = [
  '{}',
  '[]',
  '[[[[[[[[[[[[[[[[',
  '{"":',
  'null',
  '-0',
  '1e999',
  '99999999999999999999',
  '"\\ud800"',
  '\\u0000',
  '"__proto__":{},',
  '"constructor":1,',
  '\u2028',
  '=',
  '\0',
  '-----BEGIN CERTIFICATE-----',
  '-----END CERTIFICATE-----',
]

/** Where a piece of at most `lengthMax` bytes begins, and its length. */
function span(
  bytes: Uint8Array,
  random: Random,
  lengthMax: number,
): readonly [at: number, length: number] {
  const at = random(bytes.length + 1)
  return [at, random(Math.min(lengthMax, bytes.length - at) + 1)]
}

function spliced(
  bytes: Uint8Array,
  at: number,
  removed: number,
  inserted: Uint8Array,
): Uint8Array<ArrayBuffer> {
  const rest = bytes.subarray(Math.min(at + removed, bytes.length))
  const result = new Uint8Array(at + inserted.length + rest.length)
  result.set(bytes.subarray(0, at))
  result.set(inserted, at)
  result.set(rest, at + inserted.length)
  return result
}
