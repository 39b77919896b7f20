import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  base64Of,
  base64UrlOf,
  bytesOf,
  bytesOfBase64,
  bytesOfBase64Url,
  bytesOfHex,
  concat,
  equalBytes,
  hexOf,
  sha256,
  sha384,
  textOf,
  utf8Of,
} from './index.ts'

const anyBytes = fc.uint8Array({ maxLength: 200 })

test('a byte string of another length is none of this length', () => {
  expect(bytesOf(3, new Uint8Array(2))).toBe(undefined)
  expect(bytesOf(3, new Uint8Array(4))).toBe(undefined)
  expect(bytesOf(3, Uint8Array.of(1, 2, 3))).toEqual(Uint8Array.of(1, 2, 3))
})

test('a byte string of fixed length is a copy', () => {
  const source = Buffer.from([1, 2, 3])
  const copy = bytesOf(3, source)
  source[0] = 9
  expect(copy).toEqual(Uint8Array.of(1, 2, 3))
})

describe('text forms', () => {
  test('hex, base64 and base64url give the bytes back', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        expect(bytesOfHex(hexOf(bytes))).toEqual(bytes)
        expect(bytesOfBase64(base64Of(bytes))).toEqual(bytes)
        expect(bytesOfBase64Url(base64UrlOf(bytes))).toEqual(bytes)
      }),
    )
  })

  test('they are those of Node', () => {
    fc.assert(
      fc.property(anyBytes, (bytes) => {
        expect(hexOf(bytes)).toBe(Buffer.from(bytes).toString('hex'))
        expect(base64Of(bytes)).toBe(Buffer.from(bytes).toString('base64'))
        expect(base64UrlOf(bytes)).toBe(Buffer.from(bytes).toString('base64url'))
      }),
    )
  })

  test('a text has one byte string, and a byte string one text', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...Array.from('AQgw-_+/= \n09z')), maxLength: 9 }),
        (text) => {
          const fromUrl = bytesOfBase64Url(text)
          if (fromUrl !== undefined) expect(base64UrlOf(fromUrl)).toBe(text)
          const from = bytesOfBase64(text)
          if (from !== undefined) expect(base64Of(from)).toBe(text)
        },
      ),
      { numRuns: 2000 },
    )
  })

  test.each(['A', 'AB', 'AA==', 'A A', 'AA=A', '+/8', 'AAAAA'])('%j is no base64url', (text) => {
    expect(bytesOfBase64Url(text)).toBe(undefined)
  })

  test.each(['A', 'AA', 'AB==', 'AA=', 'AAA', '-_8=', 'A===', '===='])(
    '%j is no base64',
    (text) => {
      expect(bytesOfBase64(text)).toBe(undefined)
    },
  )

  test.each(['0', '0g', ' 00', '0x00'])('%j is no hex', (text) => {
    expect(bytesOfHex(text)).toBe(undefined)
  })

  test('hex of either case is read', () => {
    expect(bytesOfHex('aBCd')).toEqual(Uint8Array.of(0xab, 0xcd))
  })

  test('what is not UTF-8 is no text, and a byte order mark stays', () => {
    expect(textOf(Uint8Array.of(0xff))).toBe(undefined)
    expect(textOf(Uint8Array.of(0xc0, 0x80))).toBe(undefined)
    expect(textOf(utf8Of('\ufeffa'))).toBe('\ufeffa')
  })

  test('a large byte string has a text form', () => {
    const large = new Uint8Array(1_000_001).fill(0x5a)
    expect(bytesOfBase64Url(base64UrlOf(large))).toEqual(large)
  })
})

test('byte strings are the same when every byte is, and only then', () => {
  fc.assert(
    fc.property(anyBytes, anyBytes, (a, b) => {
      expect(equalBytes(a, a.slice())).toBe(true)
      expect(equalBytes(a, b)).toBe(hexOf(a) === hexOf(b))
    }),
  )
  expect(equalBytes(Uint8Array.of(1), Uint8Array.of(1, 0))).toBe(false)
  expect(equalBytes(Uint8Array.of(0), new Uint8Array())).toBe(false)
})

test('parts follow each other', () => {
  expect(concat(Uint8Array.of(1), new Uint8Array(), Uint8Array.of(2, 3))).toEqual(
    Uint8Array.of(1, 2, 3),
  )
})

test('digests are those of FIPS 180-4, appendix', async () => {
  const abc = utf8Of('abc')
  expect(hexOf(await sha256(abc))).toBe(
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  )
  expect(hexOf(await sha384(abc))).toBe(
    'cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed' +
      '8086072ba1e7cc2358baeca134c825a7',
  )
})
