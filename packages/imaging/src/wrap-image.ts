import type { Result } from '@sealward/attestation/bytes'
import type { FilmIdentity, FilmProblem } from './film.ts'
import { defaultImagingLimits, type ImagingLimits } from './limits.ts'
import { isJpeg, isPng, jpegFileHeader, type Picture, readJpeg, readPng } from './picture.ts'
import { rgbToGrey } from './presentation.ts'
import { formatOf } from './read-film.ts'
import { fail, outcomeLater } from './refusal.ts'
import { transferSyntaxUid } from './transfer-syntax.ts'
import { type DicomAttributes, writeDicom } from './write-dicom.ts'

export interface WrapOptions {
  readonly studyInstanceUid: string
  readonly seriesInstanceUid: string
  readonly sopInstanceUid: string
  /** 'secondary-capture' unless told. 'dx' is a Digital X-Ray image, which has to be grey. */
  readonly kind?: 'secondary-capture' | 'dx'
  readonly patient?: Partial<
    Pick<FilmIdentity, 'patientId' | 'issuerOfPatientId' | 'name' | 'birthDate' | 'sex'>
  >
  /** Marks the film as showing no real person. */
  readonly synthetic?: boolean
  /** Further elements, by keyword; they win. */
  readonly attributes?: DicomAttributes
  readonly limits?: ImagingLimits
}

/**
 * Wraps a PNG or JPEG file as a DICOM instance.
 *
 * A baseline JPEG is encapsulated unchanged, byte for byte; so it is for 'dx' when it is grey.
 * Everything else is decoded and written as uncompressed grey. Text in the picture file (Exif) goes
 * along with an unchanged JPEG.
 *
 * @returns a Part 10 file, or the problem of the picture; `unknown-format` when it is neither.
 */
export async function wrapImage(
  image: Uint8Array,
  options: WrapOptions,
): Promise<Result<Uint8Array, FilmProblem>> {
  const { limits = defaultImagingLimits } = options
  return outcomeLater(async () => {
    formatOf(image, limits)
    if (isJpeg(image)) return wrapJpeg(image, options, limits)
    if (!isPng(image)) return fail('unknown-format', '@0x0', 'neither PNG nor JPEG')
    return wrapPixels(readPng(image, limits), options, false)
  })
}

async function wrapJpeg(
  image: Uint8Array,
  options: WrapOptions,
  limits: ImagingLimits,
): Promise<Uint8Array> {
  const { process, components, rows, columns, sampling } = jpegFileHeader(image, limits)
  const isGrey = components === 1
  const isWhole = sampling.every(([across, down]) => across === 1 && down === 1)
  if (process !== 0xc0 || (options.kind === 'dx' && !isGrey)) {
    return wrapPixels(await readJpeg(image, limits), options, true)
  }
  const attributes = {
    ...common(options),
    ...lossy,
    SamplesPerPixel: components,
    PhotometricInterpretation: isGrey ? 'MONOCHROME2' : isWhole ? 'YBR_FULL' : 'YBR_FULL_422',
    ...(isGrey ? {} : { PlanarConfiguration: 0 }),
    Rows: rows,
    Columns: columns,
    ...depth(8),
    PixelData: [image],
    ...options.attributes,
  }
  return writeDicom(attributes, transferSyntaxUid.jpegBaseline)
}

function wrapPixels(picture: Picture, options: WrapOptions, isLossy: boolean): Uint8Array {
  const { rows, columns, bits } = picture
  const attributes = {
    ...common(options),
    ...(isLossy ? lossy : {}),
    SamplesPerPixel: 1,
    PhotometricInterpretation: 'MONOCHROME2',
    Rows: rows,
    Columns: columns,
    ...depth(bits),
    // The whole range of the picture file, so that no reader stretches it.
    ...(bits === 16 ? { WindowCenter: 32_768, WindowWidth: 65_536 } : {}),
    PixelData: greyBytes(picture),
    ...options.attributes,
  }
  return writeDicom(attributes)
}

function greyBytes({ samples, channels, bits }: Picture): Uint8Array {
  const white = bits === 16 ? 65_535 : 255
  const grey =
    channels > 2
      ? rgbToGrey(samples, channels as 3 | 4, 1).grey
      : Float32Array.from({ length: samples.length / channels }, (_, pixel) => {
          return samples[pixel * channels] ?? 0
        })
  const rounded = Uint16Array.from(grey, (value) => Math.min(Math.round(value), white))
  return bits === 16 ? littleEndian(rounded) : Uint8Array.from(rounded)
}

function littleEndian(words: Uint16Array): Uint8Array {
  const bytes = new Uint8Array(words.length * 2)
  const view = new DataView(bytes.buffer)
  for (const [index, word] of words.entries()) view.setUint16(index * 2, word, true)
  return bytes
}

const sopClass = {
  'secondary-capture': '1.2.840.10008.5.1.4.1.1.7',
  dx: '1.2.840.10008.5.1.4.1.1.1.1',
} as const

const sexes = { male: 'M', female: 'F', other: 'O' } as const

const lossy: DicomAttributes = {
  LossyImageCompression: '01',
  LossyImageCompressionMethod: 'ISO_10918_1',
}

function depth(bits: 8 | 16): DicomAttributes {
  return { BitsAllocated: bits, BitsStored: bits, HighBit: bits - 1, PixelRepresentation: 0 }
}

/** All but the pixels. @see PS3.3, A.8.1 (Secondary Capture) and A.26 (Digital X-Ray) */
function common(options: WrapOptions): DicomAttributes {
  const { kind = 'secondary-capture', patient = {}, synthetic = false } = options
  return {
    SOPClassUID: sopClass[kind],
    SOPInstanceUID: options.sopInstanceUid,
    StudyInstanceUID: options.studyInstanceUid,
    SeriesInstanceUID: options.seriesInstanceUid,
    PatientName: patient.name ?? '',
    PatientID: patient.patientId ?? '',
    ...(patient.issuerOfPatientId === undefined
      ? {}
      : { IssuerOfPatientID: patient.issuerOfPatientId }),
    PatientBirthDate: patient.birthDate?.replaceAll('-', '') ?? '',
    PatientSex: patient.sex === undefined ? '' : sexes[patient.sex],
    StudyDate: '',
    StudyTime: '',
    StudyID: '',
    AccessionNumber: '',
    ReferringPhysicianName: '',
    Manufacturer: '',
    SeriesNumber: 1,
    InstanceNumber: 1,
    PatientOrientation: '',
    ...(kind === 'dx' ? digitalXRay : { Modality: 'OT', ConversionType: 'WSD' }),
    ...(synthetic ? noRealPerson : {}),
  }
}

const digitalXRay: DicomAttributes = {
  Modality: 'DX',
  PresentationIntentType: 'FOR PRESENTATION',
  ImageType: 'DERIVED\\PRIMARY',
  BodyPartExamined: 'CHEST',
  PixelIntensityRelationship: 'LOG',
  PixelIntensityRelationshipSign: -1,
  RescaleIntercept: '0',
  RescaleSlope: '1',
  RescaleType: 'US',
  PresentationLUTShape: 'IDENTITY',
  ImageLaterality: 'U',
  AnatomicRegionSequence: [
    { CodeValue: '43799004', CodingSchemeDesignator: 'SCT', CodeMeaning: 'Chest' },
  ],
  AcquisitionContextSequence: [],
}

/** Marks that travel with the file, where a person and where a program looks. */
const noRealPerson: DicomAttributes = {
  QualityControlImage: 'YES',
  BurnedInAnnotation: 'NO',
  RecognizableVisualFeatures: 'NO',
  ImageComments: 'SYNTHETIC: no real person',
  PatientComments: 'SYNTHETIC: no real person',
  ContributingEquipmentSequence: [
    {
      Manufacturer: 'Sealward',
      ContributionDescription: 'Made as test data; shows no real person',
    },
  ],
}
