import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { utf8Of } from '../bytes/index.ts'
import { derTag } from '../der/index.ts'
import { parseAmdExtensions } from './index.ts'

const prefix = '1.3.6.1.4.1.3704.1'

/** Short forms only: tag, length, content. */
function element(tag: number, content: Uint8Array): Uint8Array {
  return Uint8Array.of(tag, content.length, ...content)
}

function level(value: number): Uint8Array {
  const sign = value > 0x7f ? [0] : []
  return element(derTag.integer, Uint8Array.of(...sign, value))
}

function text(value: string): Uint8Array {
  return element(derTag.ia5String, utf8Of(value))
}

const chip = Uint8Array.from({ length: 64 }, (_, index) => index)

const milan: Readonly<Record<string, Uint8Array | undefined>> = {
  '1': level(0),
  '2': text('Milan-B0'),
  '3.1': level(3),
  '3.2': level(0),
  '3.3': level(22),
  '3.8': level(209),
  '4': chip,
}

function parse(values: Readonly<Record<string, Uint8Array | undefined>>): unknown {
  const extensions = Object.entries(values).flatMap(([name, value]) =>
    value === undefined ? [] : [{ oid: `${prefix}.${name}`, critical: false, value }],
  )
  return parseAmdExtensions({ extensions })
}

const malformed = { ok: false, problem: { code: 'amd-extension-malformed' } }

test('levels, product and chip of a VCEK are read', () => {
  expect(parse(milan)).toEqual({
    ok: true,
    value: {
      productName: 'Milan-B0',
      tcb: { fmc: undefined, bootloader: 3, tee: 0, snp: 22, microcode: 209 },
      hwId: chip,
      cspId: undefined,
    },
  })
})

test("Turin's FMC and its chip of 8 bytes are read", () => {
  const hwId = chip.subarray(8, 16)
  expect(parse({ ...milan, '2': text('Turin'), '3.9': level(1), '4': hwId })).toMatchObject({
    ok: true,
    value: { productName: 'Turin', tcb: { fmc: 1 }, hwId },
  })
})

test('a VLEK names a provider and no chip', () => {
  const vlek = { ...milan, '2': text('Milan'), '4': undefined, '5': text('CN=provider.example') }
  expect(parse(vlek)).toMatchObject({
    ok: true,
    value: { hwId: undefined, cspId: 'CN=provider.example' },
  })
})

describe('the chip', () => {
  test.each([8, 64])('of %i bytes may stand in an OCTET STRING', (length) => {
    const hwId = chip.subarray(0, length)
    expect(parse({ ...milan, '4': element(derTag.octetString, hwId) })).toMatchObject({
      ok: true,
      value: { hwId },
    })
  })

  test.each([0, 1, 7, 9, 32, 63, 65])('of %i bytes is refused, wrapped or not', (length) => {
    const hwId = new Uint8Array(length)
    expect(parse({ ...milan, '4': hwId })).toMatchObject(malformed)
    expect(parse({ ...milan, '4': element(derTag.octetString, hwId) })).toMatchObject(malformed)
  })

  test('stays what it was when the bytes it was read from change', () => {
    const hwId = chip.slice()
    const parsed = parse({ ...milan, '4': hwId })
    hwId.fill(0xff)
    expect(parsed).toMatchObject({ value: { hwId: chip } })
  })
})

describe('is refused', () => {
  test.each(['2', '3.1', '3.2', '3.3', '3.8'])('without extension %s', (name) => {
    expect(parse({ ...milan, [name]: undefined })).toMatchObject(malformed)
  })

  test.each(['3.1', '3.2', '3.3', '3.8', '3.9'])('with %s above a byte', (name) => {
    const tooLarge = element(derTag.integer, Uint8Array.of(1, 0))
    expect(parse({ ...milan, [name]: tooLarge })).toMatchObject(malformed)
  })

  test.each(['3.1', '3.9'])('with %s negative, or followed by more', (name) => {
    const negative = element(derTag.integer, Uint8Array.of(0x80))
    expect(parse({ ...milan, [name]: negative })).toMatchObject(malformed)
    const more = Uint8Array.of(...level(3), 0)
    expect(parse({ ...milan, [name]: more })).toMatchObject(malformed)
  })

  test.each(['3.4', '3.5', '3.6', '3.7'])('with a level %s that is not zero', (name) => {
    expect(parse({ ...milan, [name]: level(0) })).toMatchObject({ ok: true })
    expect(parse({ ...milan, [name]: level(1) })).toMatchObject(malformed)
  })

  test.each(['2', '5'])('with %s that is no text', (name) => {
    expect(parse({ ...milan, [name]: level(1) })).toMatchObject(malformed)
  })
})

test('no values make it throw', () => {
  const value = fc.uint8Array({ maxLength: 80 })
  const names = ['2', '3.4', '3.1', '3.2', '3.3', '3.8', '3.9', '4', '5']
  fc.assert(
    fc.property(fc.dictionary(fc.constantFrom(...names), value), (changed) => {
      parse({ ...milan, ...changed })
    }),
  )
})
