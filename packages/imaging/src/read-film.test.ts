import { deflateRawSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { explicitLittleEndian, readDataSet } from './data-set.ts'
import { defaultImagingLimits } from './limits.ts'
import { readFilm } from './read-film.ts'
import { encodeLosslessJpeg, encodeRle } from './testing/encoders.ts'
import {
  columns,
  film,
  filmAttributes,
  jpeg2000Of,
  jpegLsOf,
  jpegOf,
  losslessFilms,
  picture,
  pictureGrey,
  pngOf,
  rows,
} from './testing/films.ts'
import { transferSyntaxUid } from './transfer-syntax.ts'
import { type DicomAttributes, writeDicom } from './write-dicom.ts'

const films = await losslessFilms()
const jpeg = await jpegOf()

const codeOf = async (bytes: Uint8Array, options = {}): Promise<string> => {
  const outcome = await readFilm(bytes, options)
  return outcome.ok ? 'read' : outcome.problem.code
}

const codesOf = async (bytes: Uint8Array): Promise<readonly string[]> => {
  const outcome = await readFilm(bytes)
  return outcome.ok ? outcome.value.warnings.map(({ code }) => code) : [outcome.problem.code]
}

describe('one film in many encodings', () => {
  for (const [name, bytes] of films) {
    test(`${name} gives the same grey`, async () => {
      const outcome = await readFilm(bytes)
      expect(outcome).toMatchObject({ ok: true, value: { rows, columns } })
      if (!outcome.ok) return
      const worst = outcome.value.grey.reduce(
        (most, value, index) => Math.max(most, Math.abs(value - (pictureGrey[index] ?? 9))),
        0,
      )
      expect(worst).toBeLessThan(1 / 510)
      expect(outcome.value.colour).toBe(0)
    })
  }

  test('lossy JPEG is near it, as a file and in DICOM, and says that it is lossy', async () => {
    const wrapped = film({ PixelData: [jpeg] }, transferSyntaxUid.jpegBaseline)
    for (const bytes of [jpeg, wrapped]) {
      const outcome = await readFilm(bytes)
      if (!outcome.ok) throw new Error(outcome.problem.code)
      const { grey, warnings } = outcome.value
      const sum = grey.reduce(
        (total, value, index) => total + Math.abs(value - (pictureGrey[index] ?? 9)),
        0,
      )
      expect(sum / grey.length).toBeLessThan(0.02)
      expect(warnings.map(({ code }) => code)).toContain('lossy')
    }
  })
})

test('a film says what its file says', async () => {
  expect(await readFilm(film())).toMatchObject({
    ok: true,
    value: {
      source: 'dicom',
      modality: 'DX',
      bodyPart: 'CHEST',
      viewPosition: 'AP',
      transferSyntaxUid: '1.2.840.10008.1.2.1',
      studyInstanceUid: '2.25.2',
      seriesInstanceUid: '2.25.3',
      sopInstanceUid: '2.25.1',
      numberOfFrames: 1,
      warnings: [],
    },
  })
})

test('what is no code and no UID counts as absent', async () => {
  const odd = { Modality: 'DX\u001b[2J', StudyInstanceUID: '1.2<b>', BodyPartExamined: 'Å' }
  expect(await readFilm(film(odd))).toMatchObject({
    ok: true,
    value: { modality: undefined, studyInstanceUid: undefined, bodyPart: undefined },
  })
})

test('a film without window is stretched from its least to its greatest value, and says so', async () => {
  const stored = Uint16Array.from(picture, (value) => 1_000 + value)
  const outcome = await readFilm(
    film({
      BitsAllocated: 16,
      BitsStored: 12,
      HighBit: 11,
      PixelData: new Uint8Array(stored.buffer),
    }),
  )
  if (!outcome.ok) throw new Error(outcome.problem.code)
  expect(Math.min(...outcome.value.grey)).toBe(0)
  expect(Math.max(...outcome.value.grey)).toBe(1)
  expect(outcome.value.warnings.map(({ code }) => code)).toEqual(['window-from-pixels'])
})

test('what is odd but readable is said', async () => {
  const twice = Uint8Array.from([...picture, ...picture])
  expect(await codesOf(film({ NumberOfFrames: '2', PixelData: twice }))).toEqual([
    'first-frame-of-many',
  ])
  expect(await codesOf(film({ PixelData: twice }))).toEqual(['length-of-pixels'])
  expect(await codesOf(film({ BurnedInAnnotation: 'YES' }))).toEqual(['burned-in-annotation'])
  expect(await codesOf(film({ PresentationLUTShape: 'INVERSE' }))).toEqual(['presentation-shape'])
  expect(await codesOf(film({ WindowCenter: '1', WindowWidth: '0' }))).toEqual(['window-unusable'])
  const overlaid = Uint16Array.from(picture, (value) => value | 0x8000)
  const other = {
    BitsAllocated: 16,
    WindowCenter: '128',
    WindowWidth: '256',
    PixelData: new Uint8Array(overlaid.buffer),
  }
  expect(await codesOf(film(other))).toEqual(['bits-outside-stored'])
  const mislabelled = film({ PixelData: [jpeg] }, transferSyntaxUid.jpegLosslessSv1)
  expect(await codesOf(mislabelled)).toEqual(['mislabelled', 'lossy'])
})

test('bytes that are no film are refused by name', async () => {
  const ascii = (text: string): Uint8Array => Buffer.from(text, 'latin1')
  expect(await codeOf(new Uint8Array())).toBe('empty')
  expect(await codeOf(ascii('This is a letter, not a film.'))).toBe('unknown-format')
  expect(await codeOf(film().subarray(132))).toBe('no-preamble')
  expect(await codeOf(film().subarray(0, 132))).toBe('no-transfer-syntax')
  expect(await codeOf(film().subarray(0, 130))).toBe('unknown-format')
})

test('content that was announced as another is refused', async () => {
  expect(await codeOf(jpeg, { contentType: 'application/dicom' })).toBe('content-type-differs')
  expect(await codeOf(film(), { contentType: 'image/png' })).toBe('content-type-differs')
  expect(await codeOf(film(), { contentType: 'text/html' })).toBe('content-type-differs')
  expect(await codeOf(film(), { contentType: 'Application/DICOM; a=b' })).toBe('read')
  expect(await codeOf(film(), { contentType: 'application/octet-stream' })).toBe('read')
})

test('image headers that make no sense are refused', async () => {
  const code = (other: DicomAttributes): Promise<string> => codeOf(film(other))
  expect(await code({ Rows: 0 })).toBe('malformed-image-header')
  expect(await code({ NumberOfFrames: '1A' })).toBe('malformed-image-header')
  expect(await code({ NumberOfFrames: '0' })).toBe('malformed-image-header')
  expect(await code({ BitsStored: 9 })).toBe('malformed-image-header')
  expect(await code({ HighBit: 8 })).toBe('malformed-image-header')
  expect(await code({ SamplesPerPixel: 3 })).toBe('malformed-image-header')
  expect(await code({ PixelRepresentation: 2 })).toBe('malformed-image-header')
  expect(await code({ PhotometricInterpretation: '' })).toBe('malformed-image-header')
  expect(await code({ PhotometricInterpretation: 'CMYK' })).toBe('unsupported-pixels')
  expect(await code({ BitsAllocated: 7 })).toBe('unsupported-pixels')
  const { PixelData: _, ...without } = filmAttributes
  expect(await codeOf(writeDicom(without))).toBe('no-pixels')
})

test('each limit has a film on each side of it', async () => {
  const limit = (name: keyof typeof defaultImagingLimits, value: number) => ({
    limits: { ...defaultImagingLimits, [name]: value },
  })
  const bytes = film()
  expect(await codeOf(bytes, limit('fileBytesMax', bytes.length))).toBe('read')
  expect(await codeOf(bytes, limit('fileBytesMax', bytes.length - 1))).toBe('too-large')
  expect(await codeOf(bytes, limit('pixelsMax', rows * columns))).toBe('read')
  expect(await codeOf(bytes, limit('pixelsMax', rows * columns - 1))).toBe('image-too-large')
  expect(await codeOf(bytes, limit('sideMax', columns - 1))).toBe('image-too-large')
  expect(await codeOf(jpeg, limit('sideMax', columns))).toBe('read')
  expect(await codeOf(jpeg, limit('sideMax', columns - 1))).toBe('image-too-large')
  expect(await codeOf(pngOf(), limit('pixelsMax', rows * columns - 1))).toBe('image-too-large')
  const elements = Object.keys(filmAttributes).length + 1
  expect(await codeOf(bytes, limit('elementsMax', elements))).toBe('read')
  expect(await codeOf(bytes, limit('elementsMax', elements - 1))).toBe('too-many-elements')
  const two = film({ NumberOfFrames: '2', PixelData: Uint8Array.from([...picture, ...picture]) })
  expect(await codeOf(two, limit('framesMax', 2))).toBe('read')
  expect(await codeOf(two, limit('framesMax', 1))).toBe('too-many-frames')
  expect(await codeOf(nested(3), limit('sequenceDepthMax', 3))).toBe('read')
  expect(await codeOf(nested(4), limit('sequenceDepthMax', 3))).toBe('nested-too-deep')
  expect(await codeOf(jpeg, limit('scansMax', 1))).toBe('read')
  expect(await codeOf(jpeg, limit('scansMax', 0))).toBe('too-many-scans')
})

test('a deflated data set that inflates without end is refused', async () => {
  const deflated = film({}, transferSyntaxUid.deflated)
  expect(
    await codeOf(deflated, { limits: { ...defaultImagingLimits, inflatedBytesMax: 1_000 } }),
  ).toBe('inflated-too-large')
  const { meta } = partsOf(deflated)
  const bomb = Buffer.concat([meta, deflateRawSync(Buffer.alloc(140_000_000), { level: 1 })])
  const started = performance.now()
  expect(await codeOf(bomb)).toBe('inflated-too-large')
  expect(performance.now() - started).toBeLessThan(5_000)
})

test('twenty thousand sequences within each other are refused and overflow nothing', async () => {
  expect(await codeOf(nested(20_000))).toBe('nested-too-deep')
})

test('a film that announces more than it holds is refused without taking memory for it', async () => {
  const before = process.memoryUsage().arrayBuffers
  expect(await codeOf(film({ Rows: 65_535, Columns: 65_535 }))).toBe('image-too-large')
  expect(await codeOf(film({ NumberOfFrames: '2147483647' }))).toBe('too-many-frames')
  expect(await codeOf(film({ NumberOfFrames: '900' }))).toBe('truncated-pixels')
  expect(await codeOf(film({ Rows: 5_000, Columns: 5_000 }))).toBe('truncated-pixels')
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(50_000_000)
})

test('a codestream of another size than the header is refused, in every coding', async () => {
  const shape = { rows, columns, precision: 8, components: 1, samples: picture }
  const lossless = encodeLosslessJpeg(shape, { predictor: 1 })
  const codestreams: readonly (readonly [string, Uint8Array, string])[] = [
    [transferSyntaxUid.rle, encodeRle(picture, 1), 'truncated-pixels'],
    [transferSyntaxUid.jpegLossless, lossless, 'pixels-contradict-header'],
    [transferSyntaxUid.jpegBaseline, jpeg, 'pixels-contradict-header'],
    [transferSyntaxUid.jpegLs, await jpegLsOf(), 'pixels-contradict-header'],
    [transferSyntaxUid.jpeg2000, await jpeg2000Of(), 'pixels-contradict-header'],
  ]
  for (const [syntax, codestream, code] of codestreams) {
    const other = { Rows: rows + 1, PixelData: [codestream] }
    expect(await codeOf(film(other, syntax))).toBe(code)
  }
})

test('a codestream that is cut inside a whole file is refused, in every coding', async () => {
  const shape = { rows, columns, precision: 8, components: 1, samples: picture }
  const lossless = encodeLosslessJpeg(shape, { predictor: 1 })
  const codestreams: readonly (readonly [string, Uint8Array])[] = [
    [transferSyntaxUid.rle, encodeRle(picture, 1)],
    [transferSyntaxUid.jpegLossless, lossless],
    [transferSyntaxUid.jpegBaseline, jpeg],
    [transferSyntaxUid.jpegLs, await jpegLsOf()],
    [transferSyntaxUid.jpeg2000, await jpeg2000Of()],
  ]
  for (const [syntax, codestream] of codestreams) {
    for (const part of [0.02, 0.3, 0.6, 0.9]) {
      const cut = codestream.subarray(0, Math.floor(codestream.length * part))
      expect(await codeOf(film({ PixelData: [cut] }, syntax)), `${syntax} ${part}`).not.toBe('read')
    }
  }
})

test('pixels that are not coded as labelled are refused', async () => {
  const codes = [transferSyntaxUid.rle, transferSyntaxUid.jpegLs, transferSyntaxUid.jpeg2000]
  for (const syntax of codes) {
    expect(await codeOf(film({}, syntax))).toBe('malformed-pixels')
    expect(await codeOf(film({ PixelData: [jpeg] }, syntax))).not.toBe('read')
  }
  expect(await codeOf(film({ PixelData: [jpeg] }))).toBe('malformed-pixels')
})

test('transfer syntaxes that are not read are refused by name', async () => {
  for (const uid of ['1.2.840.10008.1.2.4.201', '1.2.840.10008.1.2.4.110']) {
    expect(await codeOf(film({ PixelData: [jpeg] }, uid))).toBe('unsupported-transfer-syntax')
  }
  const unknown = film()
  unknown.set(Buffer.from('1.2.840.10008.1.2.9'), indexOf(unknown, '1.2.840.10008.1.2.1\0'))
  expect(await codeOf(unknown)).toBe('unsupported-transfer-syntax')
})

test('every truncation of a film is refused, or flagged, whatever its encoding', async () => {
  let cuts = 0
  for (const [name, bytes] of [...films, ['JPEG', jpeg] as const]) {
    const step = Math.max(1, Math.floor(bytes.length / 40))
    for (let length = 0; length < bytes.length; length += step) {
      cuts++
      const outcome = await readFilm(bytes.subarray(0, length))
      const isFlagged =
        outcome.ok && outcome.value.warnings.some(({ code }) => /damaged/.test(code))
      expect(!outcome.ok || isFlagged, `${name} cut at ${length}`).toBe(true)
    }
  }
  expect(cuts).toBeGreaterThan(500)
})

test('no bytes make it throw', async () => {
  await fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 400 }), async (bytes) => {
      await readFilm(bytes)
      await readFilm(Buffer.concat([Buffer.alloc(128), Buffer.from('DICM'), bytes]))
      await readFilm(Buffer.concat([Uint8Array.of(0xff, 0xd8, 0xff), bytes]))
      await readFilm(Buffer.concat([pngOf().subarray(0, 33), bytes]))
    }),
    { numRuns: 200 },
  )
})

test('no change of a film makes it throw', async () => {
  const all = [...films.values(), jpeg]
  await fc.assert(
    fc.asyncProperty(
      fc.nat(all.length - 1),
      fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.nat(255)), {
        minLength: 1,
        maxLength: 8,
      }),
      async (index, changes) => {
        const bytes = (all[index] ?? new Uint8Array()).slice()
        for (const [place, value] of changes) {
          bytes[Math.floor(place * (bytes.length - 1))] = value
        }
        await readFilm(bytes)
      },
    ),
    { numRuns: 300 },
  )
})

/** The film with `depth` sequences of undefined length within each other, before its pixels. */
function nested(depth: number): Uint8Array {
  const open = Buffer.from('0800821053510000ffffffff' + 'feff00e0ffffffff', 'hex')
  const close = Buffer.from('feff0de000000000' + 'feffdde000000000', 'hex')
  const { meta, body } = partsOf(film())
  const at = indexOf(body, 'DX')
  const before = at - 8
  return Buffer.concat([
    meta,
    body.subarray(0, before),
    ...Array.from({ length: depth }, () => open),
    ...Array.from({ length: depth }, () => close),
    body.subarray(before),
  ])
}

/** A Part 10 file's meta information with what is before it, and its data set. */
function partsOf(bytes: Uint8Array): { readonly meta: Uint8Array; readonly body: Uint8Array } {
  const { end } = readDataSet(
    bytes,
    132,
    explicitLittleEndian,
    defaultImagingLimits,
    (tag) => tag >>> 16 === 2,
  )
  return { meta: bytes.subarray(0, end), body: bytes.subarray(end) }
}

function indexOf(bytes: Uint8Array, text: string): number {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).indexOf(text, 0, 'latin1')
}
