import fc from 'fast-check'
import { expect, test } from 'vitest'
import { decodeLosslessJpeg } from './lossless-jpeg.ts'
import { outcomeOf } from './refusal.ts'
import { encodeLosslessJpeg } from './testing/encoders.ts'

const plane = fc
  .record({
    rows: fc.integer({ min: 1, max: 9 }),
    columns: fc.integer({ min: 1, max: 9 }),
    precision: fc.integer({ min: 2, max: 16 }),
    components: fc.constantFrom(1, 3),
  })
  .chain((shape) =>
    fc
      .array(fc.integer({ min: 0, max: 2 ** shape.precision - 1 }), {
        minLength: shape.rows * shape.columns * shape.components,
        maxLength: shape.rows * shape.columns * shape.components,
      })
      .map((samples) => ({ ...shape, samples })),
  )

test('what was encoded is decoded: every predictor, 2 to 16 bits, one and three components, restarts', () => {
  fc.assert(
    fc.property(
      plane,
      fc.integer({ min: 1, max: 7 }),
      fc.integer({ min: 0, max: 3 }),
      (picture, predictor, restartRows) => {
        const bytes = encodeLosslessJpeg(picture, { predictor, restartRows })
        const decoded = decodeLosslessJpeg(bytes, picture)
        expect(Array.from(decoded.samples)).toEqual(picture.samples)
      },
    ),
    { numRuns: 400 },
  )
})

test('a difference of 32768 has no further bits', () => {
  const picture = { rows: 1, columns: 3, precision: 16, components: 1, samples: [0, 32_768, 0] }
  const bytes = encodeLosslessJpeg(picture, { predictor: 1 })
  expect(Array.from(decodeLosslessJpeg(bytes, picture).samples)).toEqual(picture.samples)
})

test('a point transform leaves out the low bits', () => {
  const picture = { rows: 2, columns: 2, precision: 8, components: 1, samples: [255, 7, 128, 9] }
  const bytes = encodeLosslessJpeg(picture, { predictor: 4, pointTransform: 2 })
  expect(Array.from(decodeLosslessJpeg(bytes, picture).samples)).toEqual([252, 4, 128, 8])
})

const good = { rows: 4, columns: 5, precision: 12, components: 1, samples: [4_095, 1, 2, 3, 900] }

test('every proper prefix is refused as cut', () => {
  const bytes = encodeLosslessJpeg(good, { predictor: 1 })
  for (let length = 2; length < bytes.length; length++) {
    const outcome = outcomeOf(() => decodeLosslessJpeg(bytes.subarray(0, length), good))
    expect(outcome).toMatchObject({ ok: false, problem: { code: 'truncated-pixels' } })
  }
})

test('a codestream of another shape is refused before it is decoded', () => {
  const bytes = encodeLosslessJpeg(good, { predictor: 1 })
  expect(outcomeOf(() => decodeLosslessJpeg(bytes, { ...good, rows: 5 }))).toMatchObject({
    ok: false,
    problem: { code: 'pixels-contradict-header' },
  })
})

test('entropy-coded data that end too early are refused', () => {
  const bytes = encodeLosslessJpeg(good, { predictor: 1 })
  const cut = Uint8Array.from([...bytes.subarray(0, bytes.length - 6), 0xff, 0xd9])
  expect(outcomeOf(() => decodeLosslessJpeg(cut, good))).toMatchObject({
    ok: false,
    problem: { code: 'truncated-pixels' },
  })
})

test('no change of bytes makes it throw', () => {
  const bytes = encodeLosslessJpeg(good, { predictor: 1 })
  fc.assert(
    fc.property(
      fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
      (changes) => {
        const changed = bytes.slice()
        for (const [offset, value] of changes) changed[offset] = value
        outcomeOf(() => decodeLosslessJpeg(changed, good))
      },
    ),
    { numRuns: 500 },
  )
})
