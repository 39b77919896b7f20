import fc from 'fast-check'
import { expect, test } from 'vitest'
import { bytesOfHex, CborTag, cborOf } from './index.ts'

const limits = { bytesMax: 64, depthMax: 3 }
const hex = (text: string): Uint8Array => bytesOfHex(text) ?? new Uint8Array()

test('maps keep whole-number keys, byte strings are copies, known tags are kept', () => {
  const input = hex('a2014200ff616182f5d2f6')
  const parsed = cborOf(input, limits, [18])
  expect(parsed).toEqual({
    ok: true,
    value: new Map<unknown, unknown>([
      [1, Uint8Array.of(0, 0xff)],
      ['a', [true, new CborTag(18, null)]],
    ]),
  })
})

test.each([
  ['an unknown tag', 'd3f6'],
  ['an indefinite length', '9f01ff'],
  ['a number longer than it need be', '1817'],
  ['a length longer than it need be', '580100'],
  ['a key twice', 'a201000100'],
  ['undefined', 'f7'],
  ['a byte after the item', '0000'],
  ['nothing', ''],
  ['an item that ends early', '5a00000010'],
  ['an array that ends early', '8201'],
  ['a count beyond the input', '9bffffffffffffffff'],
  ['text that is not UTF-8', '61ff'],
])('%s is refused', (_, input) => {
  expect(cborOf(hex(input), limits, [18])).toMatchObject({
    ok: false,
    problem: { code: 'cbor-malformed' },
  })
})

test('nesting is bounded before anything is decoded', () => {
  expect(cborOf(hex('818181f6'), limits)).toMatchObject({ ok: true })
  expect(cborOf(hex('81818181f6'), limits)).toMatchObject({
    ok: false,
    problem: { code: 'cbor-too-deep' },
  })
  const deep = new Uint8Array(20_001).fill(0x81)
  expect(cborOf(deep, { bytesMax: 30_000, depthMax: 16 })).toMatchObject({
    ok: false,
    problem: { code: 'cbor-too-deep' },
  })
})

test('size is bounded', () => {
  expect(cborOf(new Uint8Array(65), limits)).toMatchObject({
    ok: false,
    problem: { code: 'cbor-too-large' },
  })
})

test('no bytes make it throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 64 }), (bytes) => {
      cborOf(bytes, limits, [18])
    }),
  )
})
