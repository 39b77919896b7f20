import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bytesOfHex, concat, hexOf, utf8Of } from '../bytes/index.ts'
import {
  type BinaryRequest,
  decodeRequest,
  decodeResponse,
  encodeRequest,
  encodeResponse,
} from './bhttp.ts'
import { channelLimits } from './limits.ts'

const hex = (text: string): Uint8Array => bytesOfHex(text) ?? new Uint8Array()

/** RFC 9292, section 5.1, figure 8. */
const rfcRequest = hex(
  '0003474554056874747073000a2f68656c6c6f2e747874406c0a757365722d6167656e74346375726c2f372e31362e33' +
    '206c69626375726c2f372e31362e33204f70656e53534c2f302e392e376c207a6c69622f312e322e3304686f73740f77' +
    '77772e6578616d706c652e636f6d0f6163636570742d6c616e677561676506656e2c206d690000',
)

const rfcFields: BinaryRequest = {
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

/** Framing, request line `GET https "" /`, and then `rest`. */
const request = (rest: string): Uint8Array =>
  hex(`00 03474554 056874747073 00 012f ${rest}`.replaceAll(' ', ''))
const codeOf = (result: { ok: boolean; problem?: { code: string } }): string | undefined =>
  result.problem?.code

describe('requests', () => {
  test('the example of the RFC is read and written', () => {
    expect(decodeRequest(rfcRequest)).toEqual({ ok: true, value: rfcFields })
    expect(hexOf(encodeRequest(rfcFields))).toBe(hexOf(rfcRequest))
  })

  test('a message may end before empty parts', () => {
    for (const bytes of [request(''), request('00'), request('0000'), request('000000')]) {
      expect(decodeRequest(bytes)).toMatchObject({ ok: true, value: { path: '/', headers: [] } })
    }
  })

  test('padding is zero bytes, and only those', () => {
    expect(decodeRequest(request('00000000000000')).ok).toBe(true)
    expect(codeOf(decodeRequest(request('00000000000100')))).toBe('bhttp-trailing-bytes')
  })

  test('reading what was written gives it back', () => {
    const token = fc.stringMatching(/^[a-z][a-z0-9-]{0,20}$/)
    const value = fc.stringMatching(/^([!-~]([ -~]{0,20}[!-~])?)?$/)
    const any = fc.record({
      method: fc.constantFrom('GET', 'POST', 'PUT'),
      scheme: fc.constant('https'),
      authority: fc.constantFrom('', 'platform.example'),
      path: fc.stringMatching(/^\/[!-~]{0,80}$/),
      headers: fc.array(fc.tuple(token, value), { maxLength: 8 }),
      body: fc.uint8Array({ maxLength: 20_000 }),
    })
    fc.assert(
      fc.property(any, (one) => {
        expect(decodeRequest(encodeRequest(one))).toEqual({ ok: true, value: one })
      }),
      { numRuns: 50 },
    )
  })

  test('a cut anywhere else is refused', () => {
    const whole = encodeRequest({ ...rfcFields, method: 'POST', body: utf8Of('body') })
    // Nothing of the message is lost when the empty trailers or the whole of what follows is.
    const allowed = [whole.length - 1]
    const parts = [whole.length - 6, whole.length - 6 - 2 - 0x6c]
    for (let length = 0; length < whole.length; length++) {
      const result = decodeRequest(whole.subarray(0, length))
      if (allowed.includes(length)) expect(result.ok).toBe(true)
      else if (!parts.includes(length)) expect(codeOf(result)).toBe('bhttp-truncated')
    }
  })

  test.each([
    ['bhttp-framing', 'a response', '01'],
    ['bhttp-framing', 'an indeterminate-length response', '0340c80000'],
    ['bhttp-truncated', 'nothing', ''],
  ])('%s: %s', (code, _, text) => {
    expect(codeOf(decodeRequest(hex(text)))).toBe(code)
  })

  test.each([
    ['bhttp-field', 'an upper-case name', '04 01 41 01 61'],
    ['bhttp-field', 'a pseudo-header', '08 05 3a70617468 01 2f'],
    ['bhttp-field', 'a line break in a value', '06 01 61 03 610a62'],
    ['bhttp-field', 'a NUL in a value', '04 01 61 01 00'],
    ['bhttp-field', 'a blank around a value', '05 01 61 02 2061'],
    ['bhttp-field', 'a value that is not ASCII', '05 01 61 02 c3a9'],
    ['bhttp-field', 'an empty name', '03 00 01 61'],
    ['bhttp-framing', 'a trailer', '00 00 04 01 61 01 61'],
    ['bhttp-truncated', 'a field section longer than the message', '20 01 61 01 61'],
    ['bhttp-too-large', 'a length beyond 53 bits', '00 ffffffffffffffff'],
  ])('%s: %s', (code, _, rest) => {
    expect(codeOf(decodeRequest(request(rest.replaceAll(' ', ''))))).toBe(code)
  })

  test('a field that runs over the end of its section is refused', () => {
    expect(codeOf(decodeRequest(request('03016101610000')))).toBe('bhttp-field')
  })

  test.each([
    ['a blank in the path', { path: '/a b' }],
    ['a path without its root', { path: 'a' }],
    ['a line break in the path', { path: '/\r\nx: y' }],
    ['a method that is not a token', { method: 'GET ' }],
  ])('%s is neither written nor read', (_, change) => {
    const one = { ...rfcFields, ...change }
    expect(() => encodeRequest(one)).toThrow(TypeError)
    const text = (part: string): Uint8Array => concat(Uint8Array.of(part.length), utf8Of(part))
    const bytes = concat(hex('00'), text(one.method), text('https'), hex('00'), text(one.path))
    expect(codeOf(decodeRequest(bytes))).toBe('bhttp-control')
  })

  test('no bytes make it throw', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        decodeRequest(bytes)
        decodeResponse(bytes)
        decodeRequest(concat(request(''), bytes))
      }),
    )
  })

  test('the limits on fields hold', () => {
    const fields = (count: number): Uint8Array =>
      encodeRequest({ ...rfcFields, headers: Array(count).fill(['a', 'b']) })
    expect(decodeRequest(fields(channelLimits.fieldsMax)).ok).toBe(true)
    expect(codeOf(decodeRequest(fields(channelLimits.fieldsMax + 1)))).toBe('bhttp-too-large')
  })
})

describe('responses', () => {
  test('the example of RFC 9458 is read', () => {
    expect(decodeResponse(hex('0140c8'))).toEqual({
      ok: true,
      value: { status: 200, headers: [], body: new Uint8Array() },
    })
  })

  test('reading what was written gives it back', () => {
    const response = { status: 404, headers: [['a', 'b']] as const, body: utf8Of('{}') }
    expect(decodeResponse(encodeResponse(response))).toEqual({ ok: true, value: response })
  })

  test('informational responses are passed over, up to a limit', () => {
    const early = (count: number): Uint8Array => hex(`01${'406600'.repeat(count)}40c80002686900`)
    expect(decodeResponse(early(2))).toMatchObject({ ok: true, value: { status: 200 } })
    expect(codeOf(decodeResponse(early(channelLimits.informationalMax + 1)))).toBe(
      'bhttp-too-large',
    )
  })

  test('a status that no final response has is neither read nor written', () => {
    expect(codeOf(decodeResponse(hex('014258')))).toBe('bhttp-status')
    expect(codeOf(decodeResponse(hex('0121')))).toBe('bhttp-status')
    expect(() => encodeResponse({ status: 101, headers: [], body: new Uint8Array() })).toThrow()
  })
})
