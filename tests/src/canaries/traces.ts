/** Forms in which a text may lie in bytes that were not sealed, and how each is named. */
export interface Trace {
  readonly encoding: string
  readonly bytes: Buffer
}

/**
 * Every form of `text` that is looked for: UTF-8, UTF-16 of both byte orders, hexadecimal of both cases, base64 and
 * base64url from each of the three places in a group that it may begin at, percent-encoding of what a URL
 * encodes and of every byte, and JSON with every character escaped.
 */
export function tracesOf(text: string): readonly Trace[] {
  const utf8 = Buffer.from(text)
  const utf16 = Buffer.from(text, 'utf16le')
  const binary = [
    { encoding: 'UTF-8', bytes: utf8 },
    { encoding: 'UTF-16LE', bytes: utf16 },
    { encoding: 'UTF-16BE', bytes: Buffer.from(utf16).swap16() },
  ]
  const encoded = binary.flatMap(({ encoding, bytes }) => {
    const hex = bytes.toString('hex')
    const base64 = [0, 1, 2].map((shift) => base64Middle(bytes, shift))
    return [
      traceOf(`hexadecimal of ${encoding}`, hex),
      traceOf(`hexadecimal of ${encoding}`, hex.toUpperCase()),
      ...base64.map((middle) => traceOf(`base64 of ${encoding}`, middle)),
      ...base64.map((middle) => traceOf(`base64url of ${encoding}`, toBase64Url(middle))),
    ]
  })
  const units = Array.from({ length: text.length }, (_, at) => text.charCodeAt(at)).map((unit) =>
    unit.toString(16).padStart(4, '0'),
  )
  const escaped = [...utf8].map((byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
  return [
    ...binary,
    ...encoded,
    traceOf('URL', encodeURIComponent(text)),
    traceOf('URL', encodeURIComponent(text).replaceAll('%20', '+')),
    traceOf('URL, every byte', escaped),
    traceOf('URL, every byte', escaped.toUpperCase()),
    traceOf('JSON escapes', units.map((unit) => `\\u${unit}`).join('')),
  ]
}

/** In which encodings `text` lies in `haystack`; none, if it was sealed or never there. */
export function found(haystack: Buffer, text: string): readonly string[] {
  return tracesOf(text)
    .filter(({ bytes }) => haystack.includes(bytes))
    .map(({ encoding }) => encoding)
}

/** What stays the same of a text's base64 whatever comes before and after it. */
function base64Middle(bytes: Buffer, shift: number): string {
  const whole = Buffer.concat([Buffer.alloc(shift), bytes])
    .toString('base64')
    .replaceAll('=', '')
  const first = shift === 0 ? 0 : 4
  const last = Math.floor(((shift + bytes.length) * 8) / 6)
  const middle = whole.slice(first, last)
  if (middle.length < 6) throw new Error('a canary is longer than that')
  return middle
}

function toBase64Url(base64: string): string {
  return base64.replaceAll('+', '-').replaceAll('/', '_')
}

function traceOf(encoding: string, text: string): Trace {
  return { encoding, bytes: Buffer.from(text) }
}
