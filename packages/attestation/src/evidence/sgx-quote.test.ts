import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, hexOf } from '../bytes/index.ts'
import { sampleWorld } from '../verification/sample-world.fixtures.ts'
import { dcapQuoteBytesMax, parseSgxQuote } from './index.ts'

const { vendor, enclave, quote } = await sampleWorld()

test('a sample quote says what was quoted', () => {
  expect(parseSgxQuote(quote)).toMatchObject({
    ok: true,
    value: {
      version: 3,
      attestationKeyType: 2,
      qeSvn: 8,
      pceSvn: 13,
      reportBody: {
        mrEnclave: enclave.mrEnclave,
        mrSigner: enclave.mrSigner,
        isvProdId: enclave.isvProdId,
        isvSvn: enclave.isvSvn,
        configId: enclave.configId,
        reportData: enclave.reportData,
        debug: false,
        kss: true,
      },
      certificationData: { type: 5 },
      trailingBytes: 0,
    },
  })
})

test('debugging and KSS are what the attributes say', async () => {
  const { configId: _none, ...withoutKss } = enclave
  expect(parseSgxQuote(await vendor.quote({ ...withoutKss, debug: true }))).toMatchObject({
    ok: true,
    value: { reportBody: { debug: true, kss: false, configId: new Uint8Array(64) } },
  })
})

test('every proper prefix of a quote is refused', () => {
  for (let length = 0; length < quote.length; length++) {
    expect(parseSgxQuote(quote.subarray(0, length)).ok).toBe(false)
  }
})

test('what follows a quote is counted', () => {
  expect(parseSgxQuote(concat(quote, Uint8Array.of(1, 2, 3)))).toMatchObject({
    ok: true,
    value: { trailingBytes: 3 },
  })
})

test('a quote is as large as allowed and no larger', () => {
  const padded = (length: number): Uint8Array =>
    concat(quote, new Uint8Array(length - quote.length))
  expect(parseSgxQuote(padded(dcapQuoteBytesMax))).toMatchObject({ ok: true })
  expect(parseSgxQuote(padded(dcapQuoteBytesMax + 1))).toMatchObject({
    problem: { code: 'quote-too-large' },
  })
})

describe('what is not understood is refused', () => {
  const chainSize = quote.length - (436 + 64 + 64 + 384 + 64 + 2 + 32 + 6)
  const certificationType = quote.length - chainSize - 6
  test.each([
    [0, 2, 'unsupported-version'],
    [0, 6, 'unsupported-version'],
    [2, 3, 'unsupported-attestation-key-type'],
    [4, 1, 'unsupported-tee-type'],
    [4, 0x81, 'unsupported-tee-type'],
    [12, 0, 'unsupported-qe-vendor'],
    [48 + 20, 1, 'reserved-not-zero'],
    [48 + 96, 1, 'reserved-not-zero'],
    [48 + 160, 1, 'reserved-not-zero'],
    [48 + 262, 1, 'reserved-not-zero'],
    [432, (quote[432] ?? 0) - 1, 'length-mismatch'],
    [certificationType, 6, 'unsupported-certification-data'],
    [certificationType, 0, 'unsupported-certification-data'],
  ])('byte %i with value %i: %s', (offset, value, code) => {
    const changed = quote.slice()
    changed[offset] = value
    expect(parseSgxQuote(changed)).toMatchObject({ ok: false, problem: { code } })
  })
})

test('the parsed quote does not change with its input', () => {
  const input = Buffer.from(quote)
  const parsed = parseSgxQuote(input)
  if (!parsed.ok) throw new Error(parsed.problem.code)
  const before = hexOf(parsed.value.signedBytes)
  input.fill(0)
  expect(hexOf(parsed.value.signedBytes)).toBe(before)
  expect(hexOf(parsed.value.reportBody.mrEnclave)).toBe(hexOf(enclave.mrEnclave))
})

test('no bytes make the parser throw', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2000 }), (bytes) => {
      parseSgxQuote(bytes)
    }),
  )
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 6 }),
      (changes) => {
        const changed = quote.slice()
        for (const [place, byte] of changes) changed[place % changed.length] = byte
        parseSgxQuote(changed)
      },
    ),
    { numRuns: 500 },
  )
})
