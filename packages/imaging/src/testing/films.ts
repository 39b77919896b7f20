/** Small films that tests make themselves, in every encoding that is read. */

import { createRequire } from 'node:module'
import { encode as encodePngFile } from 'fast-png'
import { transferSyntaxUid } from '../transfer-syntax.ts'
import { type DicomAttributes, writeDicom } from '../write-dicom.ts'
import { encodeLosslessJpeg, encodeRle } from './encoders.ts'

export const rows = 40
export const columns = 56

/** A made-up picture of 8 bits: two bright fields, a dark middle, some texture. */
export const picture: Uint8Array = Uint8Array.from({ length: rows * columns }, (_, index) => {
  const row = Math.floor(index / columns)
  const column = index % columns
  const field = Math.cos((column / columns) * 4 * Math.PI) * Math.sin((row / rows) * Math.PI)
  return Math.round(120 + 90 * field + ((row * 7 + column * 13) % 11))
})

/** What every lossless encoding of it must come out as. */
export const pictureGrey: Float32Array = Float32Array.from(picture, (value) => value / 255)

const uids = {
  SOPClassUID: '1.2.840.10008.5.1.4.1.1.1.1',
  SOPInstanceUID: '2.25.1',
  StudyInstanceUID: '2.25.2',
  SeriesInstanceUID: '2.25.3',
}

export const filmAttributes: DicomAttributes = {
  ...uids,
  Modality: 'DX',
  BodyPartExamined: 'CHEST',
  ViewPosition: 'AP',
  PatientName: 'Synthetic^Film',
  PatientID: 'SYN-1',
  PatientBirthDate: '20200229',
  PatientSex: 'F',
  SamplesPerPixel: 1,
  PhotometricInterpretation: 'MONOCHROME2',
  Rows: rows,
  Columns: columns,
  BitsAllocated: 8,
  BitsStored: 8,
  HighBit: 7,
  PixelRepresentation: 0,
  PixelData: picture,
}

/** The film in the plainest encoding, with other attributes where given. */
export function film(other: DicomAttributes = {}, syntax?: string): Uint8Array {
  return writeDicom({ ...filmAttributes, ...other }, syntax)
}

const words = (values: ArrayLike<number>): Uint8Array =>
  new Uint8Array(Uint16Array.from(values).buffer)

const twelveBits: DicomAttributes = {
  BitsAllocated: 16,
  BitsStored: 12,
  HighBit: 11,
  WindowCenter: '2040.5',
  WindowWidth: 4081,
}
const twelve = Uint16Array.from(picture, (value) => value * 16)

const palette: DicomAttributes = Object.fromEntries(
  ['Red', 'Green', 'Blue'].flatMap((colour) => [
    [`${colour}PaletteColorLookupTableDescriptor`, [256, 0, 16]],
    [
      `${colour}PaletteColorLookupTableData`,
      words(Array.from({ length: 256 }, (_, value) => value << 8)),
    ],
  ]),
)

const colours: DicomAttributes = { SamplesPerPixel: 3, PhotometricInterpretation: 'RGB' }

interface Encoder {
  getDecodedBuffer(info: object): Uint8Array
  getEncodedBuffer(): Uint8Array
  encode(): void
  delete(): void
}

type Codec = Readonly<Record<string, new () => Encoder & Record<string, (value: number) => void>>>

async function encoded(
  module: string,
  name: string,
  pixels: Uint8Array,
  setUp: (encoder: Record<string, (...values: never[]) => void>) => void = () => {},
): Promise<Uint8Array> {
  const factory = createRequire(import.meta.url)(module) as (options: object) => Promise<Codec>
  const codec = await factory({ print: () => {}, printErr: () => {} })
  const Encoder = codec[name]
  if (Encoder === undefined) throw new Error(`no ${name}`)
  const encoder = new Encoder()
  const info = {
    width: columns,
    height: rows,
    bitsPerSample: 8,
    componentCount: 1,
    isSigned: false,
  }
  encoder.getDecodedBuffer(info).set(pixels)
  setUp(encoder as never)
  encoder.encode()
  const bytes = new Uint8Array(encoder.getEncodedBuffer())
  encoder.delete()
  return bytes
}

/** A grey JPEG of the picture; lossy. */
export function jpegOf(pixels: Uint8Array = picture, isProgressive = false): Promise<Uint8Array> {
  return encoded(
    '@cornerstonejs/codec-libjpeg-turbo-8bit/wasmjs',
    'JPEGEncoder',
    pixels,
    (encoder) => encoder['setProgressive']?.(...([isProgressive] as never[])),
  )
}

export function jpegLsOf(pixels: Uint8Array = picture): Promise<Uint8Array> {
  return encoded('@cornerstonejs/codec-charls/wasmjs', 'JpegLSEncoder', pixels)
}

export function jpeg2000Of(pixels: Uint8Array = picture): Promise<Uint8Array> {
  return encoded('@cornerstonejs/codec-openjpeg/wasmjs', 'J2KEncoder', pixels, (encoder) => {
    encoder['setQuality']?.(...([true, 0] as never[]))
  })
}

/** A PNG of the picture, of 1 (grey), 3 or 4 channels and 8 or 16 bits. */
export function pngOf(channels: 1 | 2 | 3 | 4 = 1, bits: 8 | 16 = 8): Uint8Array {
  const white = bits === 16 ? 65_535 : 255
  const values = Array.from(picture).flatMap((value) => {
    const sample = bits === 16 ? value * 257 : value
    const own = channels < 3 ? [sample] : [sample, sample, sample]
    return channels % 2 === 0 ? [...own, white] : own
  })
  const data = bits === 16 ? Uint16Array.from(values) : Uint8Array.from(values)
  return encodePngFile({ width: columns, height: rows, data, channels, depth: bits })
}

/** One film in every lossless encoding: all must come out as the same grey. */
export async function losslessFilms(): Promise<ReadonlyMap<string, Uint8Array>> {
  const thrice = (values: Uint8Array): Uint8Array =>
    Uint8Array.from({ length: values.length * 3 }, (_, index) => values[Math.floor(index / 3)] ?? 0)
  const lossless = (predictor: number): Uint8Array =>
    encodeLosslessJpeg(
      { rows, columns, precision: 8, components: 1, samples: picture },
      { predictor },
    )
  const ybr = Uint8Array.from({ length: picture.length * 3 }, (_, index) =>
    index % 3 === 0 ? (picture[index / 3] ?? 0) : 128,
  )
  const signed = Int16Array.from(picture, (value) => value - 128)
  return new Map<string, Uint8Array>([
    ['explicit little endian', film()],
    ['implicit little endian', film({}, transferSyntaxUid.implicitLittleEndian)],
    ['explicit big endian', film({}, transferSyntaxUid.explicitBigEndian)],
    ['deflated', film({}, transferSyntaxUid.deflated)],
    ['RLE', film({ PixelData: [encodeRle(picture, 1)] }, transferSyntaxUid.rle)],
    ['JPEG lossless SV1', film({ PixelData: [lossless(1)] }, transferSyntaxUid.jpegLosslessSv1)],
    [
      'JPEG lossless, predictor 6',
      film({ PixelData: [lossless(6)] }, transferSyntaxUid.jpegLossless),
    ],
    ['JPEG-LS', film({ PixelData: [await jpegLsOf()] }, transferSyntaxUid.jpegLs)],
    ['JPEG 2000', film({ PixelData: [await jpeg2000Of()] }, transferSyntaxUid.jpeg2000Lossless)],
    [
      'MONOCHROME1',
      film({
        PhotometricInterpretation: 'MONOCHROME1',
        PixelData: picture.map((value) => 255 - value),
      }),
    ],
    ['12 bits with a window', film({ ...twelveBits, PixelData: words(twelve) })],
    [
      '12 bits, big endian',
      film({ ...twelveBits, PixelData: words(twelve) }, transferSyntaxUid.explicitBigEndian),
    ],
    [
      '12 bits, RLE',
      film({ ...twelveBits, PixelData: [encodeRle(words(twelve), 2)] }, transferSyntaxUid.rle),
    ],
    [
      'signed, with rescale and an exact window',
      film({
        BitsAllocated: 16,
        BitsStored: 16,
        HighBit: 15,
        PixelRepresentation: 1,
        RescaleSlope: '2',
        RescaleIntercept: '256',
        WindowCenter: '255',
        WindowWidth: '510',
        VOILUTFunction: 'LINEAR_EXACT',
        PixelData: new Uint8Array(signed.buffer),
      }),
    ],
    [
      'modality and VOI look-up tables',
      film({
        ModalityLUTSequence: [
          {
            LUTDescriptor: [256, 0, 16],
            ModalityLUTType: 'US',
            LUTData: words(Array.from({ length: 256 }, (_, value) => value * 3)),
          },
        ],
        VOILUTSequence: [
          {
            LUTDescriptor: [766, 0, 16],
            LUTData: words(Array.from({ length: 766 }, (_, value) => Math.round(value / 3) * 257)),
          },
        ],
      }),
    ],
    ['RGB', film({ ...colours, PlanarConfiguration: 0, PixelData: thrice(picture) })],
    [
      'RGB in planes',
      film({
        ...colours,
        PlanarConfiguration: 1,
        PixelData: Uint8Array.from([...picture, ...picture, ...picture]),
      }),
    ],
    [
      'YBR_FULL',
      film({
        ...colours,
        PhotometricInterpretation: 'YBR_FULL',
        PlanarConfiguration: 0,
        PixelData: ybr,
      }),
    ],
    ['PALETTE COLOR', film({ PhotometricInterpretation: 'PALETTE COLOR', ...palette })],
    ['PNG', pngOf()],
    ['PNG, 16 bits', pngOf(1, 16)],
    ['PNG, grey and alpha', pngOf(2)],
    ['PNG, colour', pngOf(3)],
    ['PNG, colour and alpha, 16 bits', pngOf(4, 16)],
  ])
}
