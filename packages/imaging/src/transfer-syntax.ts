import {
  type Encoding,
  explicitBigEndian,
  explicitLittleEndian,
  implicitLittleEndian,
} from './data-set.ts'

/** How the pixels of a transfer syntax are written. */
export type PixelCoding =
  | 'native'
  | 'rle'
  | 'jpeg-baseline'
  | 'jpeg-lossless'
  | 'jpeg-ls'
  | 'jpeg-2000'
  | 'unsupported'

export interface TransferSyntax {
  readonly name: string
  readonly encoding: Encoding
  readonly deflated: boolean
  readonly pixels: PixelCoding
  readonly lossy: boolean
}

export const transferSyntaxUid = {
  implicitLittleEndian: '1.2.840.10008.1.2',
  explicitLittleEndian: '1.2.840.10008.1.2.1',
  deflated: '1.2.840.10008.1.2.1.99',
  explicitBigEndian: '1.2.840.10008.1.2.2',
  rle: '1.2.840.10008.1.2.5',
  jpegBaseline: '1.2.840.10008.1.2.4.50',
  jpegLossless: '1.2.840.10008.1.2.4.57',
  jpegLosslessSv1: '1.2.840.10008.1.2.4.70',
  jpegLs: '1.2.840.10008.1.2.4.80',
  jpegLsNear: '1.2.840.10008.1.2.4.81',
  jpeg2000Lossless: '1.2.840.10008.1.2.4.90',
  jpeg2000: '1.2.840.10008.1.2.4.91',
} as const

/** @see PS3.6, annex A; the retired and unsupported ones are here so that they are refused by name */
const known: Readonly<Record<string, TransferSyntax>> = {
  [transferSyntaxUid.implicitLittleEndian]: {
    name: 'Implicit VR little endian',
    encoding: implicitLittleEndian,
    deflated: false,
    pixels: 'native',
    lossy: false,
  },
  [transferSyntaxUid.explicitLittleEndian]: plain('Explicit VR little endian'),
  [transferSyntaxUid.deflated]: { ...plain('Deflated explicit VR little endian'), deflated: true },
  [transferSyntaxUid.explicitBigEndian]: {
    ...plain('Explicit VR big endian'),
    encoding: explicitBigEndian,
  },
  [transferSyntaxUid.rle]: coded('RLE', 'rle'),
  [transferSyntaxUid.jpegBaseline]: coded('JPEG baseline', 'jpeg-baseline', true),
  [transferSyntaxUid.jpegLossless]: coded('JPEG lossless', 'jpeg-lossless'),
  [transferSyntaxUid.jpegLosslessSv1]: coded('JPEG lossless, SV1', 'jpeg-lossless'),
  [transferSyntaxUid.jpegLs]: coded('JPEG-LS lossless', 'jpeg-ls'),
  [transferSyntaxUid.jpegLsNear]: coded('JPEG-LS near-lossless', 'jpeg-ls', true),
  [transferSyntaxUid.jpeg2000Lossless]: coded('JPEG 2000 lossless', 'jpeg-2000'),
  [transferSyntaxUid.jpeg2000]: coded('JPEG 2000', 'jpeg-2000', true),
  '1.2.840.10008.1.2.4.51': coded('JPEG extended', 'jpeg-baseline', true),
  '1.2.840.10008.1.2.4.92': coded('JPEG 2000 multi-component lossless', 'unsupported'),
  '1.2.840.10008.1.2.4.93': coded('JPEG 2000 multi-component', 'unsupported', true),
  '1.2.840.10008.1.2.4.94': coded('JPIP referenced', 'unsupported'),
  '1.2.840.10008.1.2.4.95': coded('JPIP referenced, deflated', 'unsupported'),
  '1.2.840.10008.1.2.4.100': coded('MPEG-2', 'unsupported', true),
  '1.2.840.10008.1.2.4.101': coded('MPEG-2', 'unsupported', true),
  '1.2.840.10008.1.2.4.102': coded('MPEG-4', 'unsupported', true),
  '1.2.840.10008.1.2.4.103': coded('MPEG-4', 'unsupported', true),
  '1.2.840.10008.1.2.4.107': coded('HEVC', 'unsupported', true),
  '1.2.840.10008.1.2.4.108': coded('HEVC', 'unsupported', true),
  '1.2.840.10008.1.2.4.110': coded('JPEG XL lossless', 'unsupported'),
  '1.2.840.10008.1.2.4.111': coded('JPEG XL, JPEG recompressed', 'unsupported', true),
  '1.2.840.10008.1.2.4.112': coded('JPEG XL', 'unsupported', true),
  '1.2.840.10008.1.2.4.201': coded('High-throughput JPEG 2000 lossless', 'unsupported'),
  '1.2.840.10008.1.2.4.202': coded('High-throughput JPEG 2000 lossless, RPCL', 'unsupported'),
  '1.2.840.10008.1.2.4.203': coded('High-throughput JPEG 2000', 'unsupported', true),
  '1.2.840.10008.1.2.8.1': coded('Deflated image frames', 'unsupported'),
}

/** The transfer syntax of a UID, those that are known but not read included. */
export function transferSyntaxOf(uid: string): TransferSyntax | undefined {
  return Object.hasOwn(known, uid) ? known[uid] : undefined
}

function plain(name: string): TransferSyntax {
  return { name, encoding: explicitLittleEndian, deflated: false, pixels: 'native', lossy: false }
}

function coded(name: string, pixels: PixelCoding, lossy = false): TransferSyntax {
  return { ...plain(name), pixels, lossy }
}
