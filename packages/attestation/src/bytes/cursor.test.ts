import { expect, test } from 'vitest'
import { ok, parsing, refuse } from './index.ts'

const input = Uint8Array.of(0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08)

test('numbers are little-endian', () => {
  expect(
    parsing(input, (cursor) => [cursor.u8(), cursor.u16(), cursor.u32(), cursor.u8()]),
  ).toEqual(ok([0x01, 0x0302, 0x07060504, 0x08]))
  expect(parsing(input, (cursor) => cursor.u64())).toEqual(ok(0x0807060504030201n))
})

test('a view into a larger buffer is read from its own start', () => {
  expect(parsing(input.subarray(2, 4), (cursor) => cursor.u16())).toEqual(ok(0x0403))
})

test('reading past the end is refused where it began', () => {
  const read = parsing(input, (cursor) => [cursor.skip(6), cursor.u32()])
  expect(read).toMatchObject({ ok: false, problem: { code: 'truncated', at: '@0x6' } })
})

test('bytes left over are refused', () => {
  const read = parsing(input, (cursor) => cursor.bytes(7))
  expect(read).toMatchObject({ ok: false, problem: { code: 'trailing-bytes', at: '@0x7' } })
})

test('reserved bytes are zero', () => {
  const read = (bytes: Uint8Array): unknown => parsing(bytes, (cursor) => cursor.reserved(2))
  expect(read(Uint8Array.of(0, 0))).toMatchObject({ ok: true })
  expect(read(Uint8Array.of(0, 1))).toMatchObject({ problem: { code: 'reserved-not-zero' } })
})

test('the rest may be nothing, and offsets are counted', () => {
  expect(
    parsing(input, (cursor) => {
      const before = cursor.offset()
      const rest = cursor.rest()
      return [before, rest.length, cursor.offset(), cursor.rest().length]
    }),
  ).toEqual(ok([0, 8, 8, 0]))
})

test("another parser's refusal is this one's", () => {
  const read = parsing<never, 'inner'>(input, (cursor) =>
    cursor.accept(refuse('inner', '@0x0', 'refused')),
  )
  expect(read).toMatchObject({ ok: false, problem: { code: 'inner' } })
})

test('a broken program is not taken for broken input', () => {
  const broken = (): unknown =>
    parsing(input, () => {
      throw new TypeError('broken')
    })
  expect(broken).toThrow(TypeError)
})
