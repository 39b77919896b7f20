import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bytesOfHex, concat, hexOf, textOf, utf8Of } from '../bytes/index.ts'
import {
  type BinaryRequest,
  decodeRequest,
  decodeRequestStream,
  decodeResponse,
  decodeResponseStream,
  encodeRequest,
  encodeRequestStream,
  encodeResponseStream,
  type InformationalResponse,
  type RequestHead,
} from './bhttp.ts'
import type { ByteSource } from './byte-source.ts'
import { ChannelError } from './channel-error.ts'
import { channelLimits } from './limits.ts'

const hex = (text: string): Uint8Array => bytesOfHex(text.replaceAll(' ', '')) ?? new Uint8Array()

/** RFC 9292, section 5.1, the request of indeterminate length. */
const rfcRequest = hex(
  '0203474554056874747073000a2f68656c6c6f2e7478740a757365722d6167656e74346375726c2f372e31362e33206c' +
    '69626375726c2f372e31362e33204f70656e53534c2f302e392e376c207a6c69622f312e322e3304686f73740f777777' +
    '2e6578616d706c652e636f6d0f6163636570742d6c616e677561676506656e2c206d6900000000000000000000000000',
)

/** RFC 9292, section 5.2, the response of indeterminate length. */
const rfcResponse = hex(
  '0340660772756e6e696e670a22736c65657020313522004067046c696e6b233c2f7374796c652e6373733e3b2072656c' +
    '3d7072656c6f61643b2061733d7374796c65046c696e6b243c2f7363726970742e6a733e3b2072656c3d7072656c6f61' +
    '643b2061733d7363726970740040c804646174651d4d6f6e2c203237204a756c20323030392031323a32383a353320474d' +
    '5406736572766572064170616368650d6c6173742d6d6f6469666965641d5765642c203232204a756c20323030392031' +
    '393a31353a353620474d5404657461671422333461613338372d642d3135363865623030220d6163636570742d72616e' +
    '6765730562797465730e636f6e74656e742d6c656e67746802353104766172790f4163636570742d456e636f64696e67' +
    '0c636f6e74656e742d747970650a746578742f706c61696e003348656c6c6f20576f726c6421204d7920636f6e74656e' +
    '7420696e636c75646573206120747261696c696e672043524c462e0d0a0000',
)

const head: RequestHead = {
  method: 'POST',
  scheme: 'https',
  authority: '',
  path: '/studies',
  headers: [['content-type', 'application/dicom']],
}

async function gathered(source: AsyncIterable<Uint8Array>): Promise<Uint8Array> {
  const pieces: Uint8Array[] = []
  for await (const piece of source) pieces.push(piece)
  return concat(...pieces)
}

function split(bytes: Uint8Array, cuts: readonly number[]): readonly Uint8Array[] {
  const places = [...new Set(cuts.map((cut) => cut % (bytes.length + 1)))].sort((a, b) => a - b)
  return [0, ...places].map((from, index) => bytes.subarray(from, places[index] ?? bytes.length))
}

/** The request that a source comes to, or the code that it fails with. */
async function requestOf(source: ByteSource): Promise<BinaryRequest | string> {
  const decoded = await decodeRequestStream(source)
  if (!decoded.ok) return decoded.problem.code
  try {
    return { ...decoded.value, body: await gathered(decoded.value.body) }
  } catch (error) {
    if (error instanceof ChannelError) return error.problem.code
    throw error
  }
}

const cuts = fc.array(fc.nat(), { maxLength: 10 })
const requests = fc.record({
  method: fc.constantFrom('GET', 'POST', 'PUT'),
  scheme: fc.constant('https'),
  authority: fc.constantFrom('', 'platform.example'),
  path: fc.stringMatching(/^\/[!-~]{0,80}$/),
  headers: fc.array(
    fc.tuple(
      fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/),
      fc.stringMatching(/^([!-~]([ -~]{0,20}[!-~])?)?$/),
    ),
    { maxLength: 8 },
  ),
  body: fc.uint8Array({ maxLength: 2000 }),
})

describe('requests that come piece by piece', () => {
  test('the example of the RFC is read, padding and all', async () => {
    const expected = {
      method: 'GET',
      scheme: 'https',
      authority: '',
      path: '/hello.txt',
      headers: [
        ['user-agent', 'curl/7.16.3 libcurl/7.16.3 OpenSSL/0.9.7l zlib/1.2.3'],
        ['host', 'www.example.com'],
        ['accept-language', 'en, mi'],
      ],
      body: new Uint8Array(),
    }
    expect(decodeRequest(rfcRequest)).toEqual({ ok: true, value: expected })
    expect(await requestOf([...rfcRequest].map((byte) => Uint8Array.of(byte)))).toEqual(expected)
  })

  test('whatever is written, of either form and cut anyhow, is read back', async () => {
    await fc.assert(
      fc.asyncProperty(requests, fc.boolean(), cuts, cuts, async (one, isKnown, writes, reads) => {
        const { body, ...rest } = one
        const options = isKnown ? { contentLength: body.length } : {}
        const message = await gathered(encodeRequestStream(rest, split(body, writes), options))
        expect(decodeRequest(message)).toEqual({ ok: true, value: one })
        expect(await requestOf(split(message, reads))).toEqual(one)
        expect(await requestOf(split(encodeRequest(one), reads))).toEqual(one)
      }),
      { numRuns: 100 },
    )
  })

  test('whole and piece by piece, every input is read the same way', async () => {
    const start = fc.constantFrom(
      '',
      '000347455405687474707300012f',
      '020347455405687474707300012f',
    )
    await fc.assert(
      fc.asyncProperty(start, fc.uint8Array({ maxLength: 80 }), cuts, async (text, rest, reads) => {
        const bytes = concat(hex(text), rest)
        const whole = decodeRequest(bytes)
        const streamed = await requestOf(split(bytes, reads))
        // Content that is longer than a message which is held whole may be still to come.
        const isLong = !whole.ok && whole.problem.code === 'bhttp-too-large'
        if (isLong && streamed === 'bhttp-truncated') return
        expect(streamed).toEqual(whole.ok ? whole.value : whole.problem.code)
      }),
      { numRuns: 500 },
    )
  })

  test('a cut is refused everywhere but before parts that are empty', async () => {
    const message = await gathered(encodeRequestStream(head, utf8Of('body')))
    // The two zeros at the end close the content and the trailers; the latter may be missing.
    for (let length = 0; length < message.length - 1; length++) {
      const beforeContent = message.length - 2 - 5
      const expected =
        length === beforeContent
          ? { ...head, body: new Uint8Array() }
          : length === requestLineBytes
            ? { ...head, headers: [], body: new Uint8Array() }
            : 'bhttp-truncated'
      expect(await requestOf(message.subarray(0, length)), `cut at ${length}`).toEqual(expected)
    }
    expect(await requestOf(message.subarray(0, -1))).toEqual({ ...head, body: utf8Of('body') })
  })

  test.each([
    ['bhttp-framing', 'a trailer', '03 616263 00 01 61 01 61 00'],
    ['bhttp-trailing-bytes', 'padding that is not zero', '00 00 00 01'],
    ['bhttp-too-large', 'a chunk beyond 53 bits', 'ffffffffffffffff'],
    ['bhttp-truncated', 'content without its end', '03 616263'],
  ])('%s: %s', async (code, _, rest) => {
    const start = hex('02 03474554 056874747073 00 012f 00')
    expect(await requestOf(concat(start, hex(rest)))).toBe(code)
  })

  test('the limits hold, before what is beyond them is read', async () => {
    const line = hex('02 03474554 056874747073 00 012f')
    const field = hex('01 61 01 62')
    const fields = (count: number): Uint8Array =>
      concat(line, ...Array<Uint8Array>(count).fill(field), Uint8Array.of(0))
    expect(await requestOf(fields(channelLimits.fieldsMax))).toMatchObject({ method: 'GET' })
    expect(await requestOf(fields(channelLimits.fieldsMax + 1))).toBe('bhttp-too-large')
    async function* longField(): AsyncGenerator<Uint8Array> {
      yield concat(line, hex('01 61 80 01 00 00'))
      throw new Error('read on')
    }
    expect(await requestOf(longField())).toBe('bhttp-too-large')
    const decoded = await decodeRequestStream(concat(line, hex('00 03 616263 03 616263 00 00')), {
      contentBytesMax: 5,
    })
    if (!decoded.ok) throw new Error(decoded.problem.code)
    await expect(gathered(decoded.value.body)).rejects.toMatchObject({
      problem: { code: 'bhttp-too-large' },
    })
  })

  test('content that is nearly all lengths of pieces is refused', async () => {
    const line = hex('02 03474554 056874747073 00 012f 00')
    const pieces = (count: number): Uint8Array =>
      concat(line, new Uint8Array(2 * count).fill(1), Uint8Array.of(0, 0))
    expect(await requestOf(pieces(69_000))).toMatchObject({ body: new Uint8Array(69_000).fill(1) })
    expect(await requestOf(pieces(71_000))).toBe('bhttp-too-large')
    expect(decodeRequest(pieces(71_000))).toMatchObject({ problem: { code: 'bhttp-too-large' } })
  })

  test('content of another length than was said leaves no whole message', async () => {
    for (const contentLength of [3, 5]) {
      const message = encodeRequestStream(head, [utf8Of('bo'), utf8Of('dy')], { contentLength })
      await expect(gathered(message)).rejects.toMatchObject({ problem: { code: 'bhttp-framing' } })
    }
  })

  test('a head that HTTP cannot carry is refused before anything is read', () => {
    const body: AsyncIterable<Uint8Array> = {
      [Symbol.asyncIterator]: () => {
        throw new Error('read')
      },
    }
    expect(() => encodeRequestStream({ ...head, path: '/a b' }, body)).toThrow(TypeError)
    expect(() => encodeResponseStream({ status: 103, headers: [] }, body)).toThrow(TypeError)
  })
})

const requestLineBytes = 1 + 5 + 6 + 1 + 9

describe('responses that come piece by piece', () => {
  const early: readonly InformationalResponse[] = [
    { status: 102, headers: [['running', '"sleep 15"']] },
    { status: 103, headers: [['link', '</style.css>; rel=preload; as=style']] },
  ]

  test('the example of the RFC is read, with what came before it', async () => {
    const seen: InformationalResponse[] = []
    const decoded = await decodeResponseStream(rfcResponse, {
      onInformational: (one) => seen.push(one),
    })
    if (!decoded.ok) throw new Error(decoded.problem.code)
    expect(seen).toEqual([
      { status: 102, headers: [['running', '"sleep 15"']] },
      {
        status: 103,
        headers: [
          ['link', '</style.css>; rel=preload; as=style'],
          ['link', '</script.js>; rel=preload; as=script'],
        ],
      },
    ])
    expect(decoded.value.status).toBe(200)
    expect(decoded.value.headers).toHaveLength(8)
    expect(textOf(await gathered(decoded.value.body))).toBe(
      'Hello World! My content includes a trailing CRLF.\r\n',
    )
  })

  test.each([
    ['known', { contentLength: 4 }],
    ['indeterminate', {}],
  ])('of %s length, informational ones are handed on as they come', async (_, options) => {
    const response = { status: 200, headers: [['a', 'b']] as const }
    const message = await gathered(
      encodeResponseStream(response, utf8Of('body'), { ...options, informational: early }),
    )
    const seen: InformationalResponse[] = []
    const decoded = await decodeResponseStream(
      [...message].map((byte) => Uint8Array.of(byte)),
      {
        onInformational: (one) => seen.push(one),
      },
    )
    if (!decoded.ok) throw new Error(decoded.problem.code)
    expect(seen).toEqual(early)
    expect(decoded.value).toMatchObject(response)
    expect(await gathered(decoded.value.body)).toEqual(utf8Of('body'))
    expect(decodeResponse(message)).toEqual({
      ok: true,
      value: { ...response, body: utf8Of('body') },
    })
  })

  test('a status that no such response has, and too many before the final one', async () => {
    for (const [text, code] of [
      ['03 4258', 'bhttp-status'],
      ['03 21', 'bhttp-status'],
      ['02', 'bhttp-framing'],
      [`03${'406600'.repeat(channelLimits.informationalMax + 1)}40c8`, 'bhttp-too-large'],
    ] as const) {
      const decoded = await decodeResponseStream(hex(text))
      expect(decoded.ok ? 'read' : decoded.problem.code).toBe(code)
    }
  })

  test('an end without anything after the status is an empty response', async () => {
    const decoded = await decodeResponseStream(hex('03 40c8'))
    if (!decoded.ok) throw new Error(decoded.problem.code)
    expect(hexOf(await gathered(decoded.value.body))).toBe('')
  })
})
