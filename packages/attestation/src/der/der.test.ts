import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { bytesOfHex, hexOf, ok } from '../bytes/index.ts'
import {
  bitString,
  boolean,
  element,
  objectIdentifier,
  octetString,
  sequence,
  unsignedInteger,
} from '../sample/der-writer.ts'
import { derDepthMax, derTag, parsingDer } from './index.ts'

const der = (hex: string): Uint8Array => bytesOfHex(hex) ?? new Uint8Array()
const any = (hex: string): unknown => parsingDer(der(hex), (reader) => reader.any().tag)

describe('lengths', () => {
  test.each([
    ['0500', 'short'],
    [`0481${(0x80).toString(16)}${'00'.repeat(0x80)}`, 'of one byte'],
    [`04820100${'00'.repeat(0x100)}`, 'of two bytes'],
  ])('in their shortest form are read: %#', (hex) => {
    expect(any(hex)).toMatchObject({ ok: true })
  })

  test.each([
    ['3080', 'indefinite'],
    ['048101ff', 'a short length in the long form'],
    [`04820080${'00'.repeat(0x80)}`, 'a leading zero'],
    ['0485000000000100', 'more than four bytes'],
  ])('%s are refused: %s', (hex) => {
    expect(any(hex)).toMatchObject({ ok: false, problem: { code: 'der-malformed' } })
  })

  test.each(['04', '0401', '3003020101ff'.slice(0, 8), '0484ffffffff00'])(
    '%s ends early',
    (hex) => {
      expect(any(hex)).toMatchObject({ ok: false, problem: { code: 'truncated' } })
    },
  )

  test('nothing may follow', () => {
    expect(any('05000500')).toMatchObject({ problem: { code: 'trailing-bytes', at: '@0x2' } })
  })
})

test('long tag numbers are refused', () => {
  expect(any('1f2000')).toMatchObject({ problem: { code: 'der-malformed' } })
})

test('an element cannot reach out of the one around it', () => {
  const read = parsingDer(der('3003040300050505'), (reader) => {
    reader.inside(derTag.sequence, (inner) => inner.octets())
    return reader.any()
  })
  expect(read).toMatchObject({ ok: false, problem: { code: 'truncated' } })
})

test('what is entered is read to its end', () => {
  const read = parsingDer(sequence(boolean(true), boolean(true)), (reader) =>
    reader.inside(derTag.sequence, (inner) => inner.boolean()),
  )
  expect(read).toMatchObject({ problem: { code: 'der-malformed' } })
})

test('nesting is as deep as allowed and no deeper', () => {
  const nested = (depth: number): Uint8Array =>
    Array.from({ length: depth }).reduce<Uint8Array>((inner) => sequence(inner), new Uint8Array())
  const depthOf = (input: Uint8Array): unknown =>
    parsingDer<number>(input, (reader) => {
      const descend = (inner: typeof reader): number =>
        inner.hasMore() ? 1 + inner.inside(derTag.sequence, descend) : 0
      return descend(reader)
    })
  expect(depthOf(nested(derDepthMax))).toEqual(ok(derDepthMax))
  expect(depthOf(nested(derDepthMax + 1))).toMatchObject({ problem: { code: 'der-too-deep' } })
})

describe('values', () => {
  test.each([
    ['020100', '00'],
    ['02017f', '7f'],
    ['02020080', '0080'],
    ['0201ff', 'ff'],
    ['0202ff7f', 'ff7f'],
  ])('INTEGER %s', (hex, content) => {
    const read = parsingDer(der(hex), (reader) => hexOf(reader.integer()))
    expect(read).toEqual(ok(content))
  })

  test.each(['0200', '02020001', '0202ff80', '0203000080'])('%s is no INTEGER', (hex) => {
    const read = parsingDer(der(hex), (reader) => reader.integer())
    expect(read).toMatchObject({ problem: { code: 'der-malformed' } })
  })

  test('numbers from 0 to a maximum come back, others are refused', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0x7fff_ffff }), (value) => {
        const read = (max: number): unknown =>
          parsingDer(unsignedInteger(value), (reader) => reader.unsigned(max))
        expect(read(value)).toEqual(ok(value))
        if (value > 0) expect(read(value - 1)).toMatchObject({ ok: false })
      }),
    )
    const negative = parsingDer(der('0201ff'), (reader) => reader.unsigned(255))
    expect(negative).toMatchObject({ ok: false })
  })

  test.each([
    ['0101ff', true],
    ['010100', false],
  ])('BOOLEAN %s', (hex, value) => {
    expect(parsingDer(der(hex), (reader) => reader.boolean())).toEqual(ok(value))
  })

  test.each(['010101', '0100', '0102ffff'])('%s is no BOOLEAN', (hex) => {
    expect(parsingDer(der(hex), (reader) => reader.boolean())).toMatchObject({ ok: false })
  })

  test('object identifiers come back', () => {
    const arc = fc.integer({ min: 0, max: 0xffff_ffff })
    const oid = fc
      .tuple(
        fc.integer({ min: 0, max: 2 }),
        fc.integer({ min: 0, max: 39 }),
        fc.array(arc, { maxLength: 4 }),
      )
      .map(([first, second, others]) => [first, second, ...others].join('.'))
    fc.assert(
      fc.property(oid, (dotted) => {
        const read = parsingDer(objectIdentifier(dotted), (reader) => reader.objectIdentifier())
        expect(read).toEqual(ok(dotted))
      }),
    )
  })

  test.each(['0600', '0601ff', '06028001', `0621${'01'.repeat(33)}`])(
    '%s is no object identifier',
    (hex) => {
      const read = parsingDer(der(hex), (reader) => reader.objectIdentifier())
      expect(read).toMatchObject({ problem: { code: 'der-malformed' } })
    },
  )

  test('bits that do not count are zero, and keys and signatures have none', () => {
    const bits = (input: Uint8Array): unknown => parsingDer(input, (reader) => reader.bits())
    const whole = (input: Uint8Array): unknown => parsingDer(input, (reader) => reader.wholeBits())
    expect(bits(bitString(Uint8Array.of(0xc0), 6))).toMatchObject({ ok: true })
    expect(bits(bitString(Uint8Array.of(0xc1), 6))).toMatchObject({ ok: false })
    expect(bits(bitString(Uint8Array.of(0x00), 8))).toMatchObject({ ok: false })
    expect(bits(bitString(new Uint8Array(), 1))).toMatchObject({ ok: false })
    expect(bits(element(derTag.bitString))).toMatchObject({ ok: false })
    expect(whole(bitString(Uint8Array.of(0xc0), 6))).toMatchObject({ ok: false })
    expect(whole(bitString(Uint8Array.of(0xc0)))).toMatchObject({ ok: true })
  })
})

test('an element of another tag is refused', () => {
  const read = parsingDer(octetString(new Uint8Array(1)), (reader) => reader.integer())
  expect(read).toMatchObject({ problem: { code: 'der-malformed', at: '@0x0' } })
})
